#!/bin/bash
# bad_input.sh - whatever is wrong with an input, an argument or an output: one clear line on stderr, the
# designed exit code, and nothing lost that was whole.
. "$(dirname "$0")/lib.sh"

# fails EXIT PATTERN COMMAND...: nothing on stdout, one line on stderr that matches.
fails()
{
	local code=$1 pattern=$2 status
	shift 2
	timeout 20 "$@" >stdout 2>stderr </dev/null
	status=$?
	if [ $status -eq "$code" ] && [ ! -s stdout ] && [ "$(wc -l <stderr)" -eq 1 ] &&
	   grep -Eq -- "^valktrace: .*($pattern)" stderr; then
		pass "${*#"$BIN"/}: exit $code"
	else
		fail "$*" "exit $status, expected $code; stdout: $(wc -c <stdout) bytes; stderr:
$(cat stderr)
expected one line like: $pattern"
	fi
}

cat >a.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 12000)) (make-list 1000 i))
SCHEME
valktrace record -q --flush 20ms -o good.vtrace -- guile a.scm
valktrace decode --time ticks good.vtrace >good.txt
size=$(stat -c %s good.vtrace)

# ---- no log -------------------------------------------------------------------------------------------

: >empty.vtrace
echo 'this is no log, but it is longer than the header of one would be' >text.vtrace
for i in 1 2 3 4; do cat text.vtrace; done >long.vtrace
mkdir directory
mkfifo fifo
for command in decode summary stats info; do
	fails 4 'text.vtrace: not a valktrace file' valktrace $command text.vtrace
	fails 4 'empty.vtrace: ' valktrace $command empty.vtrace
	fails 7 'missing.vtrace: No such file' valktrace $command missing.vtrace
	fails 7 'directory: Is a directory' valktrace $command directory
	fails 7 'valktrace.vtrace: no such file in this directory' \
		valktrace $command
done
fails 4 'long.vtrace: not a valktrace file' valktrace decode long.vtrace
fails 4 'standard input: the file is empty' valktrace decode -
(cat good.vtrace >fifo) &
fails 7 'fifo: ' valktrace decode fifo
kill $! 2>/dev/null
fails 7 '/dev/zero: ' valktrace decode /dev/zero
{ head -c 8 good.vtrace; printf '\2\0\0\0'; tail -c +13 good.vtrace; } >crc.vtrace
fails 4 'crc.vtrace: ' valktrace decode crc.vtrace

# ---- truncated at many lengths: every chunk that is whole is decoded ------------------------------------

/usr/bin/python3 "$ROOT/tests/spec_reader.py" --chunks good.vtrace >chunks
ok 'the log has several chunks of events' test "$(awk '$3 == 1' chunks | wc -l)" -ge 3
unnamed() { awk '{ $2 = ""; print }'; }
worst=
for part in 2 5 10 20 30 40 50 60 70 80 90 95 99; do
	length=$((size * part / 800 * 8 + 4))        # never between two chunks
	head -c $length good.vtrace >cut.vtrace
	timeout 20 valktrace decode --time ticks cut.vtrace >out 2>notes
	status=$?
	sed 's/ *<open at the end>$//' out >cut.txt
	whole=$(awk -v n=$length '$3 == 1 && $1 + $2 <= n { sum += $4 } END { print sum + 0 }' chunks)
	# But for the second column: a thread may get its name later than it began.
	cmp -s <(unnamed <cut.txt) <(head -n "$whole" good.txt | unnamed) || worst="$worst $length: not the first $whole events;"
	[ $status -eq 3 ] || worst="$worst $length: exit $status;"
	grep -q 'E07 truncated-tail' notes || worst="$worst $length: not said;"
done
is 'truncated: all whole chunks decoded, exit 3, said' "$worst" ''
edge=$(awk '$3 == 1 { print $1 + $2 }' chunks | sed -n 2p)
head -c "$edge" good.vtrace >edge.vtrace
valktrace decode edge.vtrace >out 2>err
is 'cut between two chunks, as by a killed recorder: exit 0' $? 0
has 'cut between two chunks: said to be not closed' "$(cat err)" 'N01 not-closed'
for length in 1 8 100 127; do
	head -c $length good.vtrace >cut.vtrace
	fails 4 'cut.vtrace: ' valktrace decode cut.vtrace
done

# ---- damaged in the middle: what is before and behind is decoded ----------------------------------------

read -r at total _ events < <(awk '$3 == 1' chunks | sed -n 2p)
cp good.vtrace damaged.vtrace
printf '\377\0\377\0\377\0\377\0' |
	dd of=damaged.vtrace bs=1 seek=$((at + total / 2)) conv=notrunc status=none
timeout 20 valktrace decode damaged.vtrace >out 2>err
is 'a damaged section: exit 3' $? 3
is 'a damaged section: its events are missing, no others' "$(grep -vc ' lost ' out)" \
	$(($(wc -l <good.txt) - events))
