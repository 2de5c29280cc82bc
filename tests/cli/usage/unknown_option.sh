valktrace decode --catgory gc
