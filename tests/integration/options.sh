#!/bin/bash
# options.sh - what every command has in common: -q, -v, -V, examples that parse, a quiet end when the
# reader of its output leaves, and -o: whole files or none, permissions, signals.
. "$(dirname "$0")/lib.sh"

commands=$(valktrace --help | awk '/^(commands|for packagers)$/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
readers='decode summary stats info schema'
cp "$ROOT/fixtures/bad/section-bytes.vtrace" bad.vtrace
cp "$ROOT/fixtures/many.vtrace" run.vtrace
cp run.vtrace valktrace.vtrace
cp run.vtrace tinylisp-31007.vtrace

# ---- help, version, quiet, verbose ------------------------------------------------------------------

for command in $commands; do
	for option in -V --version; do
		has "$command $option" "$(valktrace $command $option)" '^valktrace [0-9.]+, log format 1\.'
	done
	is "$command -h is --help" "$(valktrace $command -h)" "$(valktrace $command --help)"
	for option in quiet verbose force color no-progress; do
		has "$command --$option is listed" "$(valktrace $command --help)" "^ +(-[a-z], )?--$option"
	done
done
for command in decode summary stats info; do
	valktrace $command bad.vtrace >out 2>err; plain=$?
	valktrace $command -q bad.vtrace >quiet.out 2>quiet.err; quiet=$?
	is "$command -q: the same exit code" $quiet $plain
	is "$command -q: says nothing" "$(cat quiet.err)" ''
	is "$command -q: prints the same" "$(cat quiet.out)" "$(cat out)"
	valktrace $command -v run.vtrace >/dev/null 2>err
	has "$command -v: the file" "$(cat err)" '^valktrace: reads run.vtrace$'
	has "$command -v: the time" "$(cat err)" '^valktrace: done in [0-9]+ us, exit 0$'
done
valktrace decode bad.vtrace 2>err >/dev/null
has 'without -q there is a note' "$(cat err)" ': E12 bad-payload-crc'
has 'errors are said with -q' "$(valktrace info -q nothing.vtrace 2>&1)" 'nothing.vtrace: No such file'

# A byte in the middle of each chunk is another: more notes of a kind than are printed by default.
"$BUILD/tests/conserve" 1 2000000 discard notes.vtrace >/dev/null 2>&1
python3 - notes.vtrace <<'PY'
import re, sys
data = bytearray(open(sys.argv[1], 'rb').read())
at = [m.start() for m in re.finditer(b'VTLCHNK1', data)]
for a, b in zip(at, at[1:] + [len(data)]):
    data[(a + b) // 2] ^= 0x55
open(sys.argv[1], 'wb').write(data)
PY
default=$(valktrace decode notes.vtrace 2>&1 >/dev/null | grep -c ': E12 bad-payload-crc')
all=$(valktrace decode -v notes.vtrace 2>&1 >/dev/null | grep -c ': E12 bad-payload-crc')
is 'without -v: 20 notes of a kind' "$default" 20
ok "-v: all of them ($all)" test "$all" -gt 20

# ---- every example of --help parses -----------------------------------------------------------------

mkdir -p bin node .zfunc
printf '#!/bin/sh\nexit 0\n' >bin/guile
cp bin/guile vm; chmod +x vm bin/guile
for command in '' $commands; do
	valktrace $command --help | awk '/^examples$/ { on = 1; next } on && /^  / { print }' >examples
	ok "${command:-valktrace} --help has examples" test -s examples
	while IFS= read -r line; do
		line=$(sed -E 's/^  //; s/ {4,}.*//; s/ \| (scdoc|man|less|jq).*//' <<<"$line")
		HOME=$WORK PATH=$WORK/bin:$PATH bash -c "$line" >out 2>err </dev/null
		status=$?
		if [ $status -ne 2 ] && [ $status -lt 125 ] && ! grep -Eq 'unknown|needs an argument' err; then
			pass "example: $line"
		else
			fail "example: $line" "exit $status; $(cat err)"
		fi
	done <examples
done
rm -f valktrace.vtrace.old slow.vtrace

# ---- nobody reads on --------------------------------------------------------------------------------

for command in $commands; do
	args=
	case $command in
	completion) args=bash;;
	decode|summary|stats|info|schema) args=run.vtrace;;
	check) args="-r lost>1000000000 run.vtrace";;
	recover) args=-h;;
	record) args=-h;;
	esac
	for n in 0 1; do
		{ valktrace $command $args; echo $? >status; } 2>err | head -n $n >/dev/null
		status=$(cat status)
		ok "$command | head -n $n: status $status, no message" \
			test \( "$status" = 141 -o "$status" = 0 \) -a ! -s err
	done
