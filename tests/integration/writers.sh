#!/bin/bash
# writers.sh - no metric without a writer: each metric of a source below must be more than 0 in the last
# counter record of at least one of the runs here, all of real programs. Who adds a metric adds a run, or a
# line to the exceptions with its reason.
. "$(dirname "$0")/lib.sh"

sources='.*'

# NAME REASON; a histogram is one entry by its family.
exceptions()
{
	if ! nm -D "$(ldd "$BUILD/tests/lisp" | sed -n 's/.*=> \(.*libuv[^ ]*\).*/\1/p')" | grep -q uv_metrics_info
	then
		echo 'loop_native libuv has uv_metrics_info from 1.45 on'
		echo 'loop_events libuv has uv_metrics_info from 1.45 on'
		echo 'loop_events_waiting libuv has uv_metrics_info from 1.45 on'
	fi
	[ -z "${SAN-}" ] || echo 'gc_heap_unmapped nothing can be preloaded into a sanitized run'
}

# ---- the runs ---------------------------------------------------------------------------------------

programs=$ROOT/tests/hosts/programs
host() { VALKTRACE=output=$1.vtrace timeout 120 "$BUILD/tests/$2" "${@:3}" >/dev/null 2>&1; }

"$BUILD/tests/gc_kinds" gc_kinds.vtrace >/dev/null
"$BUILD/tests/kernel" kernel.vtrace >/dev/null
for name in closures depth errors tail timers pipes; do
	host lisp-$name lisp "$programs/$name.lisp"
done
host loops loops
# Gauges of what is open now: of a server that was killed.
VALKTRACE=output=httpd.vtrace,counters=50ms timeout -s KILL 1 "$BUILD/tests/httpd" >/dev/null 2>&1
host lua-garbage lua-host "$programs/garbage.lua"
cat >unmap.scm <<'SCHEME'
(use-modules (rnrs bytevectors))
(define keep (let loop ((i 0) (l '())) (if (< i 300) (loop (+ i 1) (cons (make-bytevector 100000 1) l)) l)))
(set! keep #f)
(do ((i 0 (+ i 1))) ((= i 30)) (gc))
SCHEME
valktrace record -q -o guile.vtrace -- guile unmap.scm >/dev/null
valktrace record -q -o shell.vtrace -- bash -c 'trap : USR1; kill -USR1 $$; (exec true); cat /dev/null' >/dev/null
valktrace record -q -o asyncio.vtrace -- python3 -c 'import asyncio; asyncio.run(asyncio.sleep(0.02))' >/dev/null

# ---- every metric -------------------------------------------------------------------------------------

for log in *.vtrace; do
	valktrace summary --json "$log" | jq -r '
		(.counters | to_entries[] | select(.value != 0 and .value != "0") | .key),
		(.histograms | to_entries[] | select(.value.count > 0) | .key)'
done | sed -E 's/_(ns|bytes|milli|ppm)$//' | sort -u >written

# The rows of schema.def: name, source, kind, family. The sum of a histogram is a row of its own.
sed -nE 's/^VT_METRIC\(([a-z0-9_]+), *[0-9]+, ([a-z]+), ([A-Z]+), [A-Z]+, "([^"]+)".*/\1 \2 \3 \4/p' \
	"$ROOT/include/valktrace/schema.def" >rows
ok 'the schema has rows' test "$(wc -l <rows)" -gt 80
ok 'something was written' test "$(wc -l <written)" -gt 50
exceptions >excepted

# The unit may end the metric's own name: kernel_bytes_read is kernel_bytes_read_bytes in JSON.
while read -r name source kind family; do
	[[ $source =~ ^($sources)$ ]] || continue
	[ "$kind" != BUCKET ] || name=$family
	if grep -q "^$name " excepted; then
		grep -qx "$name" written || skip "$name" "$(sed -n "s/^$name //p" excepted)"
		continue
	fi
	[ "$name" = "${last-}" ] && continue
	last=$name
	short=$(sed -E 's/_(ns|bytes|milli|ppm)$//' <<<"$name")
	ok "$name is written by a program" grep -qx "$short" written
done <rows
while read -r name reason; do
	ok "exception $name is a metric ($reason)" grep -q "^$name " rows
done <excepted
finish
