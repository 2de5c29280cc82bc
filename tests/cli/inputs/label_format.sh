cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --label run=x many.vtrace
