cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --format prometheus --at '#77' run.vtrace
