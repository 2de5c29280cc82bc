valktrace check --rules limits
