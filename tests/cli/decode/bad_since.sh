cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --since yesterday run.vtrace
