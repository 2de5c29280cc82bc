valktrace info nothing.vtrace
