: >run.vtrace
valktrace run.vtrace
