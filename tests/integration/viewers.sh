#!/bin/bash
# viewers.sh - decode --format chrome, perfetto and speedscope of real recordings, read by other programs:
# viewers.mjs (node) nests the slices as a viewer does, protoc takes the protobuf apart, ajv holds the profiles
# against speedscope's own schema. Counts and times are those of summary, of folded and of the JSON.
. "$(dirname "$0")/lib.sh"
here=$ROOT/tests/integration
for tool in node protoc; do
	command -v "$tool" > /dev/null && continue
	skip 'viewers' "no $tool here"
	finish
done

# speedscope's schema and a validator are not in Debian: from npm, these versions, kept for the next time.
modules=$ROOT/build/viewers
speedscope=speedscope@1.25.0 ajv=ajv@8.20.0
schema=$modules/node_modules/speedscope/dist/release/file-format-schema.json
if [ ! -e "$schema" ] || [ ! -e "$modules/node_modules/ajv/package.json" ]; then
	mkdir -p "$modules"
	command -v npm > /dev/null &&
		timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --no-package-lock \
			--prefix "$modules" $speedscope $ajv > npm.log 2>&1
fi
valid()
{
	NODE_PATH=$modules/node_modules node -e '
		const Ajv = require("ajv"), fs = require("fs");
		const read = f => JSON.parse(fs.readFileSync(f));
		const check = new Ajv({ strict: false, validateFormats: false }).compile(read(process.argv[1]));
		if (!check(read(process.argv[2]))) console.log(JSON.stringify(check.errors.slice(0, 3)));' "$schema" "$1"
}

# look NAME LOG [OPTION...]: exports and reads all three; what was found is in chrome.json, perfetto.json and
# speedscope.json
look()
{
	local name=$1 log=$2 format
	shift 2
	for format in chrome perfetto speedscope; do
		valktrace decode -q --format $format "$@" "$log" > out.$format 2> err.$format
		is "$name: $format: exit and errors" "$?$(grep -v 'no calls in it' err.$format)" 0
	done
	protoc --proto_path="$here" --decode=viewers.Trace perfetto.proto < out.perfetto > out.text 2> err.protoc
	is "$name: protoc reads it" "$?$(cat err.protoc)" 0
	node "$here/viewers.mjs" chrome out.chrome > chrome.json
	node "$here/viewers.mjs" perfetto out.text > perfetto.json
	is "$name: chrome keeps its rules" "$(jq -c .wrong chrome.json)" '[]'
	is "$name: perfetto keeps its rules" "$(jq -c .wrong perfetto.json)" '[]'
	is "$name: both tell the same" "$(node "$here/viewers.mjs" same chrome.json perfetto.json)" ''
	[ -s out.speedscope ] || return 0
	node "$here/viewers.mjs" speedscope out.speedscope > speedscope.json
	is "$name: speedscope keeps its rules" "$(jq -c .wrong speedscope.json)" '[]'
	if [ -e "$schema" ]; then
		is "$name: speedscope's schema" "$(valid out.speedscope)" ''
	else
		skip "$name: speedscope's schema" "npm cannot get it"
	fi
}

# found FILTER: of what was found in the chrome export
found() { jq -c "$1" chrome.json; }
events() { valktrace decode -q --format json "$@" 2> /dev/null; }

# ---- an unmodified Guile: pauses, the heap ------------------------------------------------------------

cat > churn.scm << 'EOF'
(do ((i 0 (+ i 1))) ((= i 8000)) (make-list 1000 i))
EOF
valktrace record -q -o guile.vtrace -- guile churn.scm > /dev/null 2>&1
look guile guile.vtrace
summary=$(valktrace summary --json guile.vtrace)
is 'guile: cycles' "$(found '[.slices[] | select(.name == "gc.begin")] | length')" "$(jq .gc.cycles <<< "$summary")"
is 'guile: pauses' "$(found '[.slices[] | select(.name == "gc.pause")] | length')" \
	"$(jq .gc.pauses.count <<< "$summary")"
is 'guile: time in pauses' "$(found '[.slices[] | select(.name == "gc.pause") | .args.time_ns] | add')" \
	"$(jq .gc.pauses.total_ns <<< "$summary")"
