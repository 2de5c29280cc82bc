cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace stats --by result run.vtrace
