valktrace decode - other
