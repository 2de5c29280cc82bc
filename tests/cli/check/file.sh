cp "$FIXTURES/v1/guile.vtrace" run.vtrace
printf "%s\n" "# limits of CI" "" "gc.time > 99%   # much" "	gc.pause.max>1s" >limits
valktrace check --rules limits run.vtrace; echo "exit $?"
printf "%s\n" "gc.time > 99%" "gc.time >" >limits
valktrace check --rules limits run.vtrace
