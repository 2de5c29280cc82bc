cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode run.vtrace >/dev/full
