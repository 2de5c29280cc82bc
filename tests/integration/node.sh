#!/bin/bash
# node.sh - the library in a process with a foreign libuv: node exports its own uv_* symbols, of another
# minor version than the libuv that libvalktrace.so was built for. Node must not notice; the recording
# falls back to the ring file, says why, and loses nothing.
. "$(dirname "$0")/lib.sh"

# What makes it possible at all, here or elsewhere.
has 'libvalktrace.so takes uv_* from whoever has them first' "$(nm -D "$BUILD/libvalktrace.so")" ' U uv_version$| U uv_loop_'
if [ -n "${SAN-}" ]; then
	skip 'node' 'a sanitized library cannot be loaded into a program that is not'
	finish
fi
for tool in node npm; do
	if ! command -v $tool > /dev/null; then
		skip 'node' "no $tool here"
		finish
	fi
done
addon=$BUILD/tests/valktrace_addon.node
if ! timeout 120 make -s -C "$ROOT" "B=${BUILD#"$ROOT/"}" "${addon#"$ROOT/"}" > make.log 2>&1; then
	if [ ! -e "$ROOT/build/node/node_modules/node-api-headers/include/node_api.h" ]; then
		skip 'node' 'npm cannot get node-api-headers'
		finish
	fi
	fail 'the addon is built' "$(cat make.log)"
	finish
fi

cat > run.js << 'JS'
const [, , addon, how] = process.argv;
const v = require(addon);
const fs = require('fs');
console.log('start', v.start(), 'emit', v.emit(1000), 'flush', v.flush());
// node's own loop, timers, file system and thread pool go on as ever
fs.readFile(__filename, (error, text) => {
	console.log('read', error, text.length > 100);
	require('crypto').pbkdf2('a', 'b', 10, 8, 'sha1', (error, key) => {
		console.log('pool', error, key.length);
		setTimeout(() => {
			console.log('emit', v.emit(500));
			if (how === 'kill')
				process.kill(process.pid, 'SIGKILL');
			if (how === 'stop')
				console.log('stop', v.stop());
		}, 50);
	});
});
JS

# run HOW: out, err, status, and what is left: log, ring (empty if there is none)
run()
{
	rm -rf "$RUN/valktrace" n.vtrace
	{ VALKTRACE=output=n.vtrace timeout 60 node run.js "$addon" "$1" > out 2> err; } 2> /dev/null
	status=$?
	ring=$(find "$RUN" -name '*.vring' | head -n 1)
	log=$(ls n.vtrace 2> /dev/null)
}

# foreign: is node's libuv another minor than that of the headers?
foreign()
{
	local own
	own=$(printf '#include <uv.h>\nUV_VERSION_MAJOR.UV_VERSION_MINOR\n' | ${CC:-gcc} -E -P - | tail -n 1 |
		tr -d ' ')
	ours=$own theirs=$(node -p 'process.versions.uv.split(".").slice(0, 2).join(".")')
	[ "$own" != "$theirs" ]
}

for how in exit stop kill; do
	run $how
	is "$how: node survives" $status "$([ $how = kill ] && echo 137 || echo 0)"
	has "$how: vt_start and vt_flush return, all is emitted" "$(cat out)" '^start -?[0-9]+ emit 1000 flush -?[0-9]+$'
	is "$how: node does its work" "$(grep -c -e '^read null true$' -e '^pool null 8$' -e '^emit 500$' out)" 3
	if ! foreign; then
		skip "$how: ring only" "node's libuv is $theirs as ours: nothing is foreign"
	elif ! grep -q 'libuv' err; then
		skip "$how: ring only" 'vt_start does not compare versions of libuv yet'
	else
		has "$how: says why, in a line" "$(cat err)" "libuv $theirs.*ring"
		is "$how: and in one line only" "$(grep -c . err)" 1
		ok "$how: the ring file is left, or a log was made of it" test -n "$ring$log"
		[ $how != kill ] || is 'kill: nobody was there to write a log' "$log" ''
	fi
	file=${log:-$ring}
	if [ -z "$log" ] && [ -n "$ring" ] && ! valktrace info "$ring" > /dev/null 2>&1; then
		skip "$how: all events" 'a ring file alone is no input of decode yet'
		continue
	fi
	is "$how: all events are decoded" \
		"$(valktrace decode --category gc --format json "$file" 2> /dev/null | grep -c '"event":"pause_end"')" 1500
	is "$how: nothing is lost" "$(valktrace info --json "$file" | jq .lost)" 0
done
finish
