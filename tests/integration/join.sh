#!/bin/bash
# join.sh - a host that records itself, under `valktrace record`: one log, one recorder, one ring a thread.
. "$(dirname "$0")/lib.sh"

"$BUILD/tests/lisp" "$ROOT/tests/hosts/programs/gc.lisp" >/dev/null
ok 'without record it writes a log of its own' test "$(ls ./lisp-*.vtrace | wc -l)" = 1
rm -f lisp-*.vtrace

if [ -x "$BUILD/tests/bin/valktrace" ]; then
	skip 'joining' 'a sanitized host cannot have a library preloaded before libasan'
	finish
fi
lisp=$BUILD/tests/lisp
programs=$ROOT/tests/hosts/programs

valktrace record --category interp --counters 20ms --ring-size 64M -- "$lisp" "$programs/live.lisp" 2>said >/dev/null
is 'the command ends as ever' $? 0
ok 'there is one log' test "$(ls ./*.vtrace)" = ./valktrace.vtrace
is 'it names the program as the host does' \
	"$(valktrace info --json | jq -r '.processes[0].facts | "\(.program) \(.version)"')" 'lisp 0.9.2'
ok 'its collections are in it' test "$(valktrace decode --event gc.end | wc -l)" -gt 5
ok 'so are the calls that record asked for' test "$(valktrace decode --category interp | wc -l)" -gt 100
is 'one ring a thread: no thread has two' \
	"$(valktrace decode --format json | jq -r '"\(.tid)"' | sort -u | wc -l)" \
	"$(valktrace info --json | jq '.threads | length')"
is 'nothing is lost' "$(valktrace info --json | jq .lost)" 0

# Every text that the host printed of itself is the log's record of that number, byte for byte.
same()
{
	local file count=0
	for file in "$2".*; do
		valktrace decode --format "$1" --at "#${file##*.}" 2>/dev/null | cmp -s - "$file" || return 1
		count=$((count + 1))
	done
	test "$count" -gt 3
}
ok 'live Prometheus = decode --at #N' same prometheus prometheus
ok 'live JSON = decode --at #N' same metrics-json json

valktrace record -q -o fork.vtrace -- sh -c "'$lisp' '$programs/gc.lisp' & '$lisp' '$programs/fib.lisp'; wait" >/dev/null
is 'two hosts in a tree: one log' "$(ls ./*.vtrace | wc -l)" 2
is 'both are in it' "$(valktrace info --json fork.vtrace | jq '[.processes[] | select(.facts.program == "lisp")] | length')" 2

finish
