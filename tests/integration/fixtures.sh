#!/bin/bash
# fixtures.sh - the golden logs decode to what they always decoded to, and the bad ones fail as the table
# beside them says, within bounded time and memory.
. "$(dirname "$0")/lib.sh"

while IFS=$'\t' read -r name exit events lost closed sum; do
	valktrace decode --format json "$ROOT/fixtures/v1/$name" >json 2>err
	status=$?
	is "v1/$name: exit, events, lost, closed" "$status $(valktrace info --json "$ROOT/fixtures/v1/$name" \
		2>/dev/null | jq -r '"\(.events) \(.lost) \(.closed)"')" "$exit $events $lost $closed"
	is "v1/$name: the same JSON as ever" "$(md5sum <json | cut -d ' ' -f 1)" "$sum"
	ok "v1/$name: small" test "$(stat -c %s "$ROOT/fixtures/v1/$name")" -le 16384
done <"$ROOT/fixtures/v1/expected"

# A sanitizer's shadow memory needs more address space than any limit allows.
limit=262144
[ -z "${SAN-}" ] || limit=unlimited
while IFS=$'\t' read -r name exit pattern; do
	for command in 'decode --format json' summary info; do
		(ulimit -v $limit; timeout 20 valktrace $command "$ROOT/fixtures/bad/$name") >out 2>err
		status=$?
		# `info` reads no section: it cannot see what is wrong inside one.
		[ "$command $name $status" != 'info section-bytes.vtrace 0' ] || continue
		is "bad/$name: $command: exit code" $status "$exit"
		[ "$command" != 'decode --format json' ] || has "bad/$name: said what" "$(cat err)" "$pattern"
	done
done <"$ROOT/fixtures/bad/expected"

for directory in v1 bad; do
	is "every log of $directory is in its table" "$(cd "$ROOT/fixtures/$directory" && ls ./*.vtrace)" \
		"$(cut -f 1 "$ROOT/fixtures/$directory/expected" | sort | sed 's/^/.\//')"
done
is 'every fixture is in the index' "$(cd "$ROOT/fixtures" && for file in *.vtrace *.scm v1/*.vtrace bad/*.vtrace; do
	grep -qF "\`$file\`" README.md || echo "$file"; done)" ''
finish
