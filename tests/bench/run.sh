#!/bin/bash
# run.sh BUILD - what `make bench` does: five samples of every figure, one line each: name value unit.
# CHECK=1 adds the bounds and fails when one is missed; BENCH_LONG=1 adds what needs a log of 1 GB. ONLY='NAME...'
# takes the groups below whose names contain one; EVENTS, RUNS, PAIRS and VERBOSE=1 are for trying things.
# What cannot be measured here has a - for its value and the reason.
set -eu -o pipefail
export GUILE_AUTO_COMPILE=0

build=$1
bench=$build/tests/bench
tool=$build/valktrace
runs=${RUNS:-5}
pairs=${PAIRS:-21}
events=${EVENTS:-20000000}
directory=$(mktemp -d "${TMPDIR:-/tmp}/valktrace-bench-XXXXXX")
samples=$directory/samples
skipped=$directory/skipped
trap 'rm -rf "$directory"' EXIT

# name, unit, bound (<=, >=, or - for none); the order of the output
figures='
emit_ratio ratio <=1.2
emit_floor_ratio ratio -
emit_ratio_pic ratio <=1.3
emit_disabled_ns ns <=0.3
count_ns ns <=1.5
sustained_ratio ratio <=1.6
drain_ratio_ev2 ratio <=1.5
drain_ratio_mixed ratio <=2.5
bytes_per_event_zstd bytes <=2.6
bytes_per_event_lz4 bytes <=3.4
bytes_per_event_ev2 bytes <=3.5
gc_filter_seconds s <=0.010
gc_filter_bytes_read_percent % <=2
gc_filter_100m_seconds s <=0.05
first_line_ms ms <=20
first_line_no_index_ms ms <=20
summary_events_per_second 1/s >=50000000
summary_2core_events_per_second 1/s >=100000000
text_events_per_second 1/s >=10000000
text_2core_events_per_second 1/s >=16000000
report_seconds s <=3
report_bytes bytes <=2000000
gc_filter_peak_mib MiB <=128
summary_peak_mib MiB <=128
text_peak_mib MiB <=128
report_peak_mib MiB <=128
idle_cpu_percent % <=0.1
rss_base_kib KiB <=1024
rss_thread_kib KiB <=640
first_emit_us us <=20
start_ms ms <=15
lua_default_overhead_percent % <=3
lua_hook_ratio ratio <=1.5
libc_stats_overhead_percent % <=20
guile_overhead_percent % <=1
guile_overhead_spread_percent % -
guile_overhead_instructions_percent % <=0.5
worst_spread_percent % -
'

# take NAME COMMAND...: the command prints one sample, which gets this name
take() { local name=$1; shift; "$@" | sed "s/^[a-z]*/$name/" >> "$samples"; }
# rate NAME COMMAND...: the same, in events a second of the reference log
rate() { local name=$1; shift; "$@" | awk -v n="$name" -v e="$events" '{ print n, e / $2 }' >> "$samples"; }
times() { local i; for ((i = 0; i < runs; i++)); do "$@"; done; }

emit_pic() { "$bench/bench_emit_pic" | sed 's/^\([a-z_]*\) /\1_pic /' >> "$samples"; }
emit() { "$bench/bench_emit" >> "$samples"; }
sustained() { "$bench/bench_pipeline" sustained "$directory/ev2.vtrace" >> "$samples"; rm -f "$directory"/ev2*; }
drain() { "$bench/bench_pipeline" drain "$1" "$directory/drain.vtrace" >> "$samples"; rm -f "$directory"/drain*; }
idle() { "$bench/bench_host" idle "$directory/idle.vtrace" 5 >> "$samples"; rm -f "$directory"/idle*; }
first() { "$bench/bench_host" first "$directory/first.vtrace" >> "$samples"; rm -f "$directory"/first*; }
rss() { "$bench/bench_host" rss "$directory/rss.vtrace" >> "$samples"; rm -f "$directory"/rss*; }

