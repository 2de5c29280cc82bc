cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace decode --format json run.vtrace
