valktrace decode --exact=1
