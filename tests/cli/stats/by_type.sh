cp "$FIXTURES/many.vtrace" run.vtrace
valktrace stats --event gc.begin --by type --sort name run.vtrace
