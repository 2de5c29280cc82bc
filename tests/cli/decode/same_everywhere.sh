cp "$FIXTURES/hostile.vtrace" run.vtrace
for l in C C.UTF-8 de_DE.UTF-8; do
	for z in UTC America/New_York; do
		LC_ALL=$l TZ=$z valktrace decode --time utc run.vtrace 2>/dev/null | cksum
		LC_ALL=$l TZ=$z valktrace summary run.vtrace 2>/dev/null | cksum
	done
done | sort | uniq -c | awk "{ print \$1 }"
