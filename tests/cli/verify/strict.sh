cp "$FIXTURES"/v1/overwritten.vtrace run.vtrace
valktrace verify --strict run.vtrace
