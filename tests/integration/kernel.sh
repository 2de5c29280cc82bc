#!/bin/bash
# kernel.sh - the kernel-style tracer in a host: counters, block, event lines, filters, uptime, reset.
. "$(dirname "$0")/lib.sh"

own() { awk -v name="$1" '$1 == name { print $2 }' out; }
block() { sed -n "s/^$1: //p" "block.$2"; }
sample() { valktrace decode --format prometheus "$2" | awk -v name="$1" '$1 == name { print $2 }'; }

timeout 60 "$BUILD/tests/kernel" kernel.vtrace >out 2>err
is 'it ran' "$?$(cat err)" 0

# ---- uptime, enable, disable, reset ---------------------------------------------------------------------

for rule in disabled-no-uptime enabled-runs disabled-keeps-session enabled-again-from-then counters-go-on \
            reset-restarts reset-clears counts-from-0 reset-while-off; do
	is "$rule" "$(own $rule)" 1
done
last=$(ls block.* | sed 's/block.//' | sort -n | tail -n 1)
for i in $(seq "$last"); do
	ok "live block = decode --at #$i" eval "valktrace decode --format kernel --at '#$i' kernel.vtrace |
		cmp - block.$i"
done
has 'verify is content with counters that begin again' "$(valktrace verify kernel.vtrace)" '^kernel.vtrace: undamaged, closed'

# ---- the block says what happened -------------------------------------------------------------------------

is 'block: calls' "$(block Total "$last")" "$(own calls)"
is 'block: failed ones are among them' "$(block Errors "$last")" "$(own errors)"
is 'block: ticks' "$(block Ticks "$last")" 5
is 'block: spawned' "$(block Spawned "$last")" "$(own spawned)"
is 'block: exited' "$(block Exited "$last")" "$(own exited)"
is 'block: signals' "$(block Signals "$last")" "$(own signals)"
is 'block: timers' "$(block Timers "$last")" "$(own timers)"
is 'block: read' "$(block Read "$last")" "$(own read) bytes"
is 'block: written' "$(block Written "$last")" "$(own written) bytes"
is 'block: off' "$(block Tracing "$last")" OFF
is 'block: on' "$(block Tracing 2)" ON
is 'block: as many lines, empty ones too, as the plan has' "$(wc -l <"block.$last")" 25
is 'block: its fixed part' "$(sed -E 's/: .*/:/' "block.$last" | tr '\n' '|')" \
	"=== Kernel Statistics ===|Uptime:|Tracing:|Events buffered:||--- Syscalls ---|Total:|Errors:||$(
	)--- Scheduler ---|Ticks:|Avg tick:|Max tick:||--- Processes ---|Spawned:|Exited:||$(
	)--- Events ---|Signals:|Timers:||--- I/O ---|Read:|Written:|"
is 'the last record of the log is the last block' "$(valktrace decode --format kernel kernel.vtrace |
	grep -v '^Uptime')" "$(grep -v '^Uptime' "block.$last")"

# ---- event lines ------------------------------------------------------------------------------------------

valktrace decode --format kernel-events kernel.vtrace >lines
is 'event lines: all have the form' "$(grep -vE '^\[[0-9]+\.[0-9]{2}\] [A-Z]+ [a-z_]+: ' lines)" ''
is 'event lines: as many as events' "$(wc -l <lines)" "$(valktrace decode kernel.vtrace | wc -l)"
is 'event lines: a detail' "$(sed -n 's/^\[[0-9.]*\] FILE //p' lines)" $'open: /etc/passwd\nopen: '
is 'event lines: the short category, no control bytes' "$(sed -n 's/^\[[0-9.]*\] SCHED //p' lines)" \
	'switch: to\x0aidle'
is 'event lines: a call with its fields' "$(grep -cE 'SYSCALL call: number=[0-9]+ result=-9 time=' lines)" 6
is 'event lines: nothing while it is off' "$(grep -c 'while off' lines)" 0
is 'event lines: none in a category that is not one of the ten' "$(grep -c never lines)" 0

# ---- read-side filters --------------------------------------------------------------------------------------

for category in syscall file scheduler custom meta; do
	is "events by category: $category" "$(valktrace decode --category $category kernel.vtrace)" \
		"$(valktrace decode kernel.vtrace | grep "  $category\.")"
done
is 'events by category: the counts' "$(for c in syscall file scheduler custom; do
	valktrace decode --category $c kernel.vtrace | wc -l; done | tr '\n' ' ')" '18 2 1 1 '
if [ -z "${SAN-}" ]; then
	valktrace record -q -o tree.vtrace -- sh -c "'$BUILD/tests/kernel' a.vtrace >a; '$BUILD/tests/kernel' b.vtrace >b"
	pids=$(valktrace info --json tree.vtrace | jq -r '.processes[] | select(.program == "kernel").pid' | sort -n | uniq)
	ok 'events by pid: two processes and what they forked' test "$(wc -w <<<"$pids")" -ge 2
	valktrace decode --format json tree.vtrace >tree.json
	for pid in $(valktrace decode --format json tree.vtrace | jq .pid | sort -un); do
		is "events by pid: of $pid as of all, picked" "$(valktrace decode --pid "$pid" --format json tree.vtrace)" \
			"$(jq -c "select(.pid == $pid)" tree.json | wc -l | xargs -I{} grep "\"pid\":$pid," tree.json)"
	done
	is 'joined to a recorder: reset, counters' "$(grep -hE '^(reset-restarts|reset-clears|counts-|counters-)' a b |
		awk '{ n += $2 } END { print n }')" 8
else
	skip 'events by pid' 'a sanitized host cannot have a library preloaded before libasan'
fi
finish
