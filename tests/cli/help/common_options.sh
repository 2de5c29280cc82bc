cp "$FIXTURES/many.vtrace" run.vtrace
for c in decode summary info schema; do
	valktrace $c -q -v -f --color never --no-progress run.vtrace >/dev/null || echo "$c fails"
done
valktrace decode -V | sed 's/ [0-9.]*,/ X,/'
valktrace decode --color=sometimes
valktrace decode --colour never
