cp "$FIXTURES/many.vtrace" run.vtrace
valktrace summary run.vtrace
