cp "$FIXTURES/many.vtrace" run.vtrace
valktrace stats --category gc --step 100ms run.vtrace
