valktrace schema --help
