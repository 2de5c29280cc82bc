cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace decode run.vtrace
