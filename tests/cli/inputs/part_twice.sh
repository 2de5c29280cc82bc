cp "$FIXTURES/many.vtrace" a.vtrace
cp a.vtrace b.vtrace
valktrace decode a.vtrace >one
valktrace decode a.vtrace b.vtrace 2>err >two
cmp one two && head -2 err
