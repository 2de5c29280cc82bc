cp "$FIXTURES/v1/guile.vtrace" run.vtrace
valktrace check -r "gc.tme > 10%" run.vtrace
valktrace check -r "valk_gc_cycle_total > 10" run.vtrace
valktrace check -r "blorb > 10" run.vtrace
