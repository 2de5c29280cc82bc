cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace stats --by event,thread,cycle,type run.vtrace
