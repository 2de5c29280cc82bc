#!/bin/bash
# terminal.sh - colours and the progress line: on a terminal (script makes one), and nowhere else.
. "$(dirname "$0")/lib.sh"

if ! command -v script >/dev/null; then
	skip 'terminals' 'script (bsdutils) is not installed'
	pass 'nothing to try'
	finish
fi
export TERM=xterm
unset NO_COLOR
cp "$ROOT/fixtures/v1/killed.vtrace" killed.vtrace
cp "$ROOT/fixtures/many.vtrace" run.vtrace
cp "$ROOT/fixtures/bad/chunk-crc.vtrace" bad.vtrace
esc=$'\033'

# tty COMMAND: what a terminal gets that stands for all three streams
tty()
{
	script -qec "$1" /dev/null </dev/null | tr -d '\r'
}

# bare: without the colours
bare()
{
	sed "s/$esc\\[[0-9]*m//g"
}

# ---- colours ----------------------------------------------------------------------------------------

for command in 'decode killed.vtrace' 'summary killed.vtrace'; do
	valktrace $command >plain
	ok "$command: none in a file" bash -c "! grep -q '$esc' plain"
	is "$command: --color=never" "$(tty "valktrace $command --color=never -q" | grep -c "$esc")" 0
	is "$command: NO_COLOR" "$(NO_COLOR=1 tty "valktrace $command -q" | grep -c "$esc")" 0
	is "$command: TERM=dumb" "$(TERM=dumb tty "valktrace $command -q" | grep -c "$esc")" 0
	ok "$command: NO_COLOR is empty" test "$(NO_COLOR= tty "valktrace $command -q" | grep -c "$esc")" -gt 0
	ok "$command: on a terminal" test "$(tty "valktrace $command -q" | grep -c "$esc")" -gt 0
	valktrace $command --color=always >forced
	ok "$command: --color=always in a file" grep -q "$esc" forced
	is "$command: otherwise the same bytes" "$(bare <forced)" "$(cat plain)"
	NO_COLOR=1 TERM=dumb valktrace $command --color=always >forced.2
	ok "$command: --color=always is stronger than NO_COLOR" cmp -s forced forced.2
	is "$command: each line ends plain" "$(grep -c "$esc\\[[1-9][0-9]*m[^$esc]*\$" forced)" 0
done
for format in json csv kernel kernel-events metrics-json prometheus; do
	ok "--format $format never has colours" \
		bash -c "! valktrace decode --format $format --color=always killed.vtrace | grep -q '$esc'"
done
has 'an error is red on a terminal' "$(tty 'valktrace info nothing.vtrace')" "valktrace: $esc\\[31mnothing.vtrace: No such"
is 'and plain in a file' "$(valktrace info nothing.vtrace 2>&1)" 'valktrace: nothing.vtrace: No such file or directory'
has 'the next step is named on a terminal' "$(tty 'valktrace summary run.vtrace')" '^next: valktrace decode'
is 'but not with -q' "$(tty 'valktrace summary -q run.vtrace' | grep -c '^next:')" 0

# ---- progress ---------------------------------------------------------------------------------------

slow="(head -c 3000 run.vtrace; sleep 1.7; tail -c +3001 run.vtrace)"
line='\rvalktrace: reading standard input  [0-9.]+(B|KiB)  [0-9.]+(B|KiB)/s *'

# shown NAME FILE: the line was there, at most 79 columns wide, and taken away
shown()
{
	has "$1: shown" "$(tr '\r' '\n' <"$2" | sed 's/^/\\r/')" "$3"
	ok "$1: it fits 80 columns" awk 'BEGIN { RS = "[\r\n]" } /^valktrace: .*( %  |\/s)/ && length > 79 { bad = 1 } END { exit bad }' "$2"
	ok "$1: taken away" bash -c 'tail -c 400 "$1" | tr "\r" "\n" | tail -n 3 | grep -q "^ \{60,\}$" ||
		tr "\r" "\n" <"$1" | grep -q "^ \{70,\}$"' - "$2"
}
script -qec "$slow | valktrace decode - >out" typescript </dev/null >screen
shown 'a slow pipe' screen "$line"
is 'a slow pipe: all was read' "$(cat out)" "$(valktrace decode run.vtrace)"
script -qec "$slow | valktrace decode -q - >out" typescript </dev/null >screen
is '-q: nothing' "$(tr -d '\r\n' <screen)" ''
script -qec "$slow | valktrace decode --no-progress - >out" typescript </dev/null >screen
is '--no-progress: nothing' "$(tr -d '\r\n' <screen)" ''
script -qec "$slow | valktrace decode - >out 2>err" typescript </dev/null >screen
is 'stderr is a file: nothing' "$(cat err)$(tr -d '\r\n' <screen)" ''
script -qec "valktrace decode run.vtrace >out" typescript </dev/null >screen
is 'short work: nothing' "$(tr -d '\r\n' <screen)" ''

# Decoding: who reads the output lets it wait for longer than a second.
"$BUILD/tests/conserve" 1 300000 discard big.vtrace >/dev/null 2>&1
for format in text json csv; do
	script -qec "valktrace decode --format $format big.vtrace 2>/dev/tty | { sleep 1.5; cat >out; }" \
		typescript </dev/null >screen
	shown "decode --format $format" screen '\\rvalktrace: decoding big.vtrace  +[0-9]+ %  [0-9,]+ events/s'
done
script -qec "valktrace decode -q --limit 3000 --color=never big.vtrace" typescript </dev/null >screen
is 'the terminal is both: the events, and nothing else' "$(tr -d '\r' <screen)" "$(valktrace decode --limit 3000 big.vtrace)"
mkfifo fifo
script -qec "{ sleep 1.5; cat; } <fifo >out & valktrace decode -o fifo big.vtrace; wait" typescript </dev/null >screen
shown 'decode -o' screen '\\rvalktrace: decoding big.vtrace  +[0-9]+ %'

finish
