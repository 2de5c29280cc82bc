cp "$FIXTURES/v1/discarded.vtrace" run.vtrace
valktrace check -r "interp.call.count < 1" run.vtrace; echo "exit $?"
valktrace check --min-coverage 50 -r "interp.call.count < 1" run.vtrace; echo "exit $?"
# More events could not take this back.
valktrace check -r "interp.call.count > 5" run.vtrace; echo "exit $?"
valktrace check -r "lost > 0" -r "lost.share > 50%" run.vtrace
