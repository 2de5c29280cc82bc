cp "$FIXTURES/v1/kinds.vtrace" run.vtrace
valktrace stats --by result --top 4 --sort max run.vtrace
