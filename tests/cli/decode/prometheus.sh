cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --format prometheus run.vtrace
