cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --category interp,loop run.vtrace
