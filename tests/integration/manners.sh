#!/bin/bash
# manners.sh - `record` is like env and timeout: exit codes, signals, terminal, descriptors and all else of
# the command are its own; the recorder's own lines go to stderr; a log of nothing says why.
. "$(dirname "$0")/lib.sh"

cat >a.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 6000)) (make-list 1000 i))
(display "done\n")
SCHEME
wait_for() { for _ in $(seq 400); do [ -e "$1" ] && return 0; sleep 0.025; done; return 1; }
state() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }
# Ring files and pages of a run that is over.
nothing_left()
{
	for _ in $(seq 80); do [ -z "$(ls "$RUN"/valktrace)" ] && break; sleep 0.025; done
	is "$1: no ring file stays" "$(ls "$RUN"/valktrace)" ''
	rm -f "$RUN"/valktrace/*
}
wait_state() { for _ in $(seq 400); do [ "$(state "$1")" = "$2" ] && return 0; sleep 0.025; done; return 1; }

# ---- exit codes ------------------------------------------------------------------------------------------

# exits CODE ARGUMENT...: of record; in err what it said.
exits()
{
	local code=$1 status
	shift
	timeout 30 valktrace record -o x.vtrace "$@" >out 2>err </dev/null
	status=$?
	is "exit $code: record $*" "$status" "$code"
}
for code in 0 1 2 124 125 126 127 128 255; do exits $code -- sh -c "exit $code"; done
exits 127 -- nosuchcommand
is '127: one line' "$(cat err)" 'valktrace: nosuchcommand: command not found'
exits 127 -- ./nosuch
is '127: one line for a path' "$(cat err)" 'valktrace: ./nosuch: No such file or directory'
printf '#!/no/such/interpreter\n' >script
chmod +x script
exits 127 -- ./script
is '127: an interpreter that is missing is named' "$(cat err)" \
	'valktrace: ./script: its interpreter /no/such/interpreter is missing'
echo data >data
exits 126 -- ./data
is '126: one line' "$(cat err)" 'valktrace: ./data: Permission denied'
exits 126 -- /
printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\25\0' >foreign
head -c 200 /dev/zero >>foreign
chmod +x foreign
exits 126 -- ./foreign
is '126: a program for another machine is not given to the shell' "$(cat err)" \
	'valktrace: ./foreign: Exec format error'
echo 'echo "I am $0"; exit 9' >text
chmod +x text
exits 9 -- ./text
is 'a text without #! is, as by env' "$(cat out)" 'I am ./text'
exits 125 --nosuch -- true
exits 125
is 'a log that cannot be made: 125' "$(valktrace record -o no/such/x.vtrace -- touch started 2>&1; echo $?)" \
	'valktrace: no/such/x.vtrace: No such file or directory
125'
ok 'and nothing was started' test ! -e started
for signal in HUP INT QUIT ILL ABRT FPE KILL SEGV PIPE ALRM TERM USR1 USR2 XCPU XFSZ SYS; do
	valktrace record -q -o x.vtrace -- sh -c "kill -$signal \$\$" >out 2>err
	is "dies by SIG$signal" $? $((128 + $(kill -l $signal)))
done
is 'without a core' "$(ulimit -c unlimited; valktrace record -q -o x.vtrace -- \
	sh -c 'ulimit -c 0; kill -SEGV $$' 2>/dev/null; ls core* 2>/dev/null)" ''

# What a failed start has moved away is put back.
valktrace record -q -o kept.vtrace -- true
cp kept.vtrace copy.vtrace
valktrace record -q -o kept.vtrace -- nosuchcommand 2>/dev/null
ok 'a failed start leaves the log that was there' cmp -s kept.vtrace copy.vtrace
is 'and nothing else' "$(ls kept.vtrace*)" kept.vtrace

nothing_left 'so far'

# ---- what the command has is what it would have without us ---------------------------------------------------

cat >look.py <<'PY'
import os, resource, signal, sys
def show(*a): print(*a)
show('fds', sorted(f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)))
for line in open('/proc/self/status'):
    if line[:6] in ('SigBlk', 'SigIgn', 'SigCgt'):
        # Without 32 and 33, which glibc keeps for itself and no program can set.
        show(line[:7], '%016x' % (int(line[7:], 16) & ~(3 << 31)))
    elif line[:6] in ('NoNewP', 'Seccom', 'TracerP'):
        show(line.strip())
show('cwd', os.getcwd())
show('nice', os.nice(0))
show('umask', oct(os.umask(0)))
show('limits', [resource.getrlimit(n) for n in range(16)])
show('group', os.getpgrp() == os.getpgid(os.getppid()), os.getsid(0) == os.getsid(os.getppid()))
show('args', sys.argv[1:])
for name, value in sorted(os.environ.items()):
    if name not in ('LD_PRELOAD', 'VALKTRACE_RUN', '_'):
        show(name, value)
show('stdin', sys.stdin.read() if not os.isatty(0) else 'tty')
PY
python=$(python3 -c 'import sys; print(sys.executable)')
printf 'input' >input
alike()         # NAME: what look.py sees is the same; $before runs before both
{
	(eval "$before"; exec "$python" look.py 'one two' '' <input) >out1 2>err1
	(eval "$before"; exec valktrace record -q -o x.vtrace -- "$python" look.py 'one two' '' <input) >out2 2>err2
	ok "alike: $1: something was seen" grep -q '^fds' out1
	is "alike: $1" "$(cat out2 err2)" "$(cat out1 err1)"
}
before=: alike 'as it is'
before='trap "" HUP INT QUIT TERM USR1 PIPE TSTP XFSZ' alike 'ignored signals'
before='trap "" CHLD' alike 'ignored SIGCHLD'
before='exec 7<input 9>other' alike 'descriptors that are open'
before='nice -n 0 true; renice -n 5 $BASHPID >/dev/null; umask 027; ulimit -n 200; cd "$WORK"' \
	alike 'nice, umask, limits'
before='export VALKTRACE=mode=discard' alike 'our own variable'
cat >block.py <<'PY'
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGINT])
os.execvp(sys.argv[1], sys.argv[1:])
PY
is 'alike: blocked signals' "$("$python" block.py valktrace record -q -o x.vtrace -- "$python" look.py <input)" \
	"$("$python" block.py "$python" look.py <input)"
# The low half: above are 33, glibc's own, and the real-time signals.
ignored() { "$@" grep SigIgn /proc/self/status 2>/dev/null | tail -c 9; }
is 'nohup' "$(ignored nohup valktrace record -q -o x.vtrace --)" "$(ignored nohup)"
# The ignored SIGCHLD of a parent must not hide the command's end from us either.
is 'ignored SIGCHLD: the status' "$(trap '' CHLD; valktrace record -q -o x.vtrace -- sh -c 'exit 7'; echo $?)" 7
for fd in 0 1 2; do
	eval "valktrace record -q -o x.vtrace -- sh -c 'ls -l /proc/self/fd >list; exit 6' $fd>&-"
	is "descriptor $fd closed: the status" $? 6
	is "descriptor $fd closed: it is for the command too" \
		"$(awk -v fd=$fd '$9 == fd && $NF !~ /list|fd$/' list)" ''
	ok "descriptor $fd closed: the log is whole" valktrace verify x.vtrace >/dev/null
done
valktrace record -o x.vtrace -- sh -c 'exit 6' 0>&- 1>&- 2>&-
is 'no descriptor at all' "$? $(valktrace verify x.vtrace)" '6 x.vtrace: undamaged, closed, 1 events, 0 lost'

nothing_left 'so far'

# ---- signals sent to us go to the command ---------------------------------------------------------------------

cat >handler.pl <<'PL'
$| = 1;
for my $s (qw(HUP INT QUIT TERM USR1 USR2 CONT)) { $SIG{$s} = sub { print "$s\n"; $got++ } }
open F, ">ready"; close F;
my $want = shift;
for (1 .. 600) { last if $got >= $want; select undef, undef, undef, 0.05 }
exit 42;
PL
for signal in HUP INT QUIT TERM USR1 USR2; do
	rm -f ready
	# An asynchronous command of a shell has INT and QUIT ignored; perl's handlers replace that.
	valktrace record -q -o x.vtrace -- perl handler.pl 1 >out 2>err &
	wait_for ready
	kill -$signal $!
	wait $!
	is "SIG$signal is sent on, once" "$? $(cat out)" "42 $signal"
done
# All of them one after the other, and each only once.
rm -f ready
valktrace record -q -o x.vtrace -- perl handler.pl 3 >out 2>err &
wait_for ready
for signal in USR1 USR2 TERM; do kill -$signal $!; sleep 0.2; done
wait $!
is 'several signals' "$? $(tr '\n' ' ' <out)" '42 USR1 USR2 TERM '
valktrace record -q -o x.vtrace -- sleep 60 &
recorder=$!
wait_for x.vtrace
sleep 0.3
kill -TERM $recorder
wait $recorder 2>/dev/null
is 'a command without handler dies of it, and we too' $? 143
is 'and the log is whole' "$(valktrace verify x.vtrace)" 'x.vtrace: undamaged, closed, 0 events, 0 lost'
# With --wait-all, one after the command's end: we wait no longer.
(exec valktrace record -q -w -o x.vtrace -- sh -c 'sleep 30 & echo $! >pid; touch left; exit 3') >out 2>err &
recorder=$!
wait_for left
sleep 0.3
kill -TERM $recorder
wait $recorder
is '--wait-all: a signal ends the waiting' $? 3
ok '--wait-all: what still ran runs on' kill "$(cat pid)"
# Many at any moment of a short command: it dies of it, or it had ended; nothing else.
cat >race.py <<'PY'
import random, signal, subprocess, time
odd = []
for _ in range(60):
    p = subprocess.Popen(['valktrace', 'record', '-q', '-o', 'race.vtrace', '--', 'true'])
    time.sleep(random.random() * 0.012)
    p.send_signal(signal.SIGTERM)
    if p.wait() not in (0, -signal.SIGTERM):
        odd.append(p.returncode)
print(odd)
PY
is 'a signal at any moment' "$("$python" race.py 2>&1)" '[]'
# Before record can do anything a signal kills it as any program; what it made by then may stay.
rm -f "$RUN"/valktrace/*.run
# Stopped and continued by somebody else: the command goes on, and so do we.
rm -f ready
valktrace record -q -o x.vtrace -- perl handler.pl 1 >out 2>err &
recorder=$!
wait_for ready
child=$(pgrep -P $recorder)
kill -STOP "$child"
ok 'SIGSTOP to the command stops it' wait_state "$child" T
ok '... and not us' test "$(state $recorder)" != T
kill -TERM "$child"
kill -CONT $recorder
wait $recorder
is '... and SIGCONT to us is sent on' "$? $(sort out | tr '\n' ' ')" '42 CONT TERM '

nothing_left 'so far'

# ---- a terminal with job control --------------------------------------------------------------------------------

terminal()      # NAME STEPS
{
	printf '%s\n' "$2" >steps
	if timeout 100 "$ROOT/tests/integration/terminal.py" steps >terminal 2>&1 </dev/null; then
		pass "terminal: $1"
	else
		fail "terminal: $1" "$(cat terminal)"
	fi
}
cat >t.pl <<'PL'
# t.pl SIGNAL FILE: counts that signal from "ready" on, for half a second after the first.
$| = 1;
my ($signal, $file) = @ARGV;
$SIG{$signal} = sub { $n++ };
$SIG{PIPE} = "IGNORE";
print "ready\n";
for (1 .. 400) { last if $n; select undef, undef, undef, 0.05 }
for (1 .. 10) { select undef, undef, undef, 0.05 }
print "caught $n\n";
open F, ">$file.new"; print F $n; close F; rename "$file.new", $file;
exit 5;
PL
echo 'echo ready; exec sleep 60' >sleeps.sh
echo 'echo ready; read line; echo "got $line"; exit 3' >reads.sh
echo 'trap "" TSTP; echo ready; read line; echo "got $line"' >ignores.sh
terminal 'Ctrl-C ends the command, and us by the same signal' 'wait \$ 
send valktrace record -o t.vtrace -- sh sleeps.sh\n
wait ready\r
send \x03
wait sh was killed by SIGINT after
wait \$ 
send echo "status=$?"\n
wait status=130'
terminal 'Ctrl-C that the command handles: once, and the log is whole' 'wait \$ 
send valktrace record -o t.vtrace -- perl t.pl INT ints\n
wait ready\r
send \x03
wait caught 1\r
wait exit 5
wait \$ 
send valktrace verify t.vtrace\n
wait undamaged, closed'
terminal 'Ctrl-Z stops both, fg goes on with both' 'wait \$ 
send valktrace record -q -o t.vtrace -- sh reads.sh\n
wait ready\r
send \x1a
wait Stopped
wait \$ 
send ps -o stat=,args= -t $(tty) | grep -E "record|reads.sh" | grep -v grep | cut -c 1 | tr -d "\\n"; echo .\n
wait TT\.
wait \$ 
send fg\n
wait valktrace record
send hello\n
wait got hello
wait \$ 
send echo "status=$?"\n
wait status=3'
terminal 'a command that ignores Ctrl-Z is not stopped, nor are we' 'wait \$ 
send valktrace record -q -o t.vtrace -- sh ignores.sh\n
wait ready\r
send \x1a
send hello\n
wait got hello
wait \$ 
send jobs | wc -l\n
wait \n0\r'
terminal 'bg, and a signal of the shell' 'wait \$ 
send valktrace record -q -o t.vtrace -- sh sleeps.sh\n
wait ready\r
send \x1a
wait Stopped
wait \$ 
send bg\n
wait \$ 
send sleep 0.3; jobs\n
wait Running
wait \$ 
send kill %1; wait %1; echo "status=$?"\n
wait status=143'
terminal 'Ctrl-\ is the same' 'wait \$ 
send valktrace record -q -o t.vtrace -- sh sleeps.sh\n
wait ready\r
send \x1c
wait \$ 
send echo "status=$?"\n
wait status=131'
terminal 'a hang-up' 'wait \$ 
send valktrace record -q -o t.vtrace -- perl t.pl HUP hups\n
wait ready\r'
ok 'the hang-up was seen' wait_for hups
is 'the hang-up was seen once' "$(cat hups)" 1

nothing_left 'so far'

# ---- what we say ----------------------------------------------------------------------------------------------------

valktrace record -o g.vtrace -- guile a.scm >out 2>err
is 'stdout is the commands' "$(cat out)" 'done'
has 'the probe and its version are named' "$(sed -n 1p err)" \
	'^valktrace: found boehm-gc [0-9]+\.[0-9]+\.[0-9]+; [0-9]+\.[0-9][0-9] s, exit 0, [0-9]+ threads?$'
has 'the log and its size' "$(sed -n 2p err)" \
	'^valktrace: [0-9,]+ events, 0 lost, [0-9.]+KiB -> g\.vtrace$'
is 'nothing more' "$(wc -l <err)" 2
valktrace record -q -o g.vtrace -- guile a.scm >out 2>err
is '-q: nothing' "$(cat err)" ''
valktrace record -q -o g.vtrace -- nosuchcommand 2>err
is '-q: errors all the same' "$(wc -l <err)" 1

# ---- a log without events says why -------------------------------------------------------------------------------------

# explained NAME PATTERN: in the last lines of record, in summary, info and decode.
explained()
{
	has "$1: record" "$(cat err)" "^valktrace: $2"
	is "$1: at most 80 columns" "$(awk 'length > 80' err)" ''
	has "$1: summary" "$(valktrace summary x.vtrace)" "$2"
	is "$1: summary in 80 columns" "$(valktrace summary x.vtrace | awk 'length > 80')" ''
	[ "$3" != untraced ] || has "$1: info" "$(valktrace info x.vtrace)" "^untraced +$2"
	has "$1: decode" "$(valktrace decode --category gc x.vtrace 2>&1)" "$2"
	is "$1: in the counters" \
		"$(valktrace decode --format prometheus x.vtrace | grep -cE "^valk_source_available.*gc.*$2.*\} 0")" 1
	ok "$1: the log is whole" valktrace verify --strict x.vtrace >/dev/null
}
cat >hello.c <<'C'
#include <stdio.h>
int main(void) { puts("hello"); return 3; }
C
gcc -static -o hello hello.c
gcc -static-pie -o hello-pie hello.c
gcc -o hello-dynamic hello.c
for program in hello hello-pie; do
	exits 3 -- ./$program
	explained "$program" "$program is statically linked" untraced
	has "$program: info knows how it ended" "$(valktrace info x.vtrace)" "^program +$program, pid [0-9]+, exit 3"
	has "$program: what to try" "$(cat err)" 'link it dynamically, or link libvalktrace'
	has "$program: summary does not call it complete" "$(valktrace summary x.vtrace)" '^NOTHING RECORDED: 0 events'
done
printf '#!%s/hello\n' "$WORK" >static-script
chmod +x static-script
exits 3 -- ./static-script
explained 'a script of a static interpreter' 'hello is statically linked' untraced
exits 3 -- ./hello-dynamic
explained 'no known runtime' 'no known collector in the process \(known: boehm-gc' attached
is 'no known runtime: its probes are those of schema' \
	"$(sed -n 's/.*(known: \(.*\)).*/\1/p' err | tr -d ' ' | tr , '\n')" \
	"$(valktrace schema --probes | awk '$2 == "gc" { print $1 }')"
mkdir bare
cp "$BIN/valktrace" bare
bare/valktrace record -o x.vtrace -- ./hello-dynamic >out 2>err
is 'no agent: the command runs' "$? $(cat out)" '3 hello'
explained 'no agent' 'the agent could not be loaded: no libvalktrace-agent.so' untraced

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	mkdir bin
	cp "$BIN/valktrace" "$BIN/libvalktrace-agent.so" bin
	chmod 755 . bin
	install -d -m 700 -o 65534 -g 65534 nobody
	nobody="env XDG_RUNTIME_DIR=$WORK/nobody setpriv --reuid=65534 --regid=65534 --clear-groups"
	cp hello-dynamic setuid
	chmod 4755 setuid
	$nobody bin/valktrace record -o nobody/x.vtrace -- ./setuid >out 2>err
	is 'set-uid: the status' "$? $(cat out)" '3 hello'
	cp nobody/x.vtrace x.vtrace
	explained 'set-uid' 'setuid is set-uid' untraced
	cp hello-dynamic capable
	if "$python" -c 'import os, struct; os.setxattr("capable", "security.capability",
		struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))' 2>/dev/null; then
		$nobody bin/valktrace record -o nobody/x.vtrace -- ./capable >out 2>err
		is 'capabilities: the status' "$? $(cat out)" '3 hello'
		cp nobody/x.vtrace x.vtrace
		explained 'capabilities' 'capable is set-uid, set-gid or privileged' untraced
	fi
	# One that changes its user, and one that cannot write the ring directory any more.
	timeout 30 bin/valktrace record -o x.vtrace -- setpriv --reuid=65534 --regid=65534 --clear-groups \
		sh -c 'id -u; exit 4' >out 2>err
	is 'a command that becomes another user' "$? $(cat out)" '4 65534'
	ok 'its log is whole' valktrace verify x.vtrace >/dev/null
