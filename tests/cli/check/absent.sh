cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace check -r "loop.idle < 5%" -r "gc.time > 99%" run.vtrace
