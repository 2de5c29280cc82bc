#!/bin/bash
# stats.sh - `valktrace stats` of real programs against other programs that read the same events: jq and python
# over `decode --format json`, `summary --json`, and an HDR histogram from npm.
. "$(dirname "$0")/lib.sh"

# ---- what is recorded -------------------------------------------------------------------------------

cat >work.lua <<'LUA'
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local function tail(n) if n == 0 then return 0 end return tail(n - 1) end
local function failing() error('no') end
local co = coroutine.wrap(function() for i = 1, 20 do fib(5) coroutine.yield(i) end end)
for i = 1, 20 do
	fib(10)
	tail(15)
	pcall(failing)
	co()
	local f = io.open('work.lua')
	f:read('a')
	f:close()
end
LUA
cat >work.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 20000)) (make-list 1000 i))
SCHEME
valktrace record -q -o lua.vtrace --category interp,file --ring-size 64M -- lua5.4 work.lua
valktrace record -q -o guile.vtrace -- guile work.scm
valktrace record -q -o tree.vtrace --category file,process -- bash -c \
	'for i in 1 2 3; do cat work.lua; (ls /; true); done' >/dev/null 2>&1
"$BUILD/tests/conserve" 3 30000 overwrite lossy.vtrace >/dev/null 2>&1
cp "$ROOT/fixtures/v1/kinds.vtrace" "$ROOT/fixtures/killed.vtrace" .
logs='lua guile tree lossy kinds killed'
for log in $logs; do
	valktrace decode -q --format json $log.vtrace 2>/dev/null | jq -c 'select(.lost == null)' >$log.json
	ok "$log: there are events" test -s $log.json
done

stats() { valktrace stats -q --json "$@"; }

# ---- counts and sums --------------------------------------------------------------------------------

for log in $logs; do
	stats $log.vtrace >stats.json
	is "$log: one line, version 1" "$(wc -l <stats.json) $(jq .version stats.json)" '1 1'
	valktrace summary -q --functions --json $log.vtrace >summary.json
	is "$log: counts are those of the events" \
		"$(jq -r '.rows[] | "\(.group.event) \(.count)"' stats.json | sort)" \
		"$(jq -r '"\(.category).\(.event)"' $log.json | sort | uniq -c | awk '{ print $2, $1 }')"
	is "$log: durations are those of summary" \
		"$(jq -cS '.rows | map(select(.timed > 0 and (.group.event | test("^interp|^gc.slice$") | not)) |
			{ (.group.event): [.total_ns, .p50_ns, .p99_ns, .max_ns] }) | add' stats.json |
			if [ $log = kinds ]; then cat >/dev/null; else cat; fi)" \
		"$(jq -cS '.events | to_entries | map(select(.value.max_ns != null)) | map({ (.key): [.value.total_ns,
			.value.p50_ns, .value.p99_ns, .value.max_ns] }) | add' summary.json |
			if [ $log = kinds ]; then cat >/dev/null; else cat; fi)"
	is "$log: losses are those of summary" "$(jq .lost stats.json)" "$(jq .completeness.lost summary.json)"
	is "$log: threads" "$(stats --by thread $log.vtrace | jq '.rows[].count' | sort)" \
		"$(jq -s 'group_by([.pid, .tid, .thread])[] | length' $log.json | sort)"
	for by in category process thread,event; do
		is "$log: --by $by adds up" "$(stats --by $by $log.vtrace | jq '[.rows[].count] | add')" "$(wc -l <$log.json)"
	done
	is "$log: sorted by name" "$(stats --sort name $log.vtrace | jq -r '.rows[].group.event')" \
		"$(jq -r '"\(.category).\(.event)"' $log.json | sort -u)"
	is "$log: sorted by count" "$(stats --sort count $log.vtrace | jq -c '[.rows[].count] | . == (sort | reverse)')" true
	for sort in total mean max p99; do
		is "$log: sorted by $sort" "$(stats --sort $sort $log.vtrace | jq -c "[.rows[] | select(.timed > 0) | .${sort}_ns] |
			map(tonumber) | . == (sort | reverse)")" true
	done
	is "$log: the text has no line of more than 80" "$(valktrace stats -q --top 0 --by thread,event $log.vtrace |
		awk 'length > 80')" ''
	is "$log: the same on any number of threads" "$(for n in 1 2 5; do
		stats --threads $n --by thread,event --step 10ms $log.vtrace | md5sum; done | sort -u | wc -l)" 1
