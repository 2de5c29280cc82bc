cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --thread "gc marker" run.vtrace
valktrace decode --tid 4712 run.vtrace
