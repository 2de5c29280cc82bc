cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --format prometheus --label source=x many.vtrace
