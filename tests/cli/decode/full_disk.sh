cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode -o /dev/full run.vtrace
