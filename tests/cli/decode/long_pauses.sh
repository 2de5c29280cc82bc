cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.pause_end --min-duration 1.05ms run.vtrace
