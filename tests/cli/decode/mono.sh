cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --time mono --limit 3 run.vtrace
