valktrace verify
