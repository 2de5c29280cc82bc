cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace summary run.vtrace
