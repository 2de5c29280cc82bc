cp "$FIXTURES/v1/processes.vtrace" run.vtrace
valktrace stats --step 100ms --by thread,category --top 1 run.vtrace
