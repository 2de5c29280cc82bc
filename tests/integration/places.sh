#!/bin/bash
# places.sh - programs where little of the system is left to them: in other pid namespaces, without /proc, behind
# seccomp. They run as they would without us, and what they emitted is in the log or counted as lost.
. "$(dirname "$0")/lib.sh"

# ---- other pid namespaces, and no /proc --------------------------------------------------------------------

# Long enough that the recorder looks at the threads several times.
cat >opens.pl <<'PL'
for (1 .. 50) {
	for (1 .. 20) { open F, '<', '/dev/null'; close F }
	select undef, undef, undef, 0.02;
}
kill KILL, $$ if $ARGV[0];
PL
cat >work.sh <<'SH'
for i in 1 2 3; do (exit 0); done
perl opens.pl kill & perl opens.pl
wait
exit 3
SH

# tried NAME COMMAND...: the command runs work.sh somewhere.
tried()
{
	local name=$1
	shift
	timeout 30 valktrace record -q -w -f -c file -o log.vtrace -- "$@" sh work.sh 2>err
	is "$name: ends as it would, and --wait-all knows when" $? 3
	has "$name: the log is whole" "$(valktrace verify --strict log.vtrace 2>&1)" 'undamaged, closed, .* 0 lost$'
	valktrace info --json log.vtrace >info
	is "$name: nobody still runs" "$(jq '[.processes[] | select(.ending == "running")] | length' info)" 0
	is "$name: every call of both" "$(jq -c '[.threads[].decoded.file | select(. > 1000)] | unique | length' info) $(
		jq '[.threads[].decoded.file | select(. > 4000)] | length' info)" '1 2'
	is "$name: threads have their own names" \
		"$(jq -r '[.threads[].thread | select(test("env|unshare") | not)] | unique | join(" ")' info)" 'perl sh'
	# That of the machine's first process would be more.
	ok "$name: the CPU time is theirs" awk '/^valk_process_cpu_seconds_total/ { s += $NF; n++ }
		END { exit !(n > 0 && s < 5) }' <(valktrace decode --format prometheus log.vtrace)
}

# in_jail COMMAND...: without /proc.
in_jail() { unshare -m sh -c 'umount -l /proc && exec "$@"' sh "$@"; }

tried 'here' env
for kind in '-p -f' '-p -f --mount-proc'; do
	# shellcheck disable=SC2086
	if unshare $kind true 2>/dev/null; then
		tried "unshare $kind" unshare $kind
	else
		skip "unshare $kind" 'not permitted'
	fi
done

cat >host.c <<'C'
#include <pthread.h>
#include <unistd.h>
#include <valktrace.h>
static void *work(void *unused)
{
	for (int i = 0; i < 250; i++) {
		vt_gc_begin(VT_GC_MAJOR);
		vt_gc_end(.reclaimed = 1, .heap_used = 1000, .heap_total = 2000);
		usleep(8000);
	}
	return unused;
}
int main(void)
{
	pthread_t other;
	if (vt_start(&(struct vt_options){ .program = "host", .events = "gc" }))
		return 1;
	pthread_create(&other, NULL, work, NULL);
	work(NULL);
	pthread_join(other, NULL);
	vt_stop();
	return 3;
}
C
# shellcheck disable=SC2086
ok 'a host is built' $CC ${SAN:+-fsanitize=$SAN} -D_GNU_SOURCE -I"$ROOT/include" host.c -o host \
	"$BUILD/libvalktrace.a" -luv -llz4 -lzstd -lpthread

# whole NAME COMMAND...: all that both threads emitted.
whole()
{
	local name=$1
	shift
	rm -f host.vtrace
	VALKTRACE=output=host.vtrace "$@" ./host
	is "$name: the host runs" $? 3
	is "$name: its threads are not taken for dead" "$(valktrace decode --event gc.begin host.vtrace | wc -l) $(
		valktrace info --json host.vtrace | jq .lost)" '500 0'
}
if unshare -p -f true 2>/dev/null; then
	whole 'a host in a pid namespace' unshare -p -f
else
	skip 'a host in a pid namespace' 'not permitted'
fi
if [ -z "${SAN-}" ] && in_jail true 2>/dev/null; then
	whole 'a host without /proc' in_jail
else
	skip 'a host without /proc' 'not permitted, or a sanitizer needs it'
fi

# What the library does for an emit is no call of the host's: its event would come in the middle of the host's.
if [ -z "${SAN-}" ]; then
	valktrace record -q -f -c gc -o log.vtrace -- env VALKTRACE=events=all ./host
	is 'a host that joins, with events of calls' "$? $(valktrace decode --event gc.begin log.vtrace | wc -l) $(
		valktrace info --json log.vtrace | jq .lost)" '3 500 0'
else
	skip 'a host that joins' 'nothing can be preloaded into a sanitized program'
fi

# ---- seccomp ------------------------------------------------------------------------------------------------

