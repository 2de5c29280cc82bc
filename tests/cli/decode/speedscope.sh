cp "$FIXTURES/v1/kinds.vtrace" run.vtrace
valktrace decode --format speedscope run.vtrace
