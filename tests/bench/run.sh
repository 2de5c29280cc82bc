#!/bin/bash
# run.sh BUILD - what `make bench` does: five samples of every figure, one line each: name value unit.
# CHECK=1 adds the bounds and fails when one is missed; EVENTS, RUNS and VERBOSE=1 are for trying things.
set -eu -o pipefail

build=$1
bench=$build/tests/bench
tool=$build/valktrace
runs=${RUNS:-5}
events=${EVENTS:-20000000}
directory=$(mktemp -d "${TMPDIR:-/tmp}/valktrace-bench-XXXXXX")
samples=$directory/samples
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
gc_filter_seconds s <=0.015
gc_filter_bytes_read_percent % <=2
summary_events_per_second 1/s >=50000000
text_events_per_second 1/s >=5000000
report_seconds s <=3
report_bytes bytes <=2000000
idle_cpu_percent % <=0.1
rss_base_kib KiB <=1024
rss_thread_kib KiB <=640
first_emit_us us <=20
start_ms ms <=15
lua_default_overhead_percent % <=3
lua_hook_ratio ratio <=1.5
libc_stats_overhead_percent % <=20
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

reference=$directory/reference.vtrace
times emit
times emit_pic
times sustained
times drain ev2
times drain mixed
# The size of a seeded log is the same each time: one sample each.
"$bench/bench_pipeline" log "$directory/lz4.vtrace" lz4 "$events" >> "$samples"
rm "$directory/lz4.vtrace"
"$bench/bench_pipeline" log "$reference" zstd "$events" >> "$samples"
times take gc_filter_seconds "$bench/bench_command" wall -1 "$tool" decode --category gc "$reference"
times take gc_filter_bytes_read_percent "$bench/bench_command" read "$reference" \
	"$tool" decode --category gc "$reference"
times rate summary_events_per_second "$bench/bench_command" wall 1 "$tool" summary "$reference"
times rate text_events_per_second "$bench/bench_command" wall 1 "$tool" decode "$reference"
page=$directory/report.html
times take report_seconds "$bench/bench_command" wall 1 "$tool" report -q -f -o "$page" "$reference"
echo "report_bytes $(stat -c %s "$page")" >> "$samples"
times idle
times rss
times first
times take start_ms "$bench/bench_command" start "$tool" record -q -o "$directory/start.vtrace" -- true
times libc_stats

cat > "$directory/fib.lua" << 'EOF'
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
fib(tonumber(arg[1]))
EOF
times lua_default
times lua_hook

[ -z "${VERBOSE:-}" ] || sort "$samples" >&2
awk -v figures="$figures" -v check="${CHECK:-0}" '
	{ at[$1, n[$1]++] = $2 + 0 }
	function median(name,   i, j, t, k) {
		k = n[name]
		for (i = 1; i < k; i++)
			for (j = i; j > 0 && at[name, j - 1] > at[name, j]; j--) {
				t = at[name, j]; at[name, j] = at[name, j - 1]; at[name, j - 1] = t
			}
		return at[name, int(k / 2)]
	}
	function plain(value,   text) {
		text = sprintf("%.3f", value)
		sub(/\.?0*$/, "", text)
		return text == "" || text == "-" ? "0" : text
	}
	END {
		count = split(figures, line, "\n")
		for (l = 1; l <= count; l++) {
			if (split(line[l], word, " ") < 3)
				continue
			value = median(word[1])
			bound = substr(word[3], 3)
			missed = word[3] != "-" && (word[3] ~ /^</ ? value > bound + 0 : value < bound + 0)
			failed = failed || missed
			print word[1], plain(value), word[2] (check ? "  " word[3] (missed ? " MISSED" : "") : "")
		}
		exit check && failed
	}' "$samples"
