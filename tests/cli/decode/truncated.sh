cp "$FIXTURES/many.vtrace" run.vtrace
head -c -3008 run.vtrace >cut.vtrace
valktrace decode cut.vtrace | tail -2
valktrace decode cut.vtrace >/dev/null 2>&1
echo $?
