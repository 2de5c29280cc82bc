valktrace check --help
