cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --where "cylce > 1" run.vtrace
