valktrace record --warn "gc.tme > 10%" -- true
valktrace record --warn "gc.pause.p99 > 10ms" -- true
