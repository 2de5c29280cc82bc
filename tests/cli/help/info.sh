valktrace info --help
