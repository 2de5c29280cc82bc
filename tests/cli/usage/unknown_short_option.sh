valktrace decode -z
