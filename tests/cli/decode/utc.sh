cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --time utc --limit 3 run.vtrace
