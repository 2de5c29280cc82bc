valktrace run.vtrace
