cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --format prometheus many.vtrace lz4.vtrace
