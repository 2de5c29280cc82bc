cp "$FIXTURES/hostile.vtrace" run.vtrace
valktrace stats -q --json run.vtrace
