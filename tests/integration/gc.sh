#!/bin/bash
# gc.sh - everything that gc.h reports, of a heap that does all of it: events, metrics, summary and what the
# host reads of itself agree, in each cycle and in sum.
. "$(dirname "$0")/lib.sh"

# own NAME: what the host counted
own() { awk -v name="$1" '$1 == name { print $2 }' out; }

# counter NAME LOG: of the last record, exactly
counter() { valktrace summary --json "$2" | jq -r ".counters.$1 // 0"; }

# sample FAMILY LOG
sample() { valktrace decode --format prometheus "$2" | awk -v name="$1" '$1 == name { print $2 }'; }

# events LOG NAME: how many there are
events() { valktrace decode --event "$2" --format json "$1" | grep -c '"event":"'; }

# sum EVENT FIELD LOG
sum() { valktrace decode --event "$1" --format json "$3" | jq -s "[.[].$2 // 0] | add // 0"; }

"$BUILD/tests/gc_kinds" kinds.vtrace >out 2>err
is 'the heap is sound after each collection' "$?$(cat err)" 0

# ---- what the host counted = metrics = events ---------------------------------------------------------

for type in minor major incremental_major; do
	is "cycles: $type" "$(sample "valk_gc_collections_total{type=\"$type\"}" kinds.vtrace)" "$(own $type)"
	ok "cycles: $type: there are some" test "$(own $type)" -gt 10
done
is 'cycles: the types add up to all' "$(counter gc_cycles kinds.vtrace)" \
	$(($(own minor) + $(own major) + $(own incremental_major)))
is 'cycles: recorded by the history' "$(own recorded)" "$(counter gc_cycles kinds.vtrace)"
is 'cycles: outcome done' "$(counter gc_outcome_done kinds.vtrace)" "$(counter gc_cycles kinds.vtrace)"
for reason in dirty_pages_exceeded slice_timeout worklist_unbounded satb_buffer_overflow; do
	is "fallback: $reason" "$(sample "valk_gc_fallbacks_total{reason=\"$reason\"}" kinds.vtrace)" \
		"$(own $reason)"
	ok "fallback: $reason: there are some" test "$(own $reason)" -gt 5
	is "fallback: $reason: in the events" "$(valktrace decode --event gc.end --format json kinds.vtrace |
		jq -s "[.[] | select(.fallback == \"$reason\")] | length")" "$(own $reason)"
done
is 'fallback: most cycles that fell back ended as major ones' "$(valktrace decode --event gc.end \
	--format json kinds.vtrace | jq -s '[.[] | select(.fallback and .final_type == "major")] | length')" \
	$(($(own dirty_pages_exceeded) + $(own worklist_unbounded) + $(own satb_buffer_overflow)))
is 'slices: counted by the library' "$(counter gc_slices kinds.vtrace)" "$(own slices)"
is 'slices: events' "$(events kinds.vtrace gc.slice_end)" "$(own slices)"
is 'slices: of all cycles' "$(sum gc.end slices kinds.vtrace)" "$(own slices)"
is 'slices: only of cycles that began as incremental' "$(valktrace decode --category gc --format json \
	kinds.vtrace | jq -s '[.[] | select(.event == "begin" and .type != "incremental_major").cycle] as $full |
	[.[] | select(.event == "end" and (.slices or .dirty_pages) and (.cycle | IN($full[])))] | length')" 0
is 'dirty pages' "$(counter gc_dirty_pages kinds.vtrace)" "$(own dirty_pages)"
is 'dirty pages: of all cycles' "$(sum gc.end dirty_pages kinds.vtrace)" "$(own dirty_pages)"
is 'objects marked' "$(counter gc_objects_marked kinds.vtrace)" "$(own objects_marked)"
is 'objects reclaimed' "$(counter gc_objects_reclaimed kinds.vtrace)" "$(own objects_reclaimed)"
is 'bytes reclaimed' "$(counter gc_reclaimed_bytes kinds.vtrace)" "$(own reclaimed)"
is 'refused and skipped' "$(counter gc_outcome_refused kinds.vtrace) $(counter gc_outcome_skipped kinds.vtrace)" \
	"$(own refused) $(own skipped)"
is 'both are collections that did not happen' "$(counter gc_refused kinds.vtrace)" \
	$(($(own refused) + $(own skipped)))