is 'guile: slices are as long as that, but for 100 us of two clocks' \
	"$(found '[.slices[] | select(.name == "gc.pause") | .end - .begin - .args.time_ns | select(fabs > 100000)]')" '[]'
is 'guile: a pause is in its cycle' "$(found '[.slices[] | select(.name == "gc.pause").depth] | unique')" '[1]'
is 'guile: every event is there' \
	"$(found '(.instants | length) + ([.slices[] | if .until then 1 else 2 end] | add)')" \
	"$(events guile.vtrace | wc -l)"
is 'guile: a counter, as Prometheus has it' \
	"$(jq -r '.series | to_entries[] | select(.key | endswith(" valk_gc_cycles_total")) | .value[-1][1]' chrome.json)" \
	"$(valktrace decode --format prometheus guile.vtrace | sed -n 's/^valk_gc_cycles_total //p')"
is 'guile: seconds too' \
	"$(jq -r '.series | to_entries[] | select(.key | endswith(" valk_gc_pause_seconds_total")) |
		.value[-1][1] * 1e6 | round' chrome.json)" \
	"$(valktrace decode --format prometheus guile.vtrace | sed -n 's/^valk_gc_pause_seconds_total //p' |
		awk '{ printf "%d", $1 * 1e6 + 0.5 }')"
is 'guile: labels tell series apart' "$(found '[.series | keys[] | select(endswith("phase_seconds_total phase=mark"))] |
	length')" 1
is 'guile: histograms are left out' "$(found '[.series | keys[] | select(contains("duration_seconds"))]')" '[]'
run=$(valktrace info --json guile.vtrace | jq -r .run)
is 'guile: which run it is' "$(jq -r '.otherData | .run, .program' out.chrome | paste -sd ' ')" "$run guile"
is 'guile: ns behind the point' "$(grep -o '"ts":[0-9.]*' out.chrome | grep -vcE '"ts":[0-9]+\.[0-9]{3}$')" 0
zero=$(($(events --time utc --limit 1 guile.vtrace | jq -r .t_ns) - $(events --limit 1 guile.vtrace | jq .t_ns)))
is 'the clock: the time of day at 0' "$(awk '/clock_id: 1$/ { getline; print $2 }' out.text)" $zero
valktrace decode -q --format chrome --event gc.pause_end guile.vtrace > out.chrome
node "$here/viewers.mjs" chrome out.chrome > chrome.json
is 'an END alone keeps the rules' "$(jq -c .wrong chrome.json)" '[]'
is 'an END alone is a whole slice' "$(found '[.slices[] | select(.until) | .end - .begin == .args.time_ns] | unique')" '[true]'
is '... and there are as many' "$(found '.slices | length')" "$(jq .gc.pauses.count <<< "$summary")"
is '... and no counters' "$(found '.series | length')" 0
look 'guile, --category gc' guile.vtrace --category gc
is '--category takes the counters of its source' \
	"$(found '[.series | keys[] | select(test(" (valk_gc_|gc[.])") | not)]')" '[]'
ok '... and has some' test "$(found '.series | length')" -gt 5

# ---- incremental collections: arrows, the heap from collection to collection -----------------------------------------------------------------

"$BUILD/tests/gc_kinds" kinds.vtrace > /dev/null
look gc_kinds kinds.vtrace
slices=$(events --event gc.slice kinds.vtrace | jq -s -c 'group_by(.cycle) | map(length)')
is 'arrows: one flow a cycle of several slices' "$(found .flows)" "$(jq 'map(select(. > 1)) | length' <<< "$slices")"
is 'arrows: from each slice to the next' "$(found .arrows)" "$(jq 'map(. - 1) | add' <<< "$slices")"
ok 'arrows: there are some' test "$(found .arrows)" -gt 100
is 'the heap: a value for each event that tells it' \
	"$(found '[.series | to_entries[] | select(.key | endswith(" gc.heap_used")).value[] | .[1]] | length, add')" \
	"$(events --category gc kinds.vtrace | jq -s '[.[].heap_used_bytes // empty] | length, add')"

