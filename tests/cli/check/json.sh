cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace check --json -r "gc.pause.max > 1us" -r "gc.time > 1%" -r "loop.idle < 5%" -r "gc.pause.p99 > 1s" run.vtrace