done
is 'the text tells what JSON tells' "$(valktrace stats -q --top 0 guile.vtrace | sed '/Percentiles/,$d' |
	awk '/^(gc|loop|meta)/ { gsub(",", "", $2); print $1, $2 }')" \
	"$(stats guile.vtrace | jq -r '.rows[] | "\(.group.event) \(.count)"')"

# ---- fields -----------------------------------------------------------------------------------------

fields()        # LOG FIELD JSON-KEY FILTERS...: value, count, sum of the durations by jq
{
	local log=$1 field=$2 key=$3
	shift 3
	valktrace decode -q --format json "$@" $log.vtrace 2>/dev/null | jq -rs "map(select(.lost == null and .$key != null)) |
		group_by(.$key)[] | \"\(.[0].$key) \(length) \([.[] | .time_ns // empty] | add)\"" | sort
}
for case in 'tree function function --category file' 'lua function function --category file' \
	'tree bytes bytes_bytes --category file' 'guile reclaimed reclaimed_bytes' 'lossy number number --category syscall' \
	'tree result result --where bytes>100'; do
	read -r log field key filters <<<"$case"
	is "$case" "$(stats --by $field $filters $log.vtrace |
		jq -r ".rows[] | select(.group.$field != null) | \"\(.group.$field) \(.count) \(.total_ns)\"" | sort)" \
		"$(fields $log $field $key $filters)"
done
is 'cycles by type, from begin to end' "$(stats --event gc.begin --by type guile.vtrace |
	jq -r '.rows[] | "\(.group.type) \(.timed) \(.total_ns)"')" "$(jq -s '[.[] | select(.event == "begin" or .event == "end")] |
	[foreach .[] as $e (null; $e; .)] as $all | [range(0; ($all | length) - 1; 2) | $all[. + 1].t_ns - $all[.].t_ns] |
	"major \(length) \(add)"' -r guile.json)"

# ---- spans ------------------------------------------------------------------------------------------

# Calls of Lua by the words of schema.def: nothing of ours but the JSON lines.
python3 - lua.json >expected <<'PY'
import json, sys
stack, aside, current, out = [], {}, 0, {}
def note(span, now):
	row = out.setdefault(span[1], [0, []])
	row[1].append(now - span[2])
for line in open(sys.argv[1]):
	e = json.loads(line)
	if e['category'] != 'interp': continue
	now, kind = int(e['t_ns']), e['event']
	if kind in ('call', 'builtin'):
		out.setdefault(e['function'], [0, []])[0] += 1
		stack.append((kind, e['function'], now))
	elif kind in ('return', 'builtin_return'):
		want = 'call' if kind == 'return' else 'builtin'
		at = max((i for i, s in enumerate(stack) if s[0] == want), default=-1)
		if at >= 0:
			note(stack[at], now)
			del stack[at:]
	elif kind == 'tail_call':
		out.setdefault(e['function'], [0, []])[0] += 1
		old = stack.pop()
		note(old, now)
		stack.append((old[0], e['function'], now))
	elif kind == 'unwind':
		for i in range(e['left']):
			note(stack.pop(), now)
		assert len(stack) == e['depth']
	elif kind == 'switch':
		aside[current], current = stack, e['stack']
		stack = aside.pop(current, [])
for name in sorted(out):
	count, times = out[name]
	print(name, count, len(times), sum(times), min(times, default='null'), max(times, default='null'))
PY
ok 'there are calls, tail calls, errors and coroutines' test "$(jq -r 'select(.category == "interp") | .event' lua.json |
	sort -u | paste -sd ' ' -)" = 'builtin builtin_return call return switch tail_call unwind'
is 'calls of Lua, from begin to end' "$(stats --category interp --by function lua.vtrace |
	jq -r '.rows[] | "\(.group.function) \(.count) \(.timed) \(.total_ns // 0) \(.min_ns) \(.max_ns)"' | sort)" "$(sort expected)"
is 'one function, by a condition' "$(stats --where 'function = fib:1' --by event lua.vtrace |
	jq -r '.rows[] | select(.timed > 0) | "\(.count) \(.timed) \(.total_ns)"')" \
	"$(awk '$1 == "fib:1" { print $2, $3, $4 }' expected)"
is 'nested spans are told of' "$(valktrace stats -q --category interp --by function lua.vtrace | grep -c '^total ')" 1

# ---- time -------------------------------------------------------------------------------------------

