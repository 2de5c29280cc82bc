valktrace check "gc.time > 10%"
