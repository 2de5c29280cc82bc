cp "$FIXTURES/many.vtrace" run.vtrace
valktrace schema --category loop run.vtrace