# ---- an interpreter: calls, coroutines, errors --------------------------------------------------------

cat > calls.lua << 'EOF'
local function values(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local function twice(x) return x * 2 end
local function work(n) local s = 0 for v in values(n) do s = s + twice(v) end return s end
local function deep(n) if n == 0 then error("x") end return 1 + deep(n - 1) end
local waits = coroutine.wrap(function() local function inner() coroutine.yield(1) end inner() end)
for i = 1, 20 do work(20); pcall(deep, 10) end
waits()
local hostile = {}
hostile['a"\n<b>\1\xff\\'] = function() return 3 end
print(hostile['a"\n<b>\1\xff\\']())
EOF
valktrace record -q -o lua.vtrace --category interp --ring-size 16M -- lua5.4 calls.lua > /dev/null
look lua lua.vtrace
valktrace summary --functions --json lua.vtrace > summary.json
is 'lua: nothing lost' "$(jq '.lost // 0' summary.json)" 0
for name in twice:2 work:3 error yield; do
	is "lua: calls of $name" "$(jq --arg n "$name" '[.slices[] | select(.name == $n)] | length' chrome.json)" \
		"$(jq --arg n "$name" '.functions[$n].calls' summary.json)"
done
is 'lua: what an error left' "$(found '[.slices[] | select(.args.ended == "left by an error or a jump")] | length')" \
	"$(events --event interp.unwind lua.vtrace | jq -s 'map(.left) | add')"
is 'lua: the rest ended, but for what waits' "$(found '[.slices[] | select(.end == null)] | length')" \
	"$(jq .functions_total.open summary.json)"
is 'lua: a name of a stranger' "$(found '[.slices[].name | select(startswith("a\"\n<b>\u0001\ufffd\\"))] | length')" 1
is 'lua: speedscope has it too' "$(jq '[.slices[].name | select(startswith("a\"\n<b>\u0001\ufffd\\"))] | length' speedscope.json)" 1
is 'lua: none of it as it stands' "$(LC_ALL=C grep -caP '\x01|\xff|<b>' out.chrome out.speedscope | paste -sd ' ')" \
	'out.chrome:0 out.speedscope:0'
# What a function took itself: its slices without those inside them. A gap is not known here: none is lost.
node -e '
	const p = JSON.parse(require("fs").readFileSync("out.speedscope")), own = {};
	for (const profile of p.profiles) {
		const stack = [];
		let last = 0;
		for (const e of profile.events) {
			if (stack.length) {
				const name = p.shared.frames[stack.at(-1)].name;
				own[name] = (own[name] ?? 0) + e.at - last;
			}
			last = e.at;
			if (e.type === "O") stack.push(e.frame); else stack.pop();
		}
	}
	for (const name of Object.keys(own)) if (/^[\w:]+$/.test(name) && own[name]) console.log(name, own[name]);' |
	sort > own.speedscope
valktrace decode --format folded lua.vtrace | awk '{ n = split($1, frames, ";"); own[frames[n]] += $2 }
	END { for (name in own) if (name ~ /^[A-Za-z0-9_:]+$/ && own[name]) print name, own[name] }' | sort > own.folded
is 'lua: time of each function is that of folded' "$(cat own.speedscope)" "$(cat own.folded)"
ok 'lua: ... and there is some' test "$(wc -l < own.folded)" -gt 5
inside=$(events --category interp lua.vtrace | jq -s '.[length / 2 | floor].t_ns')
valktrace decode -q --format speedscope --since ${inside}ns lua.vtrace > window.speedscope
is 'lua: a window begins with what is open' "$(jq -c '.profiles[0] | [.startValue, .events[0].type]' window.speedscope)" \
	"[$inside,\"O\"]"

# ---- speedscope itself, in a browser ------------------------------------------------------------------

