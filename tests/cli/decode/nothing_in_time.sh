cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --since 100s run.vtrace
