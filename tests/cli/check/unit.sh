valktrace check -r "gc.time > 10"
valktrace check -r "gc.pause.max > 10"
valktrace check -r "gc.cycles > 10ms"
valktrace check -r "gc.heap.used > 10%"