# page FILE HASH: speedscope's own page with the file in it, as a browser makes it; its log in browser.log
page()
{
	printf 'speedscope.loadFileFromBase64("%s", "%s")' "$1" "$(base64 -w0 "$1")" > loaded.js
	timeout 60 chromium --headless --no-sandbox --disable-gpu --enable-logging=stderr --user-data-dir="$WORK/browser" \
		--allow-file-access-from-files --virtual-time-budget=8000 --dump-dom \
		"file://${schema%/*}/index.html#localProfilePath=$WORK/loaded.js$2" 2> browser.log
}
if ! command -v chromium > /dev/null || [ ! -e "$schema" ]; then
	skip 'speedscope in a browser' 'no chromium, or npm cannot get speedscope'
else
	cp out.speedscope lua.json
	page lua.json '&view=sandwich' > page.html
	node "$here/viewers.mjs" sandwich page.html > sandwich.json
	for name in twice:2 work:3 function:4 values:1; do
		is "speedscope's page: time of $name" "$(jq -c --arg n "$name" --slurpfile s summary.json '
			.[$n] as $shown | $s[0].functions[$n] as $known |
			[($shown.total - $known.inclusive_ns), ($shown.self - $known.exclusive_ns)] |
			if all(.[]; fabs <= 0.01 * $shown.digits) then "ok" else [., $shown, $known] end' sandwich.json)" '"ok"'
	done
	ok "speedscope's page: has functions" test "$(jq length sandwich.json)" -gt 5
	valktrace decode -q --format chrome lua.vtrace > chrome-lua.json
	page chrome-lua.json '&view=sandwich' > page.html
	has "speedscope's page: takes the chrome format" "$(cat browser.log)" 'Importing as Trace Event Format'
	# It wants the same args at an end as at the begin, or none, and then ends the slice all the same.
	is "speedscope's page: ... and has nothing against it" "$(grep -E 'Tried to|mismatch|Uncaught' browser.log |
		grep -vE 'Tried to end "(.*) [{].*[}]" when "\1" was on the top of the stack' | head -n 3)" ''
	ok "speedscope's page: ... and shows it" test "$(node "$here/viewers.mjs" sandwich page.html | jq length)" -gt 5
fi

# ---- a program that was killed, and one whose events were lost ---------------------------------------

look killed "$ROOT/fixtures/v1/killed.vtrace"
open=$(valktrace summary --json "$ROOT/fixtures/v1/killed.vtrace" | jq '[.processes[]?.open[]?] | length')
is 'killed: spans that are open stay open, and say so' \
	"$(found '[.slices[] | select(.end == null) | .args.open] | unique')" '["at the end of the log"]'
is 'killed: ... no other does' "$(found '[.slices[] | select(.end != null) | .args.open // empty]')" '[]'
is 'killed: speedscope wants all closed, and says so' \
	"$(jq -r '.profiles[].name' out.speedscope | grep -c 'frames open at the end: closed there')" 1
valktrace record -q -o lost.vtrace --category interp --ring-size 64K -- lua5.4 -e \
	'local function f(n) if n > 0 then f(n - 1) f(n - 1) end end
	local function g() f(15) io.popen("sleep 0.4"):read("a") f(15) end
	g()' > /dev/null 2>&1
look lost lost.vtrace
is 'lost: as many as the log says' \
	"$(found '[.instants[] | select(.category == "lost") | .name | capture("lost (?<n>[0-9]+) events").n | tonumber] | add')" \
	"$(valktrace info --json lost.vtrace | jq '[.lost | if type == "object" then .. | numbers else . end] | add')"
ok 'lost: what was open then is marked' test "$(found '[.slices[] | select(.args.ended == "unknown: events were lost")] | length')" -gt 0
is 'lost: speedscope says so' "$(jq -r '.profiles[].name' out.speedscope | grep -c 'events were lost')" 1

# ---- loops, processes, runs --------------------------------------------------------------------------

VALKTRACE=output=loops.vtrace "$BUILD/tests/loops" > /dev/null
look loops loops.vtrace
is 'loops: waits' "$(found '[.slices[] | select(.name == "loop.idle") | .args.time_ns] | length, add' | paste -sd ' ')" \
	"$(events --event loop.idle loops.vtrace | jq -s '[.[].time_ns] | length, add' | paste -sd ' ')"
