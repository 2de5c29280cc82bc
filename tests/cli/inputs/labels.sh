cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --format prometheus --label run=%r --label file=%f many.vtrace lz4.vtrace
