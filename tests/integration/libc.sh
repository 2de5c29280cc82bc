#!/bin/bash
# libc.sh - calls of the C library: their numbers are exact, a program does not notice, and what else it may
# have preloaded goes on working.
. "$(dirname "$0")/lib.sh"

CALLS=$BUILD/tests/calls
calls() { valktrace summary --json "$1" | jq -r '.calls | to_entries[] | "\(.key) \(.value.count) \(.value.errors)"' | sort; }
counter() { valktrace summary --json "$1" | jq ".counters.$2"; }

# ---- exact numbers ------------------------------------------------------------------------------------

for what in plain threads fork spawn heap; do
	"$CALLS" $what >plain.out 2>plain.err
	status=$?
	for options in '' --all --calls=off; do
		# shellcheck disable=SC2086
		valktrace record -q $options -o x.vtrace -- "$CALLS" $what >out 2>err
		is "$what $options: the status" $? $status
		ok "$what $options: what it says" cmp -s out plain.out
		ok "$what $options: stderr" cmp -s err plain.err
		[ -n "$options" ] || cp x.vtrace $what.vtrace
		[ "$options" != --calls=off ] || is "$what: nothing is counted" \
			"$(valktrace summary --json x.vtrace | jq '[.calls, .counters.kernel_syscalls]' -c)" '[null,null]'
	done
	is "$what: no failure" $status 0
done
is 'plain: each call and its errors' "$(calls plain.vtrace)" 'clock_nanosleep 1 1
close 5 1
fclose 1 0
fcntl 2 0
fopen 2 1
fstat 1 0
kill 3 1
mkdir 1 0
mmap 2 1
munmap 1 0
nanosleep 1 0
open 3 1
poll 1 0
pread 1 0
pthread_kill 1 0
raise 2 0
read 1001 1
recv 1 0
rmdir 1 0
send 1 0
sigaction 2 0
signal 2 0
socketpair 1 0
unlink 2 1
write 1 0'
is 'bytes read' "$(counter plain.vtrace libc_read_bytes)" 10006
is 'bytes written' "$(counter plain.vtrace libc_written_bytes)" 9
is 'signals sent' "$(counter plain.vtrace libc_signals_sent)" 5
is 'signals whose handler ran' "$(counter plain.vtrace libc_signals_handled)" 4
is 'eight threads' "$(calls threads.vtrace)" 'close 8 0
open 8 0
read 80000 0'
is 'children: what they did before an exec or _exit' \
	"$(calls fork.vtrace | grep -E '^(fork|read|wait|waitpid|execl|execlp) ')" 'execl 1 1
execlp 1 0
fork 3 0
read 30 0
wait 1 1
waitpid 3 0'
is 'children: processes' "$(counter fork.vtrace libc_spawned) $(counter fork.vtrace libc_reaped)" '3 3'
is 'spawn: processes' "$(counter spawn.vtrace libc_spawned) $(counter spawn.vtrace libc_reaped)" '2 3'
valktrace record -q --category memory -o heap.vtrace -- "$CALLS" heap >/dev/null
is 'the allocator, when it is asked for' "$(calls heap.vtrace | grep -v -e ^m -e ^free)
$(calls heap.vtrace | grep ^malloc | cut -d' ' -f1,3)" 'calloc 500 0
posix_memalign 2 1
realloc 500 0
malloc 1'
kernel=$(valktrace decode --format kernel plain.vtrace)
has 'the kernel block has them: calls' "$kernel" '^Total: 1040$'
has '... errors' "$kernel" '^Errors: 8$'
has '... bytes' "$kernel" '^Read: 10006 bytes$'
has '... handlers that ran' "$kernel" '^Signals: 4$'

# ---- what is shown ------------------------------------------------------------------------------------

page=$(valktrace summary plain.vtrace)
has 'summary: the heading' "$page" '^--- Calls --- +calls +errors +total +mean +min +max$'
has 'summary: a row' "$page" '^read +1,001 +1 '
is 'summary: twelve rows, then how many more' "$(sed -n '/^--- Calls/,/^and/p' <<<"$page" | wc -l) $(grep '^and ' <<<"$page")" \
	'14 and 13 more'
is 'summary: 80 columns' "$(awk 'length > 80' <<<"$page")" ''
ok 'summary: sums, means and bounds agree' test true = "$(jq '.calls | all(.[];
	.min_ns <= .mean_ns and .mean_ns <= .max_ns and .max_ns <= .total_ns and .errors_ns <= .total_ns)' \
	<(valktrace summary --json plain.vtrace))"
prometheus=$(valktrace decode --format prometheus plain.vtrace)
has 'prometheus: calls' "$prometheus" '^valk_calls_total\{call="read",category="file"\} 1001$'
has 'prometheus: errors' "$prometheus" '^valk_call_errors_total\{call="read",category="file"\} 1$'
has 'prometheus: seconds' "$prometheus" '^valk_call_seconds_total\{call="read",category="file"\} [0-9.]+$'
if command -v promtool >/dev/null; then
	ok 'prometheus: promtool takes it' promtool check metrics <<<"$prometheus"
fi

# ---- events, when the category is asked for ------------------------------------------------------------

valktrace record -q --category file,signal -o x.vtrace -- "$CALLS" plain >/dev/null
events=$(valktrace decode x.vtrace)
is 'an event for each call of a category' "$(grep -c ' file\.call ' <<<"$events") $(grep -c ' signal\.call ' <<<"$events")" \
	'1021 10'
is 'none of another' "$(grep -cE ' (ipc|timer|memory|process)\.call ' <<<"$events")" 0
has 'function, result, bytes, time' "$events" 'file\.call +function=read result=10 bytes=10B? time='
has 'the error of a failure' "$events" 'file\.call +function=unlink result=-1 error=2 time='
is 'neither paths nor contents' "$(grep -cE 'nosuch|1234567|/dev/zero' x.vtrace)" 0

# ---- against ltrace ------------------------------------------------------------------------------------

if command -v ltrace >/dev/null && ltrace -c -o ltrace.out "$CALLS" plain >/dev/null 2>&1 && [ -s ltrace.out ]; then
	for call in read open close unlink mkdir sigaction fcntl; do
		is "ltrace counts as many: $call" "$(awk -v c=$call '$NF == c { print $(NF - 1) }' ltrace.out)" \
			"$(calls plain.vtrace | awk -v c=$call '$1 == c { print $2 }')"
	done
else
	skip 'ltrace' 'not installed, or not allowed to trace'
fi

# ---- other allocators ----------------------------------------------------------------------------------

for name in libjemalloc.so.2 libtcmalloc_minimal.so.4; do
	library=$(ldconfig -p | awk -v n=$name '$1 == n { print $NF; exit }')
	[ -z "${SAN-}" ] || { skip "$name" "a sanitizer has an allocator of its own"; continue; }
	[ -n "$library" ] || { skip "$name" 'not installed'; continue; }
	for options in '' --all; do
		for program in "$CALLS heap" "$CALLS threads" 'perl -e print(1)' 'sh -c ls|wc'; do
			want=$(LD_PRELOAD=$library $program 2>&1; echo $?)
			# shellcheck disable=SC2086
			got=$(LD_PRELOAD=$library valktrace record -q $options -o x.vtrace -- $program 2>&1; echo $?)
			is "$name, $options ${program##*/}" "$got" "$want"
		done
	done
done
finish
