#!/bin/bash
# conservation.sh - emitted = decoded + lost, exactly, per thread and category, in both modes; and a
# build that loses one event in a million without counting it is found out.
. "$(dirname "$0")/lib.sh"

events=${EVENTS:-10000000}
[ -z "${SAN-}" ] || events=${EVENTS:-1000000}

for mode in overwrite discard; do
	for threads in 1 2 8; do
		out=$("$BUILD/tests/conserve" $threads "$events" $mode c.vtrace 2>&1)
		status=$?
		echo "$out"
		is "$threads threads x $events, $mode: nothing unaccounted for" $status 0
		has "$threads threads, $mode: all were emitted" "$out" " $((threads * events)) emitted = "
		# The command line's account is the same.
		is "$threads threads, $mode: info adds up" "$(valktrace info --json c.vtrace |
			jq '[.threads[] | select(.decoded | del(.meta) | length > 0)
			     | .decoded + .lost | del(.meta)] | length')" $threads
		is "$threads threads, $mode: info, decoded + lost" "$(valktrace info --json c.vtrace |
			jq '[.threads[] | (.decoded, .lost) | del(.meta) | add // 0] | add')" \
			$((threads * events))
		rm -f c.vtrace
	done
done

out=$("$BUILD/tests/conserve" 2 65536 discard one.vtrace 2>&1)
is 'categories mixed' "$(valktrace info --json one.vtrace |
	jq -c '.categories | del(.meta) | keys')" '["custom","gc","interp","memory","syscall"]'

# The mutant: the only difference is the events that were dropped.
for mode in overwrite discard; do
	out=$("$BUILD/tests/conserve-drop" 2 2000000 $mode d.vtrace 2>&1)
	is "$mode: the mutant is found" $? 1
	has "$mode: ... by the log" "$out" 'decoded \+ lost and emitted'
	has "$mode: ... by the producer's cells" "$out" "producer's cells and emitted"
	rm -f d.vtrace
done
finish
