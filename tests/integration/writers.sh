#!/bin/bash
# writers.sh - no metric without a writer: each metric of schema.def must be more than 0 in a counter record
# of at least one of the runs here, all of real programs. What no machine of tests can be relied on to have
# (swap, a PMU, a control group with limits, stalls for want of memory) may come from recorded inputs
# instead; which that are stands in `recorded`, with the reason. Who adds a metric adds a run, or a line to
# one of the lists.
. "$(dirname "$0")/lib.sh"

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

# PATTERN REASON: recorded inputs are enough for these.
recorded()
{
	echo 'vm_swapped_.* needs swap space'
	echo 'vm_gaps needs a machine that sleeps'
	echo 'vm_paged_.* needs a disk that is read and written'
	echo 'vm_major_faults.* needs a disk that is read'
	echo 'process_major_faults needs a disk that is read'
	echo 'process_storage_.* needs a disk that is read and written'
	echo 'pressure_.* needs a kernel that counts stalls, and tasks that wait for memory'
	echo 'cgroup_.* needs a control group v2 with limits that are met'
	echo 'perf_.* needs perf, the right to count, and a PMU'
	echo 'process_perf_.* needs the right to count, and a PMU'
}

# ---- the runs ---------------------------------------------------------------------------------------

programs=$ROOT/tests/hosts/programs
proc=$ROOT/fixtures/proc
host() { VALKTRACE=output=$1.vtrace,events=all timeout 120 "$BUILD/tests/$2" "${@:3}" >/dev/null 2>&1; }

"$BUILD/tests/gc_kinds" gc_kinds.vtrace >/dev/null
"$BUILD/tests/kernel" kernel.vtrace >/dev/null
for name in closures depth errors tail timers pipes; do
	host lisp-$name lisp "$programs/$name.lisp"
