cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode run.vtrace | head -1
