cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace stats --category http run.vtrace
