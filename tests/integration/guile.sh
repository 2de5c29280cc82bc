#!/bin/bash
# guile.sh - unmodified programs under `record`: Guile's own number of collections is the log's, one log
# for a tree of processes, SIGKILL loses nothing that was reported, and nobody notices the recording.
. "$(dirname "$0")/lib.sh"

# A program that allocates `work` lists and ends with its pid and its own number of collections.
program()
{
	cat <<SCHEME
(define (work n)
  (do ((i 0 (+ i 1))) ((= i n)) (make-list 1000 i)))
(work $1)
(format #t "~a ~a~%" (getpid) (assq-ref (gc-stats) 'gc-times))
SCHEME
}

cycles_of()     # LOG PID
{
	valktrace decode --event gc.end --format json "$1" |
		jq -r --argjson pid "$2" 'select(.pid == $pid) | .cycle' | wc -l
}

metric()        # LOG FAMILY
{
	valktrace decode --format prometheus "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

# ---- the number of collections --------------------------------------------------------------------

program 20000 >a.scm
program 9000 >b.scm
valktrace record -o one.vtrace -- guile a.scm >out 2>err
is 'one program: exit status' $? 0
read -r pid times <out
ok 'one program: Guile collected often' test "$times" -gt 20
is 'one program: gc.end events = gc-times' "$(cycles_of one.vtrace "$pid")" "$times"
is 'one program: the last cycle has that number' \
	"$(valktrace decode --event gc.end --format json one.vtrace | tail -n 1 | jq .cycle)" "$times"
is 'one program: valk_gc_cycles_total = gc-times' "$(metric one.vtrace valk_gc_cycles_total)" "$times"
is 'one program: begins = ends = pauses' \
	"$(for e in gc.begin gc.pause gc.pause_end gc.mark_end; do
		valktrace decode --event $e one.vtrace | wc -l; done | sort -u)" "$times"
has 'one program: the summary counts the same' "$(valktrace summary one.vtrace)" "^cycles +$times "
has 'one program: complete' "$(valktrace summary one.vtrace | sed -n 2p)" '^complete: .* 0 lost'
has 'one program: said on stderr' "$(cat err)" '^valktrace: found boehm-gc [0-9.]+; .* exit 0'

valktrace decode --format prometheus one.vtrace >dump
promtool check metrics <dump >lint 2>&1
status=$?
# 3: nothing but remarks on style, which the compatibility set of names cannot follow.
ok 'promtool accepts the dump' test $status -eq 0 -o $status -eq 3
is 'promtool finds no error' "$(grep -iE 'error while|parse|second HELP|invalid' lint)" ''

# ---- a tree of processes ----------------------------------------------------------------------------

valktrace record -o tree.vtrace -- sh -c 'guile a.scm >a.out; guile b.scm >b.out & wait' 2>err
is 'a tree: exit status' $? 0
is 'a tree: one log' "$(ls tree*)" tree.vtrace
# The shell's name is that of its file: /bin/sh is a link to dash, or to bash. Both sort before guile.
is 'a tree: its processes' "$(valktrace info --json tree.vtrace |
	jq -c '[.processes[].program] | sort')" "[\"$(basename "$(realpath /bin/sh)")\",\"guile\",\"guile\"]"
for who in a b; do
	read -r pid times <$who.out
	is "a tree: $who.scm's cycles are its own" "$(cycles_of tree.vtrace "$pid")" "$times"
	is "a tree: $who.scm ended with 0" "$(valktrace info --json tree.vtrace |
		jq -c --argjson pid "$pid" '.processes[] | select(.pid == $pid) | [.ending, .status]')" \
		'["exit",0]'
done
is 'a tree: valk_gc_cycles_total is the sum' "$(metric tree.vtrace valk_gc_cycles_total)" \
	"$(awk '{ sum += $2 } END { print sum }' a.out b.out)"

# ---- SIGKILL in mid-run -----------------------------------------------------------------------------

