all=$(valktrace --help | awk '/^(commands|for packagers)$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
[ "$(echo $all | wc -w)" -ge 8 ] || exit 1
for c in '' $all; do
	valktrace $c --help | awk -v c="$c" 'length($0) > 80 || /[^ -~]/ { print c ": " $0; bad = 1 } END { exit bad }' || exit 1
	valktrace $c --help | awk '/^usage: / { u = 1 } /^examples$/ { e = 1 } END { exit !(u && e) }' || exit 1
done
