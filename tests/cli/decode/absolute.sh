cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.end --since 2023-11-14T22:13:21.18Z run.vtrace
