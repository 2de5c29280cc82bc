valktrace schema --category gcc
