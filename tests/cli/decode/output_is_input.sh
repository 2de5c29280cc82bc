cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --force -o ./run.vtrace run.vtrace