is 'misuse is counted' "$(counter gc_misused kinds.vtrace)" 1
is 'allocated by type: external' "$(sample 'valk_gc_allocated_bytes_total{type="external"}' kinds.vtrace)" \
	"$(own allocated_external)"
is 'allocated by type: closures' "$(sample 'valk_gc_allocated_bytes_total{type="closure"}' kinds.vtrace)" \
	"$(own allocated_closure)"
is 'generations add up' "$(($(counter gc_heap_young_bytes kinds.vtrace) +
	$(counter gc_heap_old_bytes kinds.vtrace)))" "$(counter gc_heap_used_bytes kinds.vtrace)"
heaps=$(events kinds.vtrace gc.heap)
ok "gc.heap: some events, not one an allocation ($heaps)" test "$heaps" -gt 10 -a "$heaps" -lt 2000

# ---- phases and other are the cycle's time ---------------------------------------------------------------

valktrace decode --category gc --format json kinds.vtrace >all
is 'phases of each cycle are not longer than the cycle' "$(jq -s '
	[.[] | select(.event | test("^(clear|mark|sweep|mark_sweep)_end$"))] as $phases |
	[.[] | select(.event == "end")] | map(. as $cycle |
		select(([$phases[] | select(.cycle == $cycle.cycle).time_ns] | add) > $cycle.time_ns)) | length' all)" 0
is 'phases + other = time of all cycles, to the ns' "$(valktrace summary --json kinds.vtrace | jq '.counters |
	.gc_clear_time_ns + .gc_mark_time_ns + .gc_sweep_time_ns + .gc_mark_sweep_time_ns + .gc_other_time_ns
	- .gc_time_ns')" 0
is 'the same from the events' "$(valktrace summary --json kinds.vtrace |
	jq '(.gc.phases_ns | add) - .gc.time_ns')" 0
is 'events and metrics have the same other' "$(valktrace summary --json kinds.vtrace |
	jq '.gc.phases_ns.other - .counters.gc_other_time_ns')" 0
is 'a minor collection has a combined phase of its own' "$(events kinds.vtrace gc.mark_sweep_end)" "$(own minor)"

# ---- pauses: a slice is one ---------------------------------------------------------------------------------

# agree LOG: events, metrics, histogram and summary tell of the same pauses
agree()
{
	local log=$1 pauses
	pauses=$(($(events "$log" gc.pause_end) + $(events "$log" gc.slice_end)))
	ok "$log: it paused" test $pauses -gt 10
	is "$log: pauses: metric" "$(counter gc_pauses "$log")" $pauses
	is "$log: pauses: histogram" "$(sample valk_gc_pause_duration_seconds_count "$log")" $pauses
	is "$log: pauses: its last bucket" \
		"$(sample 'valk_gc_pause_duration_seconds_bucket{le="+Inf"}' "$log")" $pauses
	is "$log: pauses: summary" "$(valktrace summary --json "$log" | jq .gc.pauses.count)" $pauses
	has "$log: pauses: summary, as text" "$(valktrace summary "$log")" "^pauses +$pauses +total "
	is "$log: time paused: events, metric, histogram" "$(valktrace summary --json "$log" | jq -c \
		'[.gc.pauses.total_ns, .counters.gc_pause_time_ns, .counters.gc_pause_sum_ns] | unique | length')" 1
	is "$log: the histogram by bounds adds up" "$(valktrace summary --json "$log" |
		jq '.histograms.valk_gc_pause_duration_seconds | (.buckets_up_to | add) - .count')" 0
	is "$log: longest: events and metric" "$(valktrace summary --json "$log" |
		jq '.gc.pauses.max_ns - .counters.gc_pause_max_ns')" 0
	is "$log: the histogram is that of the events" "$(valktrace decode --event gc.pause_end --event gc.slice_end \
		--format json "$log" | jq -s '[.[] | select(.time_ns <= 50000)] | length')" \
		"$(sample 'valk_gc_pause_duration_seconds_bucket{le="0.00005"}' "$log")"
	ok "$log: promtool takes it" eval "valktrace decode --format prometheus '$log' |
		promtool check metrics >lint 2>&1 || [ \$? -eq 3 ]"
}

agree kinds.vtrace
VALKTRACE=output=lua.vtrace,ring-size=16M timeout 120 "$BUILD/tests/lua-host" \
	"$ROOT/tests/hosts/programs/garbage.lua" >lua.out
