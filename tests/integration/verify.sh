#!/bin/bash
# verify.sh - `verify` reads everything: every damaged byte of a log is found, a whole log is called so,
# and what `info` cannot know it does not say.
. "$(dirname "$0")/lib.sh"

# verdict EXIT PATTERN ARGUMENT...: exit code, and a line of the verdict.
verdict()
{
	local code=$1 pattern=$2 status
	shift 2
	timeout 60 valktrace verify "$@" >out 2>err </dev/null
	status=$?
	if [ $status -eq "$code" ] && grep -Eq -- "$pattern" out; then
		pass "verify $*: exit $code"
	else
		fail "verify $*" "exit $status, expected $code; no line like $pattern in:
$(cat out err)"
	fi
}

# poke FILE OFFSET OCTAL...: overwrites bytes.
poke()
{
	local file=$1 at=$2
	shift 2
	printf "$(printf '\\%s' "$@")" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
}

# ---- the fixtures --------------------------------------------------------------------------------------

while IFS=$'\t' read -r name exit events lost closed sum; do
	verdict 0 ": undamaged, .* $(printf "%'d" "$events" | sed 's/,/,/g') events, |: undamaged, " \
		"$ROOT/fixtures/v1/$name"
	is "v1/$name: its events" "$(sed 's/.*, \([0-9,]*\) events, \([0-9,]*\) lost.*/\1 \2/; s/,//g' out)" \
		"$events $lost"
done <"$ROOT/fixtures/v1/expected"
while IFS=$'\t' read -r name exit pattern; do
	timeout 20 valktrace verify "$ROOT/fixtures/bad/$name" >out 2>err
	is "bad/$name: exit code" $? "$exit"
	has "bad/$name: said what" "$(cat err)" "$pattern"
	[ "$exit" -ne 3 ] || has "bad/$name: the verdict" "$(cat out)" ': DAMAGED, [0-9]+ finding'
	is "bad/$name: one line on stdout when it is a log" "$(wc -l <out)" $((exit == 3))
done <"$ROOT/fixtures/bad/expected"

# ---- damage inside a section: info cannot see it, verify does ----------------------------------------------

cp "$ROOT/fixtures/v1/guile.vtrace" run.vtrace
verdict 0 '^run.vtrace: undamaged, closed, 353 events, 0 lost$' run.vtrace
is 'a whole log: nothing on stderr' "$(cat err)" ''
has 'info says what it has read' "$(valktrace info run.vtrace)" 'headers undamaged \(valktrace verify reads all\)'
cp "$ROOT/fixtures/bad/section-bytes.vtrace" section.vtrace
ok 'info does not see damage inside a section' valktrace info section.vtrace >info 2>&1
is 'and does not say that there is none' "$(grep -E '[^s] undamaged' info)" ''
verdict 3 '^section.vtrace: DAMAGED, 1 finding, closed, 352 events, 1 lost \(damaged 1\)$' section.vtrace
has 'the finding has an id and an offset' "$(cat err)" \
	'^valktrace: section.vtrace: E12 bad-payload-crc at 0x[0-9a-f]+: '

# Every byte counts, but for those that format.h says are to be ignored and padding: one in 89 is tried.
size=$(stat -c %s run.vtrace) missed=
for ((at = 0; at < size; at += 89)); do
	cp run.vtrace one.vtrace
	byte=$(od -An -tu1 -j $at -N 1 run.vtrace)
	poke one.vtrace $at "$(printf '%03o' $((byte ^ 0x55)))"
	timeout 20 valktrace verify one.vtrace >out 2>err
	status=$?
	case $status in
	3|4|5) ;;
	0) missed="$missed $at" ;;
	*) missed="$missed $at:exit-$status" ;;
	esac
done
# What may differ unseen: zeros that pad a payload to 8 bytes.
for at in $missed; do
	[ "$(od -An -tx1 -j "$at" -N 1 run.vtrace | tr -d ' ')" = 00 ] || is "a wrong byte at $at is found" 0 1
