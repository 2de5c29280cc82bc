cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --exact --limit 9 run.vtrace
