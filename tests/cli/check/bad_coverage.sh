valktrace check --min-coverage 101
valktrace check --min-coverage much
