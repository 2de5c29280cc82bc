cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --format json --limit 8 run.vtrace
