valktrace report --help
