cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --where "cycle" run.vtrace
