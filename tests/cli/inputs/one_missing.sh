cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --limit 2 missing.vtrace many.vtrace lz4.vtrace
