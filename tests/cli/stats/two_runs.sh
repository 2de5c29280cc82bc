cp "$FIXTURES/v1/none.vtrace" a.vtrace; cp "$FIXTURES/v1/guile.vtrace" b.vtrace
valktrace stats --top 1 a.vtrace b.vtrace
