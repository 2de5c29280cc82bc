cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace decode --format csv run.vtrace