is 'loops: jobs' "$(found '[.slices[] | select(.name == "loop.work")] | length')" \
	"$(valktrace decode --format prometheus loops.vtrace | sed -n 's/^valk_loop_work_total //p')"

valktrace record -q -o tree.vtrace -- sh -c 'guile churn.scm & guile churn.scm; wait; true' > /dev/null 2>&1
look tree tree.vtrace
is 'tree: processes' "$(jq '[.traceEvents[] | select(.name == "process_name")] | length' out.chrome)" \
	"$(valktrace info --json tree.vtrace | jq '.processes | length')"
is 'tree: threads have lanes of their own' \
	"$(jq '[.traceEvents[] | select(.name == "thread_name") | [.pid, .tid]] | length == (unique | length)' out.chrome)" true
valktrace decode -q --format chrome guile.vtrace tree.vtrace > two.chrome
node "$here/viewers.mjs" chrome two.chrome > chrome.json
is 'two runs: one file that keeps the rules' "$(jq -c .wrong chrome.json)" '[]'
is 'two runs: all slices' "$(found '.slices | length')" \
	$(($(for f in guile tree; do valktrace decode -q --format chrome $f.vtrace; done | grep -c '"ph":"[BX]"')))
is 'two runs: the second is as much later as it was' \
	"$(jq '[.traceEvents[] | select(.ph == "B").ts] | max > 1e5' two.chrome)" true
valktrace decode -q --format perfetto guile.vtrace tree.vtrace |
	protoc --proto_path="$here" --decode=viewers.Trace perfetto.proto > two.text
node "$here/viewers.mjs" perfetto two.text > perfetto.json
is 'two runs: perfetto too' "$(jq -c .wrong perfetto.json)$(node "$here/viewers.mjs" same chrome.json perfetto.json)" '[]'
valktrace decode -q --format speedscope guile.vtrace tree.vtrace > two.speedscope
is 'two runs: speedscope: a profile a thread' "$(jq '.profiles | length' two.speedscope)" 3

# ---- manners -----------------------------------------------------------------------------------------

is 'perfetto: not to a terminal' "$(script -qec 'valktrace decode --format perfetto guile.vtrace' /dev/null < /dev/null |
	sed 's/\x1b\[[0-9;]*m//g' | tr -d '\r' | paste -sd ' ' | tr -s ' ')" \
	'valktrace: --format perfetto is binary, and standard output a terminal: give -o FILE'
valktrace decode -q --format perfetto -o guile.pftrace guile.vtrace
is 'perfetto: to a file' "$(cmp guile.pftrace <(valktrace decode -q --format perfetto guile.vtrace) && echo same)" same
has 'no ticks' "$(valktrace decode --format chrome --time ticks guile.vtrace 2>&1; echo "exit $?")" 'exit 2'
for format in chrome perfetto speedscope; do
	is "$format: nothing there, nothing written" "$(valktrace decode -q --format $format --category custom \
		"$ROOT/fixtures/v1/killed.vtrace" 2> /dev/null | wc -c)" 0
done
is 'chrome: --limit leaves a whole file' "$(valktrace decode -q --format chrome --limit 10 guile.vtrace |
	jq '[.traceEvents[] | select(.ph | IN("B", "E", "X", "i"))] | length')" 10
is 'chrome: --time utc' "$(valktrace decode -q --format chrome --time utc --limit 1 guile.vtrace |
	jq '[.traceEvents[].ts // empty][0] > 1.7e15')" true

# ---- memory: none of it grows with the log -------------------------------------------------------------

if [ -n "${SAN-}" ]; then
	skip 'memory' 'a sanitizer takes more than there is'
else
	valktrace record -q -o big.vtrace --category interp --ring-size 64M -- lua5.4 -e \
		'local function f(n) if n > 0 then f(n - 1) f(n - 1) end end f(18)' > /dev/null
	for format in chrome perfetto speedscope; do
		size=$( (ulimit -v 60000; valktrace decode -q --format $format big.vtrace) | wc -c)
		ok "$format: $((size >> 20)) MiB in 60 MB of address space" test "$size" -gt 20000000
	done
fi

finish
