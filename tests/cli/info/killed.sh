cp "$FIXTURES/killed.vtrace" run.vtrace
valktrace info run.vtrace
