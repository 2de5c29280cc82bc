cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --where "time > soon" run.vtrace
