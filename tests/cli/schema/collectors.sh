valktrace schema --collectors