else
	skip 'set-uid and capabilities' 'not root'
fi

nothing_left 'so far'

# ---- commands that do as they please ------------------------------------------------------------------------------------

cat >closes.py <<'PY'
import os
os.closerange(0, 4096)
os._exit(11)
PY
exits 11 -- "$python" closes.py
ok 'closes all descriptors: the log is whole' valktrace verify x.vtrace >/dev/null
cat >daemon.py <<'PY'
import os, sys, time
if os.fork():
    os._exit(12)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir('/')
os.closerange(0, 4096)
time.sleep(0.7)
open(sys.argv[1], 'w').write('alive')
PY
start=$SECONDS
exits 12 -- "$python" daemon.py "$WORK/daemon"
ok 'a daemon is not waited for' test $((SECONDS - start)) -le 10
ok 'and lives on' wait_for daemon
exits 12 --wait-all -- sh -c 'sh -c "sleep 0.7; touch waited" & sleep 0.3; exit 12'
ok 'with --wait-all a process that the command left is' test -e waited
exits 0 -- guile -c '(begin (close-fdes 1) (primitive-exit 0))'
if [ -z "${SAN-}" ]; then
	exits 0 -- valktrace record -q -o inner.vtrace -- guile a.scm
	has 'a recording inside a recording' "$(valktrace verify inner.vtrace)" 'closed, [1-9][0-9,]* events, 0 lost'
