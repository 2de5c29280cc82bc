valktrace schema --probes
