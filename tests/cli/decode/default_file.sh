cp "$FIXTURES/many.vtrace" run.vtrace
mv run.vtrace valktrace.vtrace
valktrace decode --event gc.end --limit 1
