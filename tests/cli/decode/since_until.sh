cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.end --since 0.5 --until 0.55s run.vtrace
