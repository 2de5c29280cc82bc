cp "$FIXTURES/v1/killed.vtrace" run.vtrace
valktrace decode --format chrome --time ticks run.vtrace
