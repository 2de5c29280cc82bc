cp "$FIXTURES/v1/overwritten.vtrace" run.vtrace
valktrace stats --sort count run.vtrace
