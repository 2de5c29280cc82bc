valktrace info .
