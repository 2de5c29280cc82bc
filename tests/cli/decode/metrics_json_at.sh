cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --format metrics-json --at "#1" run.vtrace
