cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace decode --format kernel-events run.vtrace