cat >killed.scm <<'SCHEME'
(define port (open-file "reported" "a"))
(setvbuf port 'none)
(define (times) (assq-ref (gc-stats) 'gc-times))
(let loop ((seen 0) (keep '()))
  (let ((junk (make-list 500 seen)) (now (times)))
    (if (> now seen)
        (begin
          (display (string-append (number->string now) "\n") port)
          (if (= seen 0)
              (call-with-output-file "pid" (lambda (p) (display (getpid) p))))))
    (loop now (if (< (length keep) 40) (cons junk keep) '()))))
SCHEME
for round in 1 2 3 4 5 6; do
	rm -f reported pid killed.vtrace
	valktrace record -o killed.vtrace -- guile killed.scm >out 2>err &
	recorder=$!
	for _ in $(seq 200); do [ -s pid ] && break; sleep 0.05; done
	sleep 0.$((RANDOM % 90 + 10))
	kill -KILL "$(cat pid)"
	wait $recorder 2>/dev/null
	is "killed $round: record ends by the same signal" $? 137
	last=$(tail -n 1 reported)
	valktrace decode --event gc.end --format json killed.vtrace >ends 2>notes
	is "killed $round: decode's exit status" $? 0
	# The end of the last cycle was emitted before the allocation returned that caused it.
	is "killed $round: all $last reported collections are there" \
		"$(jq .cycle ends | head -n "$last" | md5sum)" "$(seq "$last" | md5sum)"
	ok "killed $round: no more than one beyond" test "$(wc -l <ends)" -le $((last + 1))
	has "killed $round: info says how it ended" "$(valktrace info killed.vtrace 2>/dev/null)" \
		"^program +guile, pid $(cat pid), .*SIGKILL"
done

# ---- SIGKILL of the recorder: the program runs on, and its ring file has the rest -----------------------

program 80000 >long.scm
valktrace record -o orphan.vtrace -- guile long.scm >out 2>err &
recorder=$!
sleep 0.4
kill -KILL $recorder
wait $recorder 2>/dev/null
for _ in $(seq 200); do [ -s out ] && break; sleep 0.05; done
read -r pid times <out
while [ -e "/proc/$pid" ]; do sleep 0.05; done
valktrace decode --event gc.end --format json orphan.vtrace >ends 2>notes
is 'recorder killed: exit status of decode' $? 0
is 'recorder killed: every collection is there, from log and ring file' "$(wc -l <ends)" "$times"
has 'recorder killed: decode says what it read' "$(cat notes)" 'ring-file'

# ---- nobody notices ---------------------------------------------------------------------------------

cat >plain.scm <<'SCHEME'
(make-list 100000 1)
(display (list "arguments" (cdr (command-line)) (getenv "KEEP") (read-line)))
(display "to stderr\n" (current-error-port))
(exit 7)
SCHEME
sed -i '1i (use-modules (ice-9 rdelim))' plain.scm
export KEEP='kept, as it is'
guile plain.scm 'one two' '' <plain.scm >out1 2>err1
status=$?
valktrace record -q -o plain.vtrace -- guile plain.scm 'one two' '' <plain.scm >out2 2>err2
is 'same exit status' $? $status
is 'same stdout' "$(cat out2)" "$(cat out1)"
is 'same stderr' "$(cat err2)" "$(cat err1)"

valktrace record -o kill.vtrace -- sh -c 'kill -TERM $$' 2>/dev/null
is 'ends by the same signal' $? 143

for tool in ls sort; do
	printf 'b\na\n' | $tool >out1 2>&1
	printf 'b\na\n' | valktrace record -q -o $tool.vtrace -- $tool >out2 2>err
	is "a program without a known runtime: $tool runs" $? 0
	[ $tool = ls ] && { grep -v vtrace out2 >out3; grep -v vtrace out1 >out4; mv out3 out2; mv out4 out1; }
	is "... and prints the same: $tool" "$(cat out2)" "$(cat out1)"
	ok "... and its log is whole: $tool" valktrace info $tool.vtrace >info 2>&1
done

cat >hello.c <<'C'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello %s\n", argc > 1 ? argv[1] : ""); return 3; }
C
gcc -static -o hello hello.c
valktrace record -o static.vtrace -- ./hello you >out 2>err
is 'a static binary: its exit status' $? 3
is 'a static binary: its output' "$(cat out)" 'hello you'
has 'a static binary: said why there is nothing' "$(cat err)" '^valktrace: hello is statically linked'

# ---- an LD_PRELOAD that was there ---------------------------------------------------------------------

if [ -z "${SAN-}" ]; then
	cat >mine.c <<'C'
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { (void)!write(2, "mine\n", 5); }
C
	gcc -shared -fPIC -o mine.so mine.c
	LD_PRELOAD=$WORK/mine.so valktrace record -q -o preload.vtrace -- \
		/bin/sh -c 'echo "$LD_PRELOAD"' >out 2>err
	is 'LD_PRELOAD: the one before is kept, behind the agent' "$(cat out)" \
		"$(realpath "$BIN/libvalktrace-agent.so"):$WORK/mine.so"
	is 'LD_PRELOAD: ... and works, in recorder and command' "$(grep -c mine err)" 2
	valktrace record -q -o preload.vtrace -- /bin/sh -c 'env | grep -c mine.so' >out 2>err
	is 'LD_PRELOAD: nothing stays behind' "$(cat out)" 0
else
	skip 'LD_PRELOAD' 'a library before libasan stops the sanitized recorder'
fi

# ---- exit codes -----------------------------------------------------------------------------------------

valktrace record -q -o none.vtrace -- ./no-such-program 2>err
is '127: not found' $? 127
is '127: one line' "$(wc -l <err)" 1
echo 'not a program' >data
valktrace record -q -o none.vtrace -- ./data 2>err
is '126: cannot be executed' $? 126
is '126: one line' "$(wc -l <err)" 1
valktrace record -q -o no/such/directory/log.vtrace -- touch started 2>err
is '125: the log cannot be written' $? 125
is '125: one line' "$(wc -l <err)" 1
ok '125: the command was not started' test ! -e started
finish