has 'a damaged section: where' "$(cat err)" 'E[0-9]+ .* at 0x'
cp good.vtrace damaged.vtrace
printf '\377\0\377\0' | dd of=damaged.vtrace bs=1 seek=$((at + 24)) conv=notrunc status=none
timeout 20 valktrace decode damaged.vtrace >out 2>err
is 'a damaged chunk header: exit 3' $? 3
is 'a damaged chunk header: the other chunks are decoded' "$(grep -vc ' gap \| lost ' out)" \
	$(($(wc -l <good.txt) - events))

# ---- bad arguments --------------------------------------------------------------------------------------

fails 2 "unknown category 'gcc'; did you mean 'gc'\\? valid: .* gc " \
	valktrace decode --category gcc good.vtrace
fails 2 "unknown event 'gc.endd'" valktrace decode --event gc.endd good.vtrace
fails 2 "unknown field 'tiem'" valktrace decode --where 'tiem > 1ms' good.vtrace
fails 2 'unknown option --nosuch' valktrace decode --nosuch good.vtrace
fails 2 "format.*'xml'|'xml'.*format" valktrace decode --format xml good.vtrace
fails 2 'since' valktrace decode --since yesterday good.vtrace
fails 2 'min-duration' valktrace decode --min-duration -3 good.vtrace
fails 2 "unknown command 'decoed'" valktrace decoed
fails 2 'no command given' valktrace
fails 125 'no command given' valktrace record
fails 125 'unknown option --nosuch' valktrace record --nosuch -- true
fails 125 "unknown category 'gcc'" valktrace record -c gcc -- true
fails 125 'ring-size' valktrace record --ring-size 1 -- true
fails 125 'mode' valktrace record --mode fast -- true
fails 125 'codec' valktrace record --codec gzip -- true
valktrace decode --category loop good.vtrace >out 2>err
is 'nothing matches: exit 0' $? 0
is 'nothing matches: stdout is empty' "$(cat out)" ''
is 'nothing matches: one line' "$(wc -l <err)" 1
has 'nothing matches: what there is, and why' "$(cat err)" 'the log has .*gc \([0-9,]+\).*loop: '

# ---- output that cannot be written ------------------------------------------------------------------------

for command in decode summary stats info 'decode --format json' 'decode --format csv'; do
	fails 1 'standard output: No space left on device' \
		sh -c 'exec "$@" >/dev/full' to-a-full-disk valktrace $command good.vtrace
done
fails 1 'no/such/out: No such file' valktrace decode -o no/such/out good.vtrace
for command in decode summary info schema stats 'check -r lost>0'; do
	fails 2 'that is the input' valktrace $command --force -o good.vtrace good.vtrace
done
is 'the input is untouched' "$(stat -c %s good.vtrace)" "$size"
echo kept >there.txt
valktrace decode -o there.txt good.vtrace >out 2>err
ok 'an existing file is not replaced' test $? -ne 0 -a "$(cat there.txt)" = kept
fails 125 'no/such/log.vtrace: No such file' valktrace record -o no/such/log.vtrace -- true
fails 125 'directory: ' valktrace record -o directory -- true

# Root may write everywhere: as somebody else, with copies that he may read.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	mkdir bin
	cp "$BIN/valktrace" "$BIN/libvalktrace-agent.so" bin
	chmod 755 . bin
	chmod 644 good.vtrace
	mkdir -m 755 readonly
	install -d -m 700 -o 65534 -g 65534 nobody
	nobody="env XDG_RUNTIME_DIR=$WORK/nobody setpriv --reuid=65534 --regid=65534 --clear-groups bin/valktrace"
	fails 1 'out.txt: Permission denied' $nobody decode -o readonly/out.txt good.vtrace
	fails 125 'log.vtrace: Permission denied' $nobody record -o readonly/log.vtrace -- true
	chmod 600 good.vtrace
	fails 7 'good.vtrace: Permission denied' $nobody decode good.vtrace
elif [ "$(id -u)" -ne 0 ]; then
	mkdir -m 555 readonly
	fails 1 'out.txt: Permission denied' valktrace decode -o readonly/out.txt good.vtrace
	fails 125 'log.vtrace: Permission denied' valktrace record -o readonly/log.vtrace -- true
	chmod 000 good.vtrace
	fails 7 'good.vtrace: Permission denied' valktrace decode good.vtrace
else
	skip 'a read-only directory' 'root, and no setpriv'
fi
# ---- the log's own schema is damaged: ids are append-only, so ours tells the same ------------------------------

cp "$ROOT/fixtures/v1/guile.vtrace" names.vtrace
printf '\377\377\377\377' | dd of=names.vtrace bs=1 seek=1000 conv=notrunc 2>/dev/null
is 'names are those of this version' "$(valktrace decode --category gc names.vtrace 2>said | sed 's/^[^ ]* *//')" \
	"$(valktrace decode --category gc "$ROOT/fixtures/v1/guile.vtrace" | sed 's/^[^ ]* *//')"
has 'and a note says so' "$(cat said)" 'N10 missing-schema'

finish
