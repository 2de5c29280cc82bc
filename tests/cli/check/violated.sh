cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace check -r "gc.pause.max > 1us" -r "gc.pause.p50>1us" -r "gc_mark_time/s > 1%" -r "valk_gc_cycles_total > 3" -r "gc.heap.used > 100KiB" -r "gc.sweep_end.count > 3" run.vtrace
