cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace stats --event gc.pause_end --step 10ms --sort max --top 3 run.vtrace
