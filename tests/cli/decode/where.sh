cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --where "cycle >= 99" --where "type = major" run.vtrace
valktrace decode --where "time > 1.08ms" --where "reclaimed >= 512K" run.vtrace
