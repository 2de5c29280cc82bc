cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --format csv --limit 8 run.vtrace | tr -d "\r"
