cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace info run.vtrace
