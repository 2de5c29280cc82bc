valktrace decode --min-duration abc
