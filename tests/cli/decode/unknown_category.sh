cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --category gcc run.vtrace
