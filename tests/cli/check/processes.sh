cp "$FIXTURES/v1/processes.vtrace" run.vtrace
valktrace check -r "gc.time > 10%" -r "gc.pause.max > 1us" -r "gc.cycles > 1" run.vtrace
