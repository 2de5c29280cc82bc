#!/bin/bash
# json_tools.sh - other programs read what we write: jq the JSON, DuckDB the JSON and the CSV; counts,
# sums and times are those of the text. summary --json tells what the text tells.
. "$(dirname "$0")/lib.sh"

# ---- summary --json against its text ----------------------------------------------------------------

number()        # of TEXT by sed expression, commas taken out
{
	sed -nE "$2" <<<"$1" | head -n 1 | tr -d ,
}

short_ns()      # jq: ns as the text has them, three digits
{
	python3 -c 'import sys
ns = int(sys.argv[1])
for unit, size in (("ns", 1), ("us", 1000), ("ms", 1000000), ("s", 1000000000)):
	if ns < 1000 * size or unit == "s": break
for digits in (2, 1, 0):                # three in all, halves rounded up, without floats
	v = (ns * 10 ** digits + size // 2) // size
	if v < 1000: break
print((str(ns) if size == 1 else "%d.%0*d" % (v // 10 ** digits, digits, v % 10 ** digits) if digits else str(v)) + unit)' "$1"
}

for log in "$ROOT"/fixtures/*.vtrace "$ROOT"/fixtures/v1/*.vtrace "$ROOT"/fixtures/bad/chunk-*.vtrace \
	"$ROOT"/fixtures/bad/section-*.vtrace; do
	name=$(basename "$log")
	json=$(valktrace summary -q --json "$log")
	text=$(valktrace summary -q "$log")
	is "$name: one line, version 1" "$(wc -l <<<"$json") $(jq .version <<<"$json")" '1 1'
	is "$name: no arrays" "$(jq '[.. | arrays] | length' <<<"$json")" 0
	is "$name: no key comes twice" "$(python3 -c 'import json, sys
def pairs(items):
	keys = [k for k, v in items]
	if len(set(keys)) < len(keys): print("twice", keys)
	return dict(items)
json.load(sys.stdin, object_pairs_hook=pairs)' <<<"$json")" ''
	is "$name: events and losses" "$(jq -r '.completeness | "\(.events) \(.lost) \(.threads)"' <<<"$json")" \
		"$(sed -nE 's/.*: ([0-9,]+) events, ([0-9,]+) lost.* ([0-9]+) threads?, coverage.*/\1 \2 \3/p' <<<"$text" |
			tr -d ,)"
	is "$name: state" "$(jq -r .completeness.state <<<"$json" | tr _ ' ')" "$(
		sed -nE 's/(.*): [0-9,]+ events, .*/\1/p' <<<"$text" | sed 's/^complete to the last event/complete to last event/
			s/^INCOMPLETE, cut off.*/cut off/; s/^INCOMPLETE, parts.*/parts missing/' | tr A-Z a-z)"
	is "$name: losses add up" "$(jq '.completeness | [.lost, ([.categories[].lost] | add // 0),
		([.lost_by_cause[][]] | add // 0)] | unique | length' <<<"$json")" 1
	is "$name: categories add up" "$(jq '[.completeness.categories[].events] | add // 0' <<<"$json")" \
		"$(jq .completeness.events <<<"$json")"
	is "$name: threads add up" "$(jq '[.threads[].events] | add // 0' <<<"$json")" "$(jq .completeness.events <<<"$json")"
	is "$name: what is not recorded" "$(jq -r '.not_recorded | to_entries[] | .key + " " + .value' <<<"$json" | sort)" \
		"$(sed -n '/^--- Not recorded/,$p' <<<"$text" | tail -n +2 | sed -E 's/^([^ ]+) +/\1 /' | sort)"
	is "$name: event types" "$(jq -r '.events | to_entries[] | "\(.key) \(.value.count)"' <<<"$json" | sort | head -n 30)" \
		"$(sed -n '/^--- Events ---/,/^$/p' <<<"$text" | tail -n +2 | grep -v '^$' |
			awk '{ gsub(/,/, "", $2); print $1, $2 }' | sort | head -n 30)"
	[ "$(jq 'has("gc")' <<<"$json")" = true ] || continue
	gc=$(sed -n '/^--- Garbage collector/,/^$/p' <<<"$text")
	is "$name: cycles" "$(jq .gc.cycles <<<"$json")" "$(number "$gc" 's/^cycles +([0-9,]+).*/\1/p')"
	is "$name: pauses" "$(jq .gc.pauses.count <<<"$json")" "$(number "$gc" 's/^pauses +([0-9,]+).*/\1/p')"
	is "$name: buckets add up" "$(jq '[.gc.pauses.buckets_below_ns[]] | add // 0' <<<"$json")" "$(jq .gc.pauses.count <<<"$json")"
	[ "$(jq .gc.pauses.count <<<"$json")" -gt 0 ] || continue
	for key in total max p50 p90 p99 p99.9; do
		is "$name: $key" "$(short_ns "$(jq ".gc.pauses[\"${key/./_}_ns\"]" <<<"$json")")" \
			"$(number "$gc" "s/.*[ ]$key ([0-9.]+[a-z]+).*/\\1/p")"
	done
	is "$name: time" "$(short_ns "$(jq .gc.time_ns <<<"$json")")" "$(number "$gc" 's/^time +([0-9.]+[a-z]+).*/\1/p')"
done
is 'how it ended' "$(valktrace summary --json "$ROOT/fixtures/killed.vtrace" |
	jq -r '.ending, .signal, .processes[].last_event.event, .threads["4790/4790"].open_at_end["2"].event' | paste -sd '|' -)" \
	'signal|9|gc.mark cycle=51|gc.mark'

# ---- events -----------------------------------------------------------------------------------------

# The text as a table: time in ns, event, duration in ns.
"$BUILD/tests/kinds" kinds.vtrace >/dev/null 2>&1 || cp "$ROOT/fixtures/v1/kinds.vtrace" kinds.vtrace
"$BUILD/tests/conserve" 2 20000 discard conserve.vtrace >/dev/null 2>&1
cp "$ROOT"/fixtures/v1/{guile,overwritten,processes}.vtrace .
for log in guile overwritten processes kinds conserve; do
	valktrace decode --exact $log.vtrace 2>/dev/null | python3 -c 'import sys, re
times, count, total = [], {}, {}
for line in sys.stdin:
	word = line.split()
	if word[2] == "--": continue    # a gap
	times.append(int(word[0].replace(".", "")))
	count[word[2]] = count.get(word[2], 0) + 1
	for field in word[3:]:
		m = re.fullmatch("time=([0-9]+)ns", field)
		if m: total[word[2]] = total.get(word[2], 0) + int(m[1])
print(len(times), times[0], times[-1])
for name in sorted(count): print(name, count[name], total.get(name, 0))' >$log.text
	valktrace decode --format json $log.vtrace >$log.json 2>/dev/null
	valktrace decode --format csv $log.vtrace >$log.csv 2>/dev/null
	[ $log != kinds ] || continue           # durations beyond 2^53: jq cannot add them
	jq -rs 'map(select(.lost == null)) | [length, (first.t_ns | tonumber), (last.t_ns | tonumber)] | join(" ")' $log.json >$log.jq
	[ $log != kinds ] || continue           # durations beyond 2^53: jq cannot add them
	jq -rs 'map(select(.lost == null)) | group_by([.category, .event])[] |
		"\(.[0].category).\(.[0].event) \(length) \([.[] | .time_ns // 0] | add)"' $log.json | sort >>$log.jq
	is "$log: jq" "$(cat $log.jq)" "$(cat $log.text)"
done

# DuckDB is not in Debian: from npm, this version, kept for the next time.
version=1.5.6-r.1
duck=$BUILD/tests/duckdb-$version
if [ ! -e "$duck/done" ]; then
	if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
		skip DuckDB 'npm is not installed'
		finish
	fi
	mkdir -p "$duck"
	if ! timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$duck" \
		"@duckdb/node-api@$version" >npm.log 2>&1; then
		skip DuckDB "npm cannot get it: $(tail -n 1 npm.log)"
		finish
	fi
	touch "$duck/done"
fi
cat >ask.cjs <<'JS'
const { DuckDBInstance } = require(process.argv[2] + '/node_modules/@duckdb/node-api');
(async () => {
	const db = await (await DuckDBInstance.create(':memory:')).connect();
	const from = process.argv[3].endsWith('.json')
		? `read_json('${process.argv[3]}', format='newline_delimited', union_by_name=true, sample_size=-1, maximum_depth=2)`
		: `read_csv('${process.argv[3]}', header=true, sample_size=-1)`;
	await db.run(`create table raw as select * from ${from}`);
	const has = (await (await db.run('select column_name from (describe raw)')).getRows()).map(r => r[0]);
	const time = has.includes('time_ns') ? "coalesce(try_cast(time_ns as hugeint), 0)" : '0';
	const gap = has.includes('lost') ? 'where lost is null' : '';
	await db.run(`create table e as select t_ns::hugeint t, category || '.' || event n, ${time} d from raw ${gap}`);
	const total = await (await db.run('select count(*), min(t), max(t) from e')).getRows();
	const types = await (await db.run('select n, count(*), sum(d) from e group by n')).getRows();
	console.log(total[0].join(' '));
	console.log(types.map(r => r.join(' ')).sort().join('\n'));
})().catch(e => { console.error(e.message); process.exit(1); });
JS
for log in guile overwritten processes kinds conserve; do
	for format in json csv; do
		is "$log: DuckDB, $format" "$(node ask.cjs "$duck" $log.$format 2>&1)" "$(cat $log.text)"
	done
done
finish
