cp "$FIXTURES/many.vtrace" run.vtrace
valktrace info run.vtrace