else
	skip 'a recording inside a recording' 'a library before libasan stops the sanitized recorder'
fi
mkdir elsewhere
(cd elsewhere && valktrace record -q --ringdir ../rings -o ../x.vtrace -- sh -c "cd /; exec guile $WORK/a.scm") >out 2>err
has 'a relative directory for rings' "$(valktrace verify x.vtrace) $(cat err)" 'closed, [1-9][0-9,]* events, 0 lost $'

nothing_left 'so far'

# ---- when the log cannot be written ------------------------------------------------------------------------------------------

(ulimit -f 4; valktrace record -o small.vtrace -- touch started) >out 2>err
is 'ulimit -f, before the start: 125' "$? $(cat err)" '125 valktrace: small.vtrace: File too large'
ok '... and nothing was started' test ! -e started
(ulimit -f 32; valktrace record -q -o small.vtrace -- guile a.scm) >out 2>err
is 'ulimit -f: the command runs on' "$? $(cat out)" '0 done'
nothing_left 'ulimit -f'
if [ -z "${SAN-}" ]; then
	(ulimit -v 2000000; valktrace record -q -o small.vtrace -- guile a.scm) >out 2>err
	is 'ulimit -v: the command runs on' "$? $(cat out err)" '0 done'
fi
(trap 'echo caught; exit 8' XFSZ; ulimit -f 64; valktrace record -q -o small.vtrace -- \
	sh -c 'head -c 200000 /dev/zero >big; exit $?') >out 2>err