is 'Lua has slices only' "$(events lua.vtrace gc.pause_end)" 0
agree lua.vtrace
has 'Lua: the summary tells of slices' "$(valktrace summary lua.vtrace)" '^slices +[0-9]+ .*each of them a pause$'
has 'Lua: it was paused' "$(valktrace summary lua.vtrace | grep '^--- Garb')" '[1-9][0-9.]* % paused$'
is 'Lua: no line is longer than 80' "$(valktrace summary lua.vtrace | awk 'length > 80')" ''
is 'kinds: no line is longer than 80' "$(valktrace summary kinds.vtrace | awk 'length > 80')" ''

# ---- what the host remembers ----------------------------------------------------------------------------------

is 'history: 64 cycles' "$(own history)" 64
is 'history: all are sound: newest first, phases + other = time' "$(own sound)" 64
is 'history: last, average, max agree with it' "$(own queries)" 1
is 'history: totals by type, bytes, objects' "$(own totals)" 1
is 'history: heap sizes' "$(own sizes)" 1
cycles=$(own recorded)
for size in 10 1000; do
	"$BUILD/tests/gc_kinds" $size.vtrace $size >out
	is "history of $size: as many" "$(own history) $(own sound)" \
		"$([ $size = 10 ] && echo 10 10 || echo "$(own recorded) $(own recorded)")"
	ok "history of $size: all are recorded" test "$(own recorded)" -gt $((cycles / 2))
done
VALKTRACE=output=off.vtrace,events= "$BUILD/tests/gc_kinds" off.vtrace >out
is 'history without events' "$(own sound) $(own queries) $(own totals)" '64 1 1'

ok 'compiled out: builds without the library' gcc -std=c11 -D_GNU_SOURCE -DVALKTRACE_DISABLE -Wall -Wextra \
	-Wpedantic -Werror -I"$ROOT/include" -o disabled "$ROOT/tests/hosts/gc_kinds.c"
./disabled no.vtrace >out
is 'compiled out: the heap collects, nothing is remembered' \
	"$(($(own minor) > 10)) $(own history) $(own recorded) $(ls no.vtrace 2>&1 | grep -c 'No such')" '1 0 0 1'

# ---- an unmodified collector --------------------------------------------------------------------------------------

cat >alloc.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 9000)) (make-list 1000 i))
(gc)    ; so that none comes between the next line and the end
(let ((stats (gc-stats)))
  (format #t "~a ~a~%" (assq-ref stats 'heap-total-allocated) (assq-ref stats 'heap-allocated-since-gc)))
SCHEME
valktrace record -q -o guile.vtrace -- guile alloc.scm >out
read -r total since <out
is 'Guile: allocated, but since the last collection' \
	"$(sample 'valk_gc_allocated_bytes_total{type="other"}' guile.vtrace)" $((total - since))
is 'Guile: used + free = heap' "$(($(counter gc_heap_used_bytes guile.vtrace) +
	$(counter gc_heap_free_bytes guile.vtrace)))" "$(counter gc_heap_total_bytes guile.vtrace)"
agree guile.vtrace

# ---- the longest pause of each interval ---------------------------------------------------------------------------

VALKTRACE=output=intervals.vtrace,events=gc,counters=${SAN:+1}50ms timeout 60 "$BUILD/tests/lisp" \
	"$ROOT/tests/hosts/programs/churn.lisp" >/dev/null
valktrace decode --event gc.pause_end --format json intervals.vtrace | jq .time_ns | sort -n >pauses
for n in $(seq 500); do
	valktrace decode --format prometheus --at "#$n" intervals.vtrace 2>/dev/null >at || break
	awk '$1 == "valk_gc_pause_interval_max_seconds" { printf "%d\n", $2 * 1e6 + 0.5 }' at
done >longest
ok "intervals: $(wc -l <longest) records, $(wc -l <pauses) pauses" test "$(wc -l <longest)" -ge 3 -a "$(wc -l <pauses)" -ge 5
is 'the longest of all is the longest of its interval' "$(sort -n longest | tail -n 1)" \
	"$(awk 'END { printf "%d", $1 / 1e3 + 0.5 }' pauses)"
ok 'it goes down again: it is of an interval' test "$(sort -nu longest | wc -l)" -ge 2
is 'each is the time of a pause, or 0' "$(sort -nu longest | sed '/^0$/d' |
	grep -vxFf <(awk '{ printf "%d\n", $1 / 1e3 + 0.5 }' pauses))" ''
finish
