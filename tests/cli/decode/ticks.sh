cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --time ticks --limit 3 run.vtrace
