cp "$FIXTURES/many.vtrace" run.vtrace
valktrace stats run.vtrace