# lua NAME FORMULA N COMMAND...: seconds of fib(N) under plain COMMAND (a), then recorded (b), by turns; the
# sample is FORMULA of the two. RECORD has the options; COMMAND may differ from what is recorded.
lua()
{
	local name=$1 formula=$2 n=$3 a b
	shift 3
	a=$("$bench/bench_command" wall -1 "$@" "$directory/fib.lua" "$n")
	b=$("$bench/bench_command" wall -1 "$tool" record -q -f -o "$directory/lua.vtrace" ${RECORD-} -- \
		lua5.4 "$directory/fib.lua" "$n")
	awk -v n="$name" -v a="${a#* }" -v b="${b#* }" "BEGIN { print n, $formula }" >> "$samples"
}
lua_default() { RECORD='' lua lua_default_overhead_percent '100 * (b / a - 1)' 35 lua5.4; }
lua_hook() { RECORD='--category interp' LUA_CPATH="$bench/?.so" lua lua_hook_ratio 'b / a' 32 lua5.4 -l lua_empty; }

# 1-byte reads of /dev/zero, with and without the agent, by turns: in percent of without.
libc_stats()
{
	local plain recorded
	plain=$("$build/tests/calls" reads 1000000)
	recorded=$("$tool" record -q -f -o "$directory/libc.vtrace" -- "$build/tests/calls" reads 1000000)
	awk -v a="$plain" -v b="$recorded" 'BEGIN { print "libc_stats_overhead_percent", 100 * (b - a) / a }' >> "$samples"
}

# skip FIGURE WORDS...
skip() { echo "$@" >> "$skipped"; }

# ---- Guile under `record` as it comes: a collection every few ms, for more than 2 s

