#!/bin/bash
# lisp.sh - the Lisp host records itself: the metrics of its collector, interpreter and loop, live and
# from the log, and what is left of it after SIGKILL.
. "$(dirname "$0")/lib.sh"
lisp=$BUILD/tests/lisp programs=$ROOT/tests/hosts/programs
export XDG_RUNTIME_DIR=$WORK

# run NAME [OPTION=VALUE...]: runs a program of tests/hosts/programs; its log is NAME.vtrace
run()
{
	local name=$1
	shift
	VALKTRACE=$(IFS=,; echo "output=$name.vtrace${*:+,}$*") timeout 120 "$lisp" "$programs/$name.lisp"
}

# eval_text TEXT: runs the text as a program; its log is eval.vtrace
eval_text()
{
	printf '%s\n' "$1" > eval.lisp
	rm -f eval.vtrace
	VALKTRACE=output=eval.vtrace,counters=10ms timeout 120 "$lisp" eval.lisp
}

# value KEY FILE: of the metrics JSON; one key a line
value() { sed -n "s/^ *\"$1\": \\([^,]*\\),*\$/\\1/p" "$2"; }

# sample FAMILY LOG: of the last record, from the Prometheus text
sample() { valktrace decode --format prometheus "$2" | sed -n "s/^$1 //p"; }

# final KEY LOG: of the last record, from the JSON
final() { valktrace decode --format metrics-json "$2" > final.json; value "$1" final.json; }

# events LOG NAME: how many there are
events() { valktrace decode --event "$2" --format json "$1" | grep -c '"event":'; }

at_least() { [ "$2" != null ] && [ -n "$2" ] && [ "$2" -ge "$1" ]; }

# same FORMAT KIND LOG: every live text KIND.N equals the log's record N, byte for byte
same()
{
	local file n=0
	for file in "$2".*; do
		valktrace decode --format "$1" --at "#${file##*.}" "$3" > at.txt && cmp "$file" at.txt ||
			return 1
		n=$((n + 1))
	done
	[ $n -ge 5 ]
}

# ---- the programs themselves -----------------------------------------------------------------------

for program in fib:6765 sort:'1000 sorted' tail:done churn:0; do
	is "program ${program%%:*}" "$(run "${program%%:*}" 2>&1)" "${program#*:}"
done
is 'program closures' "$(run closures 2>&1)" $'3 1\n12\n(1 4 9 16)\n(3 4)'
is 'program errors' "$(run errors 2>&1 | tail -n 3)" $'division by zero\nsurvived\nrecursion is too deep'
is 'program out-of-heap' "$(VALKTRACE=output=heap.vtrace "$lisp" --heap 1000000 "$programs/out-of-heap.lisp" 2>&1)" \
	$'out of heap\n#t'
is 'forms from a pipe' "$(printf '(define x 20)\n(+ x' | { cat; sleep 0.05; echo ' 22)'; } |
	VALKTRACE=output=repl.vtrace "$lisp")" $'x\n42'
has 'an error in a callback is told' "$(eval_text '(after 1 (lambda () (car 1)))' 2>&1)" 'a pair is expected'

# ---- the collector: item 13 ------------------------------------------------------------------------

VALKTRACE=output=init.vtrace "$lisp" --heap 1048576 --metrics /dev/null > init.json
is 'at init no cycles' "$(value cycles_total init.json | tr 0 n | cut -c1)" n
is 'at init no pause' "$(value pause_us_max init.json | tr 0 n | cut -c1)" n
is 'at init the total is the hard limit' "$(value heap_total_bytes init.json)" 1048576
is 'at init no evals' "$(value evals_total init.json)" 0
is 'at init no calls' "$(value function_calls init.json)$(value builtin_calls init.json)" 00
is 'at init no iterations' "$(value iterations init.json)" 0

run gc
is 'no collection, no cycle' "$(value cycles_total gc.0 | tr 0 n | cut -c1)" n
is 'one collection' "$(value cycles_total gc.1)" 1
is 'two collections' "$(value cycles_total gc.2)" 2
is 'five collections' "$(value cycles_total gc.5)" 5
pause_total=$(sample valk_gc_pause_seconds_total gc.vtrace)
pause_max=$(sample valk_gc_pause_seconds_max gc.vtrace)
ok 'pause total > 0, max > 0, max <= total' \
	awk "BEGIN { exit !($pause_max > 0 && $pause_total >= $pause_max) }"
