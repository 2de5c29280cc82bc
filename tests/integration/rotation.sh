#!/bin/bash
# rotation.sh - parts by age and by size, the cap on all of them, and reading them by any name.
. "$(dirname "$0")/lib.sh"

cp "$ROOT/fixtures/demo.scm" .
count() { valktrace decode --format json "$1" 2>/dev/null | wc -l; }

valktrace record -q --rotate-size 64K --flush 20ms --codec none -o size.vtrace -- sh -c 'guile demo.scm; guile demo.scm' >/dev/null
ok 'a log that outgrows its size has parts' test -e size.0001.vtrace -a -e size.0002.vtrace -a ! -e size.vtrace
all=$(count size.vtrace)
ok 'the name of the log means all parts' test "$all" -gt 2000
ok 'so does the name of a part' test "$(count size.0002.vtrace)" = "$all"
ok 'and so do all parts in any order' test "$(valktrace decode --format json size.0002.vtrace size.0001.vtrace 2>/dev/null | wc -l)" -le "$all"
ok 'nothing is lost between parts' test "$(valktrace info --json size.vtrace | jq .lost)" = 0
ok 'every part is closed' test "$(valktrace info --json size.vtrace | jq .closed)" = true

valktrace record -q --max-size 128K --codec none --flush 20ms -o cap.vtrace -- sh -c 'guile demo.scm; guile demo.scm' >/dev/null
bytes=$(cat cap.*.vtrace | wc -c)
ok "all parts together keep under the cap ($bytes bytes)" test "$bytes" -le 196608
ok 'the oldest part went first' test ! -e cap.0001.vtrace
ok 'what is missing is said' grep -q 'missing-parts' <(valktrace info cap.vtrace 2>&1 >/dev/null)

valktrace record -q --rotate-time 1s -o size.vtrace -- guile -c '(sleep 2)' >/dev/null
ok 'parts of an earlier run are not mixed in' test "$(valktrace info --json size.vtrace | jq .events)" -lt 1000

finish
