cp "$FIXTURES/killed.vtrace" run.vtrace
valktrace decode --format kernel-events run.vtrace | tail -5
