cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace stats --by function,thread run.vtrace