for log in lua guile lossy; do
	length=$(stats $log.vtrace | jq .length_ns)
	step=$((length / 17))
	is "$log: --step: each event once, where it is" "$(stats --step ${step}ns $log.vtrace |
		jq -c "[.rows[] | select(.count > 0) | [.from_ns / $step, .count]]")" \
		"$(jq -cs "group_by(.t_ns / $step | floor) | map([(.[0].t_ns / $step | floor), length])" $log.json)"
	since=$((length / 3)) until=$((length / 2))
	is "$log: --since and --until as decode" "$(stats --since ${since}ns --until ${until}ns $log.vtrace | jq .events)" \
		"$(valktrace decode -q --format json --since ${since}ns --until ${until}ns $log.vtrace | jq -c 'select(.lost == null)' |
			wc -l)"
	is "$log: ... and steps from there" "$(stats --since ${since}ns --until ${until}ns --step 1ms $log.vtrace |
		jq '[.rows[].count // 0] | add')" "$(stats --since ${since}ns --until ${until}ns $log.vtrace | jq .events)"
	is "$log: rates are counts by time" "$(stats --step ${step}ns $log.vtrace | jq -c '[.rows[] | select(.count > 0 and
		.length_ns > 0) | (.per_second * .length_ns / 1e9 - .count | fabs) < 0.001] | all')" true
done

# ---- runs, files, strangers -------------------------------------------------------------------------

is 'a line for each run' "$(stats guile.vtrace lua.vtrace killed.vtrace | jq -r .file | sort | paste -sd ' ' -)" \
	'guile.vtrace killed.vtrace lua.vtrace'
valktrace stats -o out.txt guile.vtrace
is '-o: what stdout would have' "$(cat out.txt)" "$(valktrace stats guile.vtrace)"
for log in "$ROOT"/fixtures/bad/*.vtrace "$ROOT"/fixtures/*.vtrace; do
	timeout 60 valktrace stats --by event,thread --step 1s "$log" >out 2>err
	status=$?
	expected=$(timeout 60 valktrace decode "$log" >/dev/null 2>&1; echo $?)
	is "$(basename "$log"): exit as of decode" $status $expected
	is "$(basename "$log"): nothing that steers a terminal" "$(LC_ALL=C grep -c '[^ -~]' out)" 0
done

# ---- another histogram ------------------------------------------------------------------------------

# Not in Debian: from npm, this version, kept for the next time.
version=3.0.1
hdr=$BUILD/tests/hdr-$version
if [ ! -e "$hdr/done" ]; then
	if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
		skip 'HDR histogram' 'npm is not installed'
		finish
	fi
	mkdir -p "$hdr"
	if ! timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$hdr" \
		"hdr-histogram-js@$version" >npm.log 2>&1; then
		skip 'HDR histogram' "npm cannot get it: $(tail -n 1 npm.log)"
		finish
	fi
	touch "$hdr/done"
fi
cat >hdr.cjs <<'JS'
// Each percentile of ours is between those of a rank more and a rank less, give or take both errors.
const hdr = require(process.argv[2] + '/node_modules/hdr-histogram-js');
const rows = JSON.parse(require('fs').readFileSync(process.argv[4])).rows;
const events = {};
for (const line of require('fs').readFileSync(process.argv[3], 'utf8').split('\n')) {
	if (!line) continue;
	const e = JSON.parse(line);
	if (typeof e.time_ns === 'number') (events[`${e.category}.${e.event}`] ??= []).push(e.time_ns);
}
let checked = 0;
for (const row of rows) {
	const times = events[row.group.event];
	if (!times || row.timed !== times.length) continue;
	const h = hdr.build({ bitBucketSize: 64, lowestDiscernibleValue: 1, highestTrackableValue: 1e13,
		numberOfSignificantValueDigits: 3 });
	for (const t of times) h.recordValue(t);
	for (const [key, p] of [['p50_ns', 50], ['p90_ns', 90], ['p99_ns', 99], ['p99_9_ns', 99.9]]) {
		const low = h.getValueAtPercentile(Math.max(0, p - 100 / times.length)) * (1 - 1 / 128 - 0.001) - 1;
		const high = h.getValueAtPercentile(Math.min(100, p + 100 / times.length)) * (1 + 1 / 128 + 0.001) + 1;
		if (row[key] < low || row[key] > high) console.log(row.group.event, key, row[key], low, high);
		checked++;
	}
	if (row.count > 1 && Math.abs(h.mean / row.mean_ns - 1) > 0.002) console.log(row.group.event, 'mean', h.mean, row.mean_ns);
	h.destroy?.();
}
console.log(checked > 0 ? 'checked' : 'nothing to check');
JS
for log in lua guile tree lossy killed; do
	stats $log.vtrace >stats.json
	is "$log: percentiles as of hdr-histogram-js" "$(node hdr.cjs "$hdr" $log.json stats.json 2>&1)" checked
done
finish
