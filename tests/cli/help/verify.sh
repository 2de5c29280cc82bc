valktrace verify --help
