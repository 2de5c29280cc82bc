#!/bin/bash
# spec_reader.sh - tests/spec_reader.py, written from format.h alone, and the decoder agree on every
# fixture and on fresh logs: each event, its ticks, time and fields, and each thread's losses.
. "$(dirname "$0")/lib.sh"

agree()         # NAME LOG [PATTERN]: what the closing line must be like
{
	local out
	if out=$(/usr/bin/python3 "$ROOT/tests/spec_reader.py" --against "$(command -v valktrace)" "$2" 2>&1) &&
	   [[ $out =~ ${3-} ]]; then
		pass "$1: ${out##*$'\n'}"
	else
		fail "$1" "$out"
	fi
}

for log in "$ROOT"/fixtures/*.vtrace "$ROOT"/fixtures/v1/*.vtrace; do
	[ ! -e "$log" ] || agree "${log#"$ROOT"/}" "$log"
done

for codec in zstd lz4 none; do
	valktrace record -q --codec $codec --counters 50ms -o guile-$codec.vtrace -- \
		guile -c '(do ((i 0 (+ i 1))) ((= i 6000)) (make-list 1000 i))'
	agree "Guile, $codec" guile-$codec.vtrace ', 0 notes$'
	ok "Guile, $codec: there is something to agree on" \
		test "$(valktrace decode guile-$codec.vtrace | wc -l)" -gt 50
done
for mode in overwrite discard; do
	"$BUILD/tests/conserve" 3 60000 $mode $mode.vtrace >out
	agree "three threads, $mode" $mode.vtrace ', 0 notes$'
done
"$BUILD/tests/kinds" kinds.vtrace
agree 'every kind of field' kinds.vtrace ', 0 notes$'
ok 'a loss is part of it' test "$(valktrace info --json discard.vtrace 2>/dev/null | jq .lost)" -gt 0
echo '(print (+ 1 2))' >a.lisp
VALKTRACE=events=all,output=lisp.vtrace "$BUILD/tests/lisp" a.lisp >out 2>&1
agree 'the Lisp host' lisp.vtrace ', 0 notes$'
finish
