cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.end --since -150ms run.vtrace