done
host loops loops
host notes flight notes
host lua-garbage lua-host "$programs/garbage.lua"
cat >unmap.scm <<'SCHEME'
(use-modules (rnrs bytevectors))
(define keep (let loop ((i 0) (l '())) (if (< i 300) (loop (+ i 1) (cons (make-bytevector 100000 1) l)) l)))
(set! keep #f)
(do ((i 0 (+ i 1))) ((= i 30)) (gc))
SCHEME
valktrace record -q -o guile.vtrace -- guile unmap.scm >/dev/null
valktrace record -q --warn 'gc.cycles > 3' -o warned.vtrace -- guile unmap.scm >/dev/null 2>&1
valktrace record -q --category interp -o lua.vtrace -- lua5.4 "$programs/coroutines.lua" >/dev/null
valktrace record -q --category interp -o errors.vtrace -- lua5.4 "$programs/errors.lua" >/dev/null 2>&1
# Library calls of every category, on two threads.
cat >calls.py <<'PY'
import mmap, os, signal, socket, subprocess, threading, time
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
def work():
    time.sleep(0.001)
    a, b = socket.socketpair()
    a.send(b'x')
    mmap.mmap(-1, 1 << 20).close()
    subprocess.run(['true'])
t = threading.Thread(target=work)
t.start()
t.join()
PY
valktrace record -q --all -o calls.vtrace -- /usr/bin/python3 calls.py
valktrace record -q -o shell.vtrace -- bash -c 'trap : USR1; kill -USR1 $$; (exec true); cat /dev/null' >/dev/null
valktrace record -q -o asyncio.vtrace -- python3 -c 'import asyncio; asyncio.run(asyncio.sleep(0.02))' >/dev/null

# Files that are not in memory, CPUs that are wanted by more than there are, and faults: of a real process, which
# counters in it watch too.
cat >work.py <<'PY'
import mmap, os, subprocess, time
burn = [subprocess.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(os.cpu_count() + 1)]
with open('big', 'w+b') as f:
    f.write(os.urandom(4 << 20))
    os.fsync(f.fileno())
    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    m = mmap.mmap(f.fileno(), 4 << 20)
    sum(m[i] for i in range(0, 4 << 20, 4096))
end = time.time() + 0.8
while time.time() < end:
    sum(range(1000))
    time.sleep(0.001)
for b in burn:
    b.kill()
    b.wait()
PY
valktrace record -q --collect perf,perf-system --perf-interval 100ms --counters 300ms -o work.vtrace -- \
	/usr/bin/python3 work.py >/dev/null 2>&1

# An HTTP server in the middle of its work: gauges are of what is open now, so it is killed. 48 jobs wait, so that a
# later connection is refused.
cat >crowd.py <<'PY'
import socket, sys, time
port = int(sys.argv[1])
def ask(path, wait=True):
    s = socket.create_connection(('127.0.0.1', port), 60)
    s.sendall(b'GET ' + path + b' HTTP/1.1\r\n\r\n')
    if wait:
        s.recv(100)
    return s
for path in b'/', b'/switch', b'/moved', b'/nosuch', b'/fail', b'/fetch?1':
    ask(path).close()
many = [socket.create_connection(('127.0.0.1', port), 60) for _ in range(70)]
many[69].recv(1)
for s in many:
    s.close()
time.sleep(0.2)
silent = socket.create_server(('127.0.0.1', 0))
h2 = socket.create_connection(('127.0.0.1', port), 60)
# settings, and the headers of GET /hold: indexed method and scheme, a literal path and authority
h2.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0' +
           b'\0\0\x0c\1\5\0\0\0\1' + b'\x82\x86\4\5/hold\1\1x'[:12])
keep = [h2, ask(b'/big?60000000'), ask(b'/fetch?%d' % silent.getsockname()[1], False)]
keep += [ask(b'/work?9000', False) for _ in range(50)]
time.sleep(0.2)
keep.append(socket.create_connection(('127.0.0.1', port), 60))
print('ready', flush=True)
time.sleep(60)
PY
VALKTRACE=output=httpd.vtrace,counters=50ms "$BUILD/tests/httpd" >port 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
timeout 60 python3 crowd.py "$(cat port)" >said 2>&1 &
crowd=$!
for _ in $(seq 200); do [ -s said ] && break; sleep 0.05; done
is 'the crowd is served' "$(cat said)" ready
sleep 0.2
{ kill -KILL $server $crowd; wait $server $crowd; } 2>/dev/null

# ---- recorded inputs ----------------------------------------------------------------------------------

mkdir bin machine
cat >bin/perf <<P
#!/bin/sh
trap 'exit 0' INT
cat "$ROOT/fixtures/perf/pmu.txt" >&3
while :; do sleep 0.05; done
P
chmod +x bin/perf
group=machine/user.slice/job.scope
mkdir -p machine/pressure $group
cp "$proc/vmstat-normal.txt" machine/vmstat
for name in cpu memory io; do cp "$proc/pressure-normal.txt" machine/pressure/$name; done
cp "$proc"/cgroup/first/* $group/
events=$(cut -d';' -f4 "$ROOT/fixtures/perf/pmu.txt" | sort -u | paste -sd,)
# In its place begins a process with the pid that it will have.
(
	mkdir machine/$BASHPID
	cp "$proc/cgroup-v2.txt" machine/$BASHPID/cgroup
	export VALKTRACE=output=recorded.vtrace,counters=100ms,perf-interval=100ms,collect=perf+perf-system,perf-events=$events
	PATH=$WORK/bin:$PATH exec "$BUILD/tests/recorded" machine "$ROOT/fixtures/perf/counters.txt" 3500
) >/dev/null 2>&1 &
recorder=$!
sleep 0.7
# Into the files that are open: what was read before is not to be missed. Then it sleeps.
cat "$proc/vmstat-later.txt" 1<>machine/vmstat
for name in cpu memory io; do cat "$proc/pressure-later.txt" 1<>machine/pressure/$name; done
cp "$proc"/cgroup/later/* $group/
sleep 0.5
kill -STOP $recorder
sleep 1.7
kill -CONT $recorder
wait $recorder
is 'the run on recorded inputs' "$?" 0

# ---- every metric -------------------------------------------------------------------------------------

# The rows of schema.def: name, source, kind, family, labels. The sum of a histogram is a row of its own.
sed -nE 's/^VT_METRIC\(([a-z0-9_]+), *[0-9]+, ([a-z_]+), ([A-Z]+), [A-Z]+, "([^"]+)", "(.*)",$/\1 \2 \3 \4 \5/p' \
	"$ROOT/include/valktrace/schema.def" | sed 's/\\"/"/g' >rows
is 'all rows are read' "$(wc -l <rows)" "$(grep -c '^VT_METRIC(' "$ROOT/include/valktrace/schema.def")"
is 'of all sources' "$(cut -d' ' -f2 rows | sort -u | xargs)" \
	"$(sed -n 's/^VT_SOURCE(\([a-z_]*\),.*/\1/p' "$ROOT/include/valktrace/schema.def" | sort | xargs)"

# values LOG: all samples of its last records, or, of these two, of every record: their rates come and go.
values()
{
	local n
	case $1 in
	recorded.vtrace|work.vtrace)
		for n in $(seq 100); do
			valktrace decode --format prometheus --at "#$n" "$1" 2>/dev/null || break
		done ;;
	*) valktrace decode -q --format prometheus "$1" ;;
	esac
}

# written LOG...: names of the rows that are more than 0 in one of them; of a histogram its family.
written()
{
	local log
	for log in "$@"; do
		values "$log"
	done | awk 'FNR == NR { label = $0; sub(/^[^ ]* [^ ]* [^ ]* [^ ]* ?/, "", label)
			series[$4 (label == "" ? "" : "{" label "}")] = $1; kind[$4] = $3; next }
		/^#/ || $NF + 0 == 0 { next }
		{ name = $0; sub(/ [^ ]*$/, "", name)
		  if (name in series) print series[name]
		  if (name ~ /_sum$/ && (sub(/_sum$/, "", name) || 1) && name in series) print series[name]
		  if (name ~ /_count$/ && (sub(/_count$/, "", name) || 1)) print name }' rows - | sort -u
}

exceptions >excepted
recorded >from_records
written $(ls *.vtrace | grep -v '^recorded') >written
written recorded.vtrace >from_recorded
ok 'something was written' test "$(wc -l <written)" -gt 100
# reason FILE NAME: of the first pattern that fits
reason() { while read -r pattern why; do [[ $2 =~ ^($pattern)$ ]] && echo "$why" && return; done <"$1"; }

last=
while read -r name source kind family labels; do
	[ "$kind" != BUCKET ] || name=$family
	[ "$name" != "$last" ] || continue
	last=$name
	if grep -qx "$name" written; then
		pass "$name is written by a program"
	elif [ -n "$(reason from_records "$name")" ]; then
		ok "$name is written by a program, or from recorded inputs: $(reason from_records "$name")" \
			grep -qx "$name" from_recorded
	elif [ -n "$(reason excepted "$name")" ]; then
		skip "$name" "$(reason excepted "$name")"
	else
		fail "$name is written by a program"
	fi
done <rows
# ---- every event --------------------------------------------------------------------------------------

for log in *.vtrace; do
	valktrace summary --json "$log" 2>/dev/null | jq -r '.events | keys[]'
done | sort -u >seen
valktrace schema | grep -oE '^[a-z]+\.[a-z_]+ ' | tr -d ' ' >events
is 'all events are read' "$(wc -l <events)" "$(grep -c '^VT_EVENT(' "$ROOT/include/valktrace/schema.def")"
while read -r event; do
	ok "$event is emitted by a program" grep -qx "$event" seen
done <events
while read -r pattern why; do
	ok "exception $pattern is a metric ($why)" grep -qE "^$pattern " rows
done < <(cat excepted from_records)
finish