is 'SIGXFSZ is the commands as before' $? 153

# Under strace, writes to the log fail after the first ones.
broken()        # NAME ERROR
{
	rm -f broken.vtrace*
	timeout 60 strace -o /dev/null -P "$WORK/broken.vtrace" -e trace=write \
		-e inject=write:error="$2":when=6+ valktrace record --flush 20ms -o broken.vtrace -- \
		guile a.scm >out 2>err
	is "$1: the commands output and status" "$? $(cat out)" '0 done'
	is "$1: one message" "$(grep -c 'the command runs on' err)" 1
	has "$1: what to do" "$(cat err)" 'valktrace recover broken.vtrace'
	valktrace decode --event gc.end broken.vtrace >ends 2>/dev/null
	ok "$1: its last events are in the ring file" test "$(wc -l <ends)" -gt 5
	ok "$1: recover closes the log" valktrace recover broken.vtrace 2>/dev/null
	has "$1: the log is whole again" "$(valktrace verify broken.vtrace)" 'closed, [1-9][0-9,]* events'
	is "$1: the same events" "$(valktrace decode --event gc.end broken.vtrace 2>/dev/null | wc -l)" "$(wc -l <ends)"
	nothing_left "$1"
}
if [ -n "${SAN-}" ]; then
	skip 'writes that fail' 'strace and a leak checker do not go together'
elif strace -o /dev/null true 2>/dev/null; then
	broken 'disk full' ENOSPC
	broken 'an I/O error' EIO
else
	skip 'writes that fail' 'no strace'
fi
nothing_left 'all of it'
finish
