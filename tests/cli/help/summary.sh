valktrace summary --help
