valktrace decode --help