guile_program()
{
	cat > "$directory/gc.scm" << 'EOF'
(define table (make-hash-table))
(define (work n)
  (do ((i 0 (+ i 1)))
      ((= i n))
    (hash-set! table (modulo i 2000) (make-list 60 i))
    (make-vector 40 i)
    (number->string i)))
(work (string->number (cadr (command-line))))
(display (assq-ref (gc-stats) 'gc-times))
EOF
	guile=(guile "$directory/gc.scm")
	recorded=("$tool" record -q -f -o "$directory/guile.vtrace" --)
}

# guile_recorded TIMES: the last log has as many collections as Guile counted; else there is nothing to compare.
guile_recorded()
{
	local found
	found=$("$tool" decode -q --event gc.end "$directory/guile.vtrace" | wc -l)
	[ "$found" -eq "$1" ] || {
		echo "bench: Guile counted $1 collections, its log has $found" >&2
		exit 1
	}
}

# Pairs of runs, by turns: the median overhead, and the distance of its quartiles.
guile_wall()
{
	local n=$1 a b i
	guile_program
	for ((i = 0; i < pairs; i++)); do
		# Now one first, now the other: a drift of the machine is nobody's.
		[ $((i % 2)) -eq 1 ] || a=$("$bench/bench_command" wall -1 "${guile[@]}" "$n")
		b=$("$bench/bench_command" wall -1 "${recorded[@]}" "${guile[@]}" "$n")
		[ $((i % 2)) -eq 0 ] || a=$("$bench/bench_command" wall -1 "${guile[@]}" "$n")
		awk -v a="${a#* }" -v b="${b#* }" 'BEGIN { print 100 * (b / a - 1), a }'
	done | sort -g > "$directory/pairs"
	guile_recorded "$("${recorded[@]}" "${guile[@]}" "$n")"
	awk '{ at[NR] = $1 }
		END {
			print "guile_overhead_percent", at[int((NR + 1) / 2)]
			print "guile_overhead_spread_percent", at[int((3 * NR + 3) / 4)] - at[int((NR + 3) / 4)]
		}' "$directory/pairs" >> "$samples"
	if awk '$2 < 2 { short = 1 } END { exit !short }' "$directory/pairs"; then
		echo 'bench: Guile took less than 2 s: what record costs at its start weighs too much' >&2
	fi
}

# Instructions of the process guile alone, long enough for the agent's start (half a million) to be a twentieth
# of a per cent. One marker thread: how often several spin is chance.
guile_instructions()
{
	local n=$1 times counting
	guile_program
	local -x GC_MARKERS=1
	counting=(valgrind --tool=callgrind --trace-children=no --callgrind-out-file=/dev/null)
	"${counting[@]}" --log-file="$directory/plain" guile "$directory/gc.scm" "$n" > /dev/null
	times=$("${recorded[@]}" "${counting[@]}" --log-file="$directory/with" guile "$directory/gc.scm" "$n")
	guile_recorded "$times"
	awk '/Collected/ { at[FILENAME] = $NF }
		END { print "guile_overhead_instructions_percent", 100 * (at[ARGV[2]] / at[ARGV[1]] - 1) }' \
		"$directory/plain" "$directory/with" >> "$samples"
}

# ---- groups: what is measured together

group_emit()
{
	times emit
	times emit_pic
	times sustained
	times drain ev2
	times drain mixed
}

reference=$directory/reference.vtrace

# one_core NAME COMMAND..., all_cores NAME COMMAND...: events a second
one_core() { local name=$1; shift; times rate "$name" "$bench/bench_command" wall 1 "$@"; }
all_cores() { local name=$1; shift; times rate "$name" "$bench/bench_command" wall -1 "$@"; }

# The size of a seeded log is the same each time: one sample each.
group_decode()
{
	"$bench/bench_pipeline" log "$directory/lz4.vtrace" lz4 "$events" >> "$samples"
	rm "$directory/lz4.vtrace"
	"$bench/bench_pipeline" log "$reference" zstd "$events" >> "$samples"
	times take gc_filter_seconds "$bench/bench_command" wall -1 "$tool" decode --category gc "$reference"
	times take gc_filter_bytes_read_percent "$bench/bench_command" read "$reference" \
		"$tool" decode --category gc "$reference"
	one_core summary_events_per_second "$tool" summary "$reference"
	one_core text_events_per_second "$tool" decode "$reference"
	if [ "$(nproc)" -gt 1 ]; then
		all_cores summary_2core_events_per_second taskset -c 0,1 "$tool" summary "$reference"
		all_cores text_2core_events_per_second taskset -c 0,1 "$tool" decode "$reference"
	else
		skip summary_2core_events_per_second one core
		skip text_2core_events_per_second one core
	fi
	take summary_peak_mib "$bench/bench_command" peak "$tool" summary "$reference"
	take text_peak_mib "$bench/bench_command" peak "$tool" decode "$reference"
	times take report_seconds "$bench/bench_command" wall -1 \
		"$tool" report -q -f -o "$directory/report.html" "$reference"
	take report_peak_mib "$bench/bench_command" peak "$tool" report -q -f -o "$directory/report.html" "$reference"
	echo "report_bytes $(stat -c %s "$directory/report.html")" >> "$samples"
	rm "$reference"
}

# The slower of all events and of gc's; then without the log's end, where its index is.
first_lines()
{
	local name=$1 log=$2
	{ "$bench/bench_command" first "$tool" decode "$log"
	  "$bench/bench_command" first "$tool" decode --category gc "$log"
	} 2> /dev/null | sort -g -k 2 | tail -n 1 | sed "s/^[a-z]*/$name/" >> "$samples"
}

group_large()
{
	local log=$directory/large.vtrace
	"$bench/bench_pipeline" log "$log" zstd $((5 * events)) > /dev/null
	times take gc_filter_100m_seconds "$bench/bench_command" wall -1 "$tool" decode --category gc "$log"
	take gc_filter_peak_mib "$bench/bench_command" peak "$tool" decode --category gc "$log"
	rm "$log"
	if [ -z "${BENCH_LONG:-}" ]; then
		skip first_line_ms 'needs a log of 1 GB: BENCH_LONG=1'
		skip first_line_no_index_ms 'needs a log of 1 GB: BENCH_LONG=1'
		return
	fi
	# 2.25 bytes an event
	"$bench/bench_pipeline" log "$log" zstd $((24 * events)) > /dev/null
	times first_lines first_line_ms "$log"
	truncate -s -65536 "$log"
	times first_lines first_line_no_index_ms "$log"
	rm "$log"
}

group_host()
{
	times idle
	times rss
	times first
	times take start_ms "$bench/bench_command" start "$tool" record -q -o "$directory/start.vtrace" -- true
	times libc_stats
}

group_lua()
{
	cat > "$directory/fib.lua" << 'EOF'
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
fib(tonumber(arg[1]))
EOF
	times lua_default
	times lua_hook
}

group_guile()
{
	if ! command -v guile > /dev/null; then
		skip guile_overhead_percent no guile
		skip guile_overhead_spread_percent no guile
		skip guile_overhead_instructions_percent no guile
		return
	fi
	guile_wall "${GUILE:-1200000}"
	if command -v valgrind > /dev/null; then
		guile_instructions 50000
	else
		skip guile_overhead_instructions_percent no valgrind
	fi
}

: > "$skipped"
: > "$samples"
for group in emit decode large host lua guile; do
	for word in ${ONLY:-$group}; do
		[[ $group != *$word* ]] || { "group_$group"; break; }
	done
done

[ -z "${VERBOSE:-}" ] || sort "$samples" >&2
awk -v figures="$figures" -v check="${CHECK:-0}" '
	FILENAME == ARGV[2] { name = $1; sub(/^[^ ]* /, ""); why[name] = $0; next }
	{ at[$1, n[$1]++] = $2 + 0 }
	function sort(name,   i, j, t) {
		for (i = 1; i < n[name]; i++)
			for (j = i; j > 0 && at[name, j - 1] > at[name, j]; j--) {
				t = at[name, j]; at[name, j] = at[name, j - 1]; at[name, j - 1] = t
			}
	}
	function plain(value,   text) {
		text = sprintf("%.3f", value)
		sub(/\.?0*$/, "", text)
		return text == "" || text == "-" ? "0" : text
	}
	# Of times, rates and ratios, since differences of small numbers spread whatever the machine does; between
	# the quartiles, since one of five may be off on any machine.
	function spread(name, unit,   q) {
		q = int(n[name] / 4)
		if (n[name] > 2 && unit ~ /^(s|ms|1\/s|ratio)$/)
			return 100 * (at[name, n[name] - 1 - q] - at[name, q]) / at[name, int(n[name] / 2)]
		return 0
	}
	END {
		count = split(figures, line, "\n")
		for (l = 1; l <= count; l++) {
			if (split(line[l], word, " ") < 3)
				continue
			name = word[1]
			if (name == "worst_spread_percent" && worst)
				at[name, n[name]++] = worst
			if (!n[name]) {
				if (name in why)
					print name, "-", word[2] "  skipped: " why[name]
				continue
			}
			sort(name)
			if (spread(name, word[2]) > worst) {
				worst = spread(name, word[2])
				worst_of = name
			}
			value = at[name, int(n[name] / 2)]
			bound = substr(word[3], 3)
			missed = word[3] != "-" && (word[3] ~ /^</ ? value > bound + 0 : value < bound + 0)
			failed = failed || missed
			print name, plain(value), word[2] (check ? "  " word[3] (missed ? " MISSED" : "") : "")
		}
		if (worst > 20)
			printf "bench: the machine was busy: samples of %s differ by %.0f %%\n", worst_of, worst > "/dev/stderr"
		exit check && failed
	}' "$samples" "$skipped"
