valktrace check --subjects
