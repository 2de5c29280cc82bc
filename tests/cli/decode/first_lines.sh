cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --category gc run.vtrace | head -9