ok 'something was reclaimed' at_least 1 "$(value reclaimed_bytes_total gc.5)"
is 'the heap total is the limit' "$(value heap_total_bytes gc.5)" 16777216

# (cycles time paused reclaimed) of the last collections, in the program itself
recent=$(eval_text '(gc) (gc) (gc) (print (vm/gc-recent 2)) (print (vm/gc-recent 99))')
is 'the last two collections, and all of them' "$(sed -E 's/^\(([0-9]+) .*/\1/' <<<"$recent" | tr '\n' ' ')" '2 3 '
has 'a pause is within the time of its collection' "$(sed -n 2p <<<"$recent" | tr -d '()' |
	awk '{ print ($3 > 0 && $3 <= $2) ? "yes" : "no" }')" yes
is 'reset forgets collections and calls' "$(eval_text '(gc) (vm/reset) (print (vm/gc-recent 9)) (gc)'
	sample valk_gc_cycles_total eval.vtrace)" $'(0 0 0 0)\n1'
eval_text '(gc) (write-file "heap.prom" (vm/metrics-prometheus))'
is 'allocated by type - reclaimed = used' "$(awk '/^valk_gc_allocated_bytes_total/ { n += $2 }
	/^valk_gc_reclaimed_bytes_total / { n -= $2 } END { printf "%d", n }' heap.prom)" \
	"$(awk '/^valk_gc_heap_used_bytes / { print $2 }' heap.prom)"

# ---- the interpreter: item 22 ----------------------------------------------------------------------

eval_text '(+ 1 2)'
ok 'an eval for (+ 1 2)' at_least 1 "$(final evals_total eval.vtrace)"
is 'a builtin call for (+ 1 2)' "$(final builtin_calls eval.vtrace)" 1
run depth > /dev/null
ok 'depth of a recursion of 10' at_least 10 "$(final stack_depth_max depth.vtrace)"
is 'calls of a recursion of 10' "$(final function_calls depth.vtrace)" 11
run tail > /dev/null 2>&1 < /dev/null
is 'a million tail calls have depth 1' "$(final stack_depth_max tail.vtrace)" 1
is 'a million tail calls are counted' "$(sample valk_tail_calls_total tail.vtrace)" 1000000
ok 'closures are counted' at_least 5 "$(final closures_created closures.vtrace)"
ok 'lookups are counted' at_least 20 "$(final env_lookups closures.vtrace)"

deep='(define (deep n) (if (= n 0) (error "bottom") (+ 1 (deep (- n 1)))))
(define (again n) (try (lambda () (deep 9)) (lambda (why) why)) (if (= n 0) n (again (- n 1))))
(again 50)'
eval_text "$deep"
# again, the thunk that tail-calls deep, nine more of deep: 50 errors leave nothing on top of that
is 'errors do not leak depth' "$(final stack_depth_max eval.vtrace)" 11
eval_text "$deep (vm/trace-enable \"interp\") (deep 2)" 2> /dev/null
is 'interp events: calls' "$(events eval.vtrace interp.call)" 3
has 'interp events: names' "$(valktrace decode --event interp.call eval.vtrace)" 'function=deep'

# ---- the loop: item 29 -----------------------------------------------------------------------------

uv=$(ldd "$lisp" | sed -n 's/.*=> \(.*libuv[^ ]*\).*/\1/p')
is 'program timers' "$(run timers 2>&1)" $'2262 primes\n7 fired'
ok 'iterations with an active handle' at_least 1 "$(value iterations timers.json)"
ok 'idle after a 10 ms timer' at_least 1000 "$(value idle_time_us timers.json)"
is 'timers are counted' "$(sample valk_kernel_timers_fired_total timers.vtrace)" 10
ok 'ticks are counted' at_least 1 "$(sample valk_kernel_ticks_total timers.vtrace)"
is 'program pipes' "$(run pipes 2>&1)" '25 bytes'
if [ -n "$uv" ] && grep -q uv_metrics_info "$uv"; then
	ok 'five pipes are five events' at_least 5 "$(value events_processed pipes.json)"
else
	is 'events are absent, not 0, before libuv 1.45' "$(value events_processed pipes.json)" null
fi
has 'work on a pool thread has a ring of its own' \
	"$(valktrace info timers.vtrace)" '^threads +[2-9]|custom'
eval_text '(vm/trace-enable "custom") (work 100 (lambda (n) n))'
has 'a note from a pool thread' "$(valktrace decode --category custom eval.vtrace)" \
	'worker.*custom.note.*name=primes detail=25'

