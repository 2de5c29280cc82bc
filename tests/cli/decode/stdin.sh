cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.end --limit 1 - <run.vtrace
cat run.vtrace | valktrace decode --event gc.end --limit 1 -
