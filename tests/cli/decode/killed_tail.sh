cp "$FIXTURES/killed.vtrace" run.vtrace
valktrace decode --category gc run.vtrace | tail -3
