cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.pauze_end run.vtrace
