cp "$FIXTURES/v1/guile.vtrace" run.vtrace
size=$(stat -c %s run.vtrace)
printf xxxxxxxx | dd of=run.vtrace bs=1 seek=$((size / 2)) conv=notrunc status=none
valktrace check -r "gc.time > 1%" run.vtrace 2>/dev/null
