cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/lz4.vtrace" .
valktrace decode --event gc.begin --until 40ms many.vtrace lz4.vtrace | head -5
valktrace decode --event gc.begin --until 40ms many.vtrace lz4.vtrace | tail -3
