cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace check run.vtrace
