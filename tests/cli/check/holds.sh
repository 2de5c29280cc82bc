cp "$FIXTURES/many.vtrace" run.vtrace
valktrace check -r "gc.time > 50%" -r "gc.pause.max > 1s" -r "gc.pause.p999 >= 1s" -r "lost > 0" run.vtrace