cat >strict.c <<'C'
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	for (int i = 0; i < 100; i++)
		if (write(1, "strict\n", 7) != 7)
			syscall(SYS_exit, 1);
	syscall(SYS_exit, 5);
}
C
cat >filter.c <<'C'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define MAY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
int main(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), MAY(write), MAY(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(rules) / sizeof(*rules), rules };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 77;
	for (int i = 0; i < 100; i++)
		if (write(1, "filter\n", 7) != 7)
			_exit(1);
	_exit(6);
}
C
for program in strict filter; do
	"$CC" "$program.c" -o "$program" || fail "$program: is built"
	./"$program" >plain 2>&1
	how=$?
	if [ $how -gt 6 ]; then
		skip "seccomp, $program" 'not permitted'
		continue
	fi
	valktrace record -q -f -o log.vtrace -- ./"$program" >out 2>&1
	is "seccomp, $program: ends the same" $? $how
	ok "seccomp, $program: writes the same" cmp plain out
done
[ $how -gt 6 ] || is 'what is written behind a filter is counted' "$(valktrace decode --format prometheus log.vtrace |
	sed -n 's/^valk_calls_total{.*"write".*} //p')" 100

# ---- a clock that stands still ------------------------------------------------------------------------------

cat >still.c <<'C'
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *t)
{
	*t = (struct timespec){ .tv_sec = 1000000000 + clock };
	return 0;
}
C
ok 'a still clock is built' "$CC" -shared -fPIC still.c -o still.so
timeout 30 valktrace record -q -f -c file -o log.vtrace -- sh -c \
	'LD_PRELOAD=$LD_PRELOAD:$PWD/still.so perl -e "open F, q(<), q(/dev/null) for 1 .. 100; exit 4"'
is 'a program whose clock stands still runs to its end' $? 4
ok 'and its log is whole' test "$(valktrace info --json log.vtrace | jq '[.decoded // 0, .lost] | .[1]')" = 0

# ---- a recorder that is killed ------------------------------------------------------------------------------

valktrace record -q -f -c file -o log.vtrace -- sh -c 'sleep 0.2; kill -9 $PPID; sleep 0.2; : >over' 2>err
is 'the recorder is killed' $? 137
for _ in {1..100}; do [ -e over ] && break; sleep 0.1; done
sleep 0.3
ok 'what it could not write is found' valktrace recover log.vtrace 2>err
is 'and nothing stays beside the log' "$(ls "$RUN"/valktrace)" ''
ok 'the log is whole' valktrace verify --strict log.vtrace

# Two into one file: the second one says so, and the first is whole.
valktrace record -q -f -o log.vtrace -- sh -c 'env -u LD_PRELOAD valktrace record -o log.vtrace -- true 2>err; echo $? >code'
is 'a log that is being written is nobody else'"'"'s' "$(cat code err)" '125
valktrace: log.vtrace: another recorder is writing it'

# ---- no room for a ring file --------------------------------------------------------------------------------

# What the command writes to stderr is its own: the recorder says once at the end what was missing.
cat >small.sh <<'SH'
ulimit -f 1
for i in 1 2 3 4 5; do /bin/echo $i >&2; done
exit 4
SH
sh small.sh 2>plain
valktrace record -f -o log.vtrace -- sh small.sh 2>err
is 'ulimit -f: ends the same' $? 4
is 'ulimit -f: its stderr is its own' "$(grep -v '^valktrace: ' err)" "$(cat plain)"
has 'ulimit -f: says how many are missing' "$(cat err)" '^valktrace: 5 processes made no ring file: File too large;$'
is 'ulimit -f: and no more than that' "$(grep -c 'ring file' err)" 2
has 'ulimit -f: so does the summary' "$(valktrace summary log.vtrace)" '^processes +5 processes made no ring file: File too large$'
ok 'ulimit -f: stderr is a file that is full' sh -c \
	'head -c 3000 /dev/zero >big; valktrace record -q -f -o log.vtrace -- sh -c "ulimit -f 1; /bin/true; /bin/true" 2>>big'
sh -c 'ulimit -f 1; exec valktrace record -q -f -o /dev/null -- /bin/true' 2>err
is 'the recorder itself has no room' $? 125

# All that was lost is in the last line, also what found no ring, or a full one.
cat >threads.py <<'PY'
import os, threading
def work(): [os.close(os.open('/dev/null', 0)) for _ in range(1500)]
threads = [threading.Thread(target=work) for _ in range(60)]
for t in threads: t.start()
for t in threads: t.join()
PY
valktrace record -f -c file --mode discard --ring-size 64K -o log.vtrace -- \
	sh -c 'kill -STOP $PPID; python3 threads.py; kill -CONT $PPID' 2>err
is 'the last line counts all that was lost' "$(sed -n 's/^valktrace: .* events, \([0-9,]*\) lost.*/\1/p' err | tr -d ,)" \
	"$(valktrace info --json log.vtrace | jq .lost)"
ok 'and some was' test "$(valktrace info --json log.vtrace | jq .lost)" -gt 0

# ---- somebody else's XDG_RUNTIME_DIR ------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
	mkdir -m 700 theirs
	chown 65534 theirs
	XDG_RUNTIME_DIR=$PWD/theirs valktrace record -q -f -o log.vtrace -- /bin/true
	is 'nothing is made in the directory of another user' "$(ls theirs)" ''
else
	skip "another user's XDG_RUNTIME_DIR" 'needs root'
fi

# ---- how it ended -------------------------------------------------------------------------------------------

valktrace record -q -f --all -o log.vtrace -- sh -c 'kill -9 $$'
valktrace summary log.vtrace >page
has 'killed: what it did last' "$(cat page)" '^ +last event +0\.[0-9]{9}  [a-z]+\.call function='
is 'no line of it is too long' "$(grep -E '.{81}' page)" ''
finish