done
ok 'flipped bytes are found, but for a few of padding' test "$(echo $missed | wc -w)" -le $((size / 89 / 10))

# ---- cut off, added to, in parts ---------------------------------------------------------------------------

head -c -64 run.vtrace >open.vtrace
verdict 0 'open.vtrace: undamaged, NOT CLOSED, 353 events' open.vtrace
verdict 8 'open.vtrace: undamaged, NOT CLOSED, 353 events' --strict open.vtrace
head -c -100 run.vtrace >torn.vtrace
verdict 3 'torn.vtrace: DAMAGED, 1 finding, NOT CLOSED' torn.vtrace
verdict 8 'overwritten 1,100\)$' --strict "$ROOT/fixtures/v1/overwritten.vtrace"
verdict 0 '^run.vtrace: undamaged' --strict run.vtrace
timeout 20 valktrace verify - <run.vtrace >out 2>err
is 'standard input' "$? $(cat out)" '0 standard input: undamaged, closed, 353 events, 0 lost'

# ---- the index: not needed for reading, but a judge looks ---------------------------------------------------

# Swaps an index entry's offset and repairs both checksums, as only a wrong writer would.
if command -v python3 >/dev/null; then
	cat >wrong_index.py <<'PY'
import struct, sys
def crc32c(data, crc=0):
    crc ^= 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
log = bytearray(open(sys.argv[1], 'rb').read())
at = 128
while log[at:at + 8] == b'VTLCHNK1':
    length, kind = struct.unpack_from('<HH', log, at + 16)
    codec = log[at + 20]
    stored, raw = struct.unpack_from('<II', log, at + 24)
    total = length + (stored + 7) // 8 * 8 + 16
    if kind == 0x8006:
        assert codec == 0, 'the index is compressed'
        struct.pack_into('<Q', log, at + length + 8, 4711 * 8)
        crc = crc32c(log[at + length:at + length + stored])
        struct.pack_into('<II', log, at + 112, crc, crc)
        header = crc32c(log[at:at + 124])
        struct.pack_into('<I', log, at + 124, header)
        struct.pack_into('<I', log, at + total - 12, header)
        break
    at += total
open(sys.argv[2], 'wb').write(log)
PY
	valktrace record -q --codec none -o plain.vtrace -- true
	if python3 wrong_index.py plain.vtrace wrong.vtrace 2>problem; then
		verdict 0 '^plain.vtrace: undamaged' plain.vtrace
		verdict 3 '^wrong.vtrace: DAMAGED, 1 finding' wrong.vtrace
		has 'a wrong index: named' "$(cat err)" 'E18 wrong-index at 0x'
		ok 'a wrong index: reading needs none' valktrace decode wrong.vtrace 2>/dev/null
	else
		fail 'a log with a wrong index can be made' "$(cat problem)"
	fi
else
	skip 'a wrong index' 'no python3'
fi

# ---- several, and parts ------------------------------------------------------------------------------------

timeout 20 valktrace verify run.vtrace section.vtrace missing.vtrace "$ROOT/fixtures/bad/text.vtrace" >out 2>err
is 'several: the worst exit code' $? 7
is 'several: a line for each log' "$(wc -l <out)" 2
cp "$ROOT/fixtures/demo.scm" .
valktrace record -q --rotate-size 64K --flush 20ms --codec none -o parts.vtrace -- \
	sh -c 'guile demo.scm; guile demo.scm' >/dev/null
parts=$(ls parts.*vtrace | wc -l)
ok 'a rotated log has parts' test "$parts" -gt 1
verdict 0 "^parts.vtrace: undamaged, $parts parts, closed, .* 0 lost\$" parts.vtrace
rm parts.0001.vtrace
verdict 8 'and 1 MISSING, closed' --strict parts.vtrace
finish
