valktrace decode
