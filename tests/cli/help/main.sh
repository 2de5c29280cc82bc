valktrace --help
