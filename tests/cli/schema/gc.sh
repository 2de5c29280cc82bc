valktrace schema --category gc