done
"$BUILD/tests/conserve" 1 200000 overwrite big.vtrace >/dev/null 2>&1
for format in text json csv; do
	{ valktrace decode --format $format big.vtrace; echo $? >status; } 2>err | head -n 1 >/dev/null
	is "decode --format $format of much | head" "$(cat status) $(cat err)" '141 '
done

# ---- -o ---------------------------------------------------------------------------------------------

for command in $readers; do
	valktrace $command run.vtrace >expected
	rm -f out
	(umask 027; valktrace $command -o out run.vtrace) >stdout 2>stderr
	is "$command -o: what stdout would have" "$(cat out)" "$(cat expected)"
	is "$command -o: nothing else" "$(cat stdout stderr)" ''
	is "$command -o: umask 027" "$(stat -c %a out)" 640
	echo kept >out
	valktrace $command -o out run.vtrace 2>err
	is "$command -o: an old file stays" "$? $(cat out)" '1 kept'
	has "$command -o: the way out" "$(cat err)" 'out: File exists; --force replaces it'
	(umask 0; valktrace $command -f -o out run.vtrace)
	is "$command -f -o: is replaced" "$? $(cat out)" "0 $(cat expected)"
	is "$command -o: umask 0" "$(stat -c %a out)" 666
done
is 'no temporary file is left' "$(ls out.* 2>/dev/null)" ''
echo kept >out
valktrace decode --format prometheus -o out run.vtrace
has 'prometheus always replaces' "$(cat out)" '^# HELP'

# A file that nothing can be written to: the old one stays. 64 KiB is less than the output.
rm -f out.*
echo kept >out
(ulimit -f 64; exec valktrace decode -f -o out big.vtrace) 2>err
is 'file too large: exit 1, the old file stays' "$? $(cat out)" '1 kept'
has 'file too large: is said' "$(cat err)" 'out: File too large'
is 'file too large: no temporary file' "$(ls out.* 2>/dev/null)" ''

# In the middle of its work: it waits for standard input only before it opens the output, so the time
# to write is made long by a log of many events and found by the temporary file.
"$BUILD/tests/conserve" 1 6000000 discard large.vtrace >/dev/null 2>&1
for name in INT TERM HUP; do
	# Background jobs of a script ignore SIGINT unless somebody gives it back.
	python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' valktrace decode -f -o out large.vtrace 2>err &
	pid=$!
	for ((i = 0; i < 500; i++)); do
		compgen -G 'out.??????' >/dev/null && break
		sleep 0.01
	done
	ok "SIG$name: there was a temporary file" compgen -G 'out.??????'
	kill -$name $pid
	wait $pid 2>/dev/null
	is "SIG$name: ended by it" $? $((128 + $(kill -l $name)))
	is "SIG$name: no temporary file, the old file stays" "$(ls out.* 2>/dev/null)$(cat out)" kept
done

# ---- record -----------------------------------------------------------------------------------------

rm -f r.vtrace r.vtrace.old
valktrace record -q -o r.vtrace -- ./vm 2>err
is 'record -q says nothing' "$(cat err)" ''
valktrace record -q -o r.vtrace -- ./vm
ok 'record keeps the old log' test -e r.vtrace.old
rm -f r.vtrace.old
valktrace record -q -f -o r.vtrace -- ./vm
ok 'record -f does not' test ! -e r.vtrace.old -a -e r.vtrace

finish
