cp "$FIXTURES/many.vtrace" run.vtrace
valktrace info --json run.vtrace
