cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode -o no/such/dir/out run.vtrace
