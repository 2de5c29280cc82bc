valktrace decode --at '#0'
