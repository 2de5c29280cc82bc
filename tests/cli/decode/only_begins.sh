cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.begin --limit 3 run.vtrace
valktrace decode --event 'gc.*' --limit 3 run.vtrace
