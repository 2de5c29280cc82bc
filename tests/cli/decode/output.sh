cp "$FIXTURES/many.vtrace" run.vtrace
valktrace decode --event gc.end --limit 1 -o out run.vtrace && cat out
valktrace decode --event gc.end --limit 2 -o out run.vtrace
echo $?
valktrace decode --event gc.end --limit 2 --force -o out run.vtrace && cat out
valktrace decode --format prometheus -o out run.vtrace && head -1 out
ls
