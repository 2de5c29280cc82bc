cp "$FIXTURES/killed.vtrace" run.vtrace
valktrace summary run.vtrace
