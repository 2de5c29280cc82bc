cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace stats --step 1us run.vtrace
