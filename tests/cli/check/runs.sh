cp "$FIXTURES/many.vtrace" "$FIXTURES/v1/guile.vtrace" .
valktrace check -r "gc.time > 20%" -r "gc.pause.max > 1s" guile.vtrace many.vtrace