# ---- live and from the log -------------------------------------------------------------------------

run live counters=20ms
ok 'live JSON = decode --at #N' same metrics-json json live.vtrace
ok 'live Prometheus = decode --at #N' same prometheus prometheus live.vtrace
ok 'live kernel summary = decode --at #N' same kernel kernel live.vtrace
ok 'they differ from each other' [ "$(cat json.* | grep -c evals_total)" -eq "$(cat json.* | grep evals_total | sort -u | wc -l)" ]
rm -f json.* prometheus.* kernel.* live.vtrace
run live codec=lz4,mode=discard,ring-size=16K
ok 'the same with small rings, lz4, discard' same prometheus prometheus live.vtrace
is 'each of 300 quick reads has its record' "$(run bursts) $(valktrace decode --format metrics-json --at '#300' bursts.vtrace | grep -c evals_total) $(valktrace decode --format metrics-json --at '#17' bursts.vtrace | grep -c evals_total)" '300 1 1'
eval_text '(gc) (write-file "combined.json" (vm/combined-json))'
is 'combined JSON is one object of both' "$(python3 -c 'import json
d = json.load(open("combined.json"))
print(sorted(d), d["aio_metrics"], d["vm_metrics"]["gc"]["cycles_total"], [len(v) for v in d["vm_metrics"].values()])' 2>&1)" \
	"['aio_metrics', 'vm_metrics'] None 1 [8, 6, 4]"

# ---- the last record against the events ------------------------------------------------------------

cycles=$(final cycles_total churn.vtrace)
ok 'the churn collects' at_least 5 "$cycles"
is 'gc cycles = gc.end events' "$(events churn.vtrace gc.end)" "$cycles"
is 'gc cycles = gc.begin events' "$(events churn.vtrace gc.begin)" "$cycles"
valktrace decode --event gc.end --format csv churn.vtrace > ends.csv
sum() { awk -F, -v want="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ "^" want) at = i; next }
	{ n += $at } END { printf "%d\n", n }' "$2"; }
is 'reclaimed = sum over gc.end' "$(sum reclaimed ends.csv)" "$(final reclaimed_bytes_total churn.vtrace)"
valktrace decode --event gc.pause_end --format csv churn.vtrace > pauses.csv
is 'pause total = sum over gc.pause_end' "$(($(sum time pauses.csv) / 1000))" "$(final pause_us_total churn.vtrace)"
is 'iterations = loop.iteration events' "$(events timers.vtrace loop.iteration)" "$(final iterations timers.vtrace)"

# ---- stop and start again --------------------------------------------------------------------------

is 'restart runs' "$(timeout 60 "$BUILD/tests/restart" a.vtrace b.vtrace 2>&1)" $'first 8000\nsecond 8000'
for log in a b; do
	is "restart: all events are in $log" "$(events $log.vtrace gc.refused)" 8000
	is "restart: its counters begin at 0 in $log" "$(sample valk_gc_refused_total $log.vtrace)" 8000
	is "restart: nothing lost in $log" "$(sample valk_trace_complete $log.vtrace)" 1
	has "restart: $log is whole" "$(valktrace verify $log.vtrace)" 'undamaged, closed, '
done
is 'restart: a largest value is of its own recording' \
	"$(sample valk_stack_depth_max a.vtrace) $(sample valk_stack_depth_max b.vtrace)" '100 10'
is 'restart: the version is of its own recording' \
	"$(valktrace decode --format prometheus b.vtrace | grep -o 'version="[a-z]*"')" 'version="second"'

# ---- SIGKILL -----------------------------------------------------------------------------------------

VALKTRACE=output=killed.vtrace "$lisp" "$programs/endless.lisp" > said.txt 2>&1 &
pid=$!
for _ in $(seq 100); do
	[ "$(wc -l < said.txt)" -lt 500 ] || break
	sleep 0.05
done
{ kill -KILL $pid; wait $pid; } 2> /dev/null
said=$(grep -c . said.txt)
[ -z "$(tail -c 1 said.txt)" ] || said=$((said - 1))
ok 'the endless program ran' at_least 500 "$said"
ends=$(events killed.vtrace gc.end)
ok "after SIGKILL all $said collections it told of are decoded (got $ends)" at_least "$said" "$ends"
ok 'and no more than began' [ "$ends" -le "$((said + 2))" ]
finish
