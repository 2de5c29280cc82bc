#!/bin/bash
# perf.sh - performance counters: perf stat and perf_event_open against what a program says of itself, and
# every way in which perf can be missing, forbidden, strange, slow or dead.
. "$(dirname "$0")/lib.sh"

# value LOG FAMILY EVENT: one sample of the Prometheus text, or nothing
value() { valktrace decode --format prometheus "$1" | sed -n "s/^valk_$2{event=\"$3\"[^}]*} //p"; }
# why LOG SOURCE: the reason why a source is absent
why() { valktrace decode --format prometheus "$1" | sed -n "s/^valk_source_available{source=\"$2\",reason=\"\([^\"]*\)\".*/\1/p"; }
# between NAME VALUE LEAST MOST
between() { ok "$1 ($2 in $3..$4)" awk -v v="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(v != "" && v + 0 >= a && v + 0 <= b) }'; }
# record ARGUMENT...: quietly; all output in `said`
record() { timeout 60 valktrace record -q "$@" >said 2>&1; }
leftover() { pgrep -f "$WORK/bin" | wc -l; }

cat >work.py <<'P'
import mmap, resource, time
time.sleep(0.5)
m = mmap.mmap(-1, 32 << 20)
before = resource.getrusage(resource.RUSAGE_SELF)
for i in range(0, 32 << 20, 4096):
    m[i] = 1
for i in range(200):
    time.sleep(0.001)
end = time.thread_time() + 0.1
while time.thread_time() < end:
    pass
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = lambda r: r.ru_utime + r.ru_stime
print(after.ru_minflt - before.ru_minflt, after.ru_nvcsw - before.ru_nvcsw, cpu(after) - cpu(before), cpu(after))
P
python=/usr/bin/python3

# ---- no perf, no rights, nonsense: the rest goes on ---------------------------------------------------------

mkdir nothing
ln -s "$(command -v sleep)" "$(command -v timeout)" nothing/
PATH=$BIN:$WORK/nothing record --collect perf-system -o none.vtrace -- sleep 0.05
is 'without perf the command runs' "$?" 0
has 'and the summary says why' "$(valktrace summary none.vtrace)" '^perf +perf was not found in PATH'
is 'of each event too' "$(valktrace decode --format prometheus none.vtrace |
	grep -c '^valk_perf_available{.*reason="perf was not found in PATH (Debian: linux-perf)"} 0$')" 18
is 'in JSON' "$(valktrace summary --json none.vtrace | jq -r .available.perf.perf_cycles.available)" false
valktrace decode --format prometheus none.vtrace >none.prom
ok 'valid text for Prometheus' promtool check metrics <none.prom

record --collect perf-system --perf-cores 0,977 -o cores.vtrace -- true
has 'a CPU that is not online' "$(why cores.vtrace perf)" '^CPU 977 is not online \(online: '
record --collect perf-system --perf-cores 0,x -o cores.vtrace -- true
is 'no list of CPUs' $? 125
has 'a message that says so' "$(cat said)" "perf-cores: '0,x' is no list of CPUs"
record -o off.vtrace -- true
has 'off by default' "$(why off.vtrace perf)" '^not asked for: --collect perf-system$'
is 'which is no news' "$(valktrace summary off.vtrace | grep -c 'not asked for')" 0

# ---- a perf of our own: each way to misbehave ---------------------------------------------------------------

mkdir bin
cat >bin/perf <<'P'
#!/bin/bash
[ -t 0 ] && echo terminal >>"$NOTES"
echo "$* LC_ALL=${LC_ALL-} LD_PRELOAD=${LD_PRELOAD-} $VALKTRACE" >>"$NOTES"
line() { printf '     %s;%s;;%s;1000;%s;;\n' "$1" "$2" "$3" "${4:-100.00}" >&3; }
case $MANNER in
good)
	trap 'line 0.9 7 cycles; exit 0' INT
	line 0.1 100 cycles; line 0.1 5 page-faults:u
	line 0.2 100 cycles 50.00; line 0.2 '<not counted>' page-faults:u
	line 0.3 100 cycles 25.00; line 0.3 5 page-faults:u
	while :; do sleep 0.05; done ;;
strict)
	line 0.1 100 cycles; line 0.1 '<not supported>' page-faults
	sleep 30 ;;
dies)
	line 0.1 100 cycles; line 0.1 5 page-faults
	sleep 0.4
	kill -KILL $$ ;;
hangs)
	trap '' INT TERM
	sleep 30 & wait; sleep 30 ;;
garbage) yes noise >&2 & yes 'what is this;;;;' >&3 ;;
gap)
	line 0.1 100 cycles; line 0.1 5 page-faults
	sleep 0.4
	line 0.2 100 cycles; line 0.2 '<not counted>' page-faults
	sleep 30 ;;
missing)
	trap 'exit 0' INT
	line 0.1 100 cycles; line 0.2 100 cycles; line 0.3 100 cycles
	while :; do sleep 0.05; done ;;
forbidden) cat "$FIXTURES/forbidden.txt" >&2; exit 255 ;;
unknown)
	case "$*" in
	*nonsense*) cat "$FIXTURES/unknown_event.txt" >&2; exit 129 ;;
	*' true') exit 0 ;;
	*) line 0.1 3 page-faults; sleep 30 ;;
	esac ;;
silent) exit 3 ;;
esac
P
chmod +x bin/perf
export NOTES=$WORK/notes FIXTURES=$ROOT/fixtures/perf
# fake MANNER [ARGUMENT...]: records a second of sleep with it, into MANNER.vtrace
fake()
{
	local manner=$1
	shift
	: >"$NOTES"
	MANNER=$manner PATH=$BIN:$WORK/bin:$PATH record --collect perf-system --perf-events cycles,page-faults \
		--perf-interval 100ms --counters 50ms "$@" -o "$manner.vtrace" -- sleep 1
	is "$manner: the command is not disturbed" "$?:$(cat said)" '0:'
	is "$manner: no process stays" "$(leftover)" 0
}

# A sanitizer's library must come before any other.
[ -n "${SAN-}" ] || export LD_PRELOAD=libm.so.6
VALKTRACE=level=2 fake good
unset LD_PRELOAD
has 'options of perf' "$(cat notes)" \
	'^stat -x ; --no-big-num --log-fd 3 -a -e cycles,page-faults -I 100 LC_ALL=C LD_PRELOAD= $'
is 'sums, and the last short interval' "$(value good.vtrace perf_events_total cycles)" 307
has 'multiplexed: scaled' "$(valktrace decode --format prometheus good.vtrace)" \
	'^valk_perf_running_ratio\{event="cycles"\} (1.000000|0.250000)$'
has 'with a modifier that perf added' "$(valktrace decode --format prometheus good.vtrace)" \
	'^valk_perf_available\{event="page-faults",reason="in user mode only: page-faults:u"\} 1$'
is 'an interval that did not count adds nothing' "$(value good.vtrace perf_events_total page-faults)" 10
is 'time by its own clock' "$(valktrace decode --format prometheus good.vtrace |
	sed -n 's/^valk_perf_counted_seconds_total //p')" 0.900000
is 'no line over 80 columns' "$(valktrace summary good.vtrace | awk 'length > 80')" ''

fake gap
is 'not counted: a gap, and no 0' "$(value gap.vtrace perf_events_total page-faults)" ''
is '... of this event alone' "$(value gap.vtrace perf_events_total cycles)" 200
has '... which was there before' "$(for i in 3 4 5 6 7; do
	valktrace decode --format prometheus --at "#$i" gap.vtrace; done)" 'valk_perf_events_total\{event="page-faults"\} 5'

fake strict --perf-strict 1
is 'perf-strict: one event lacks, so all do' "$(value strict.vtrace perf_events_total cycles)" ''
is 'perf-strict: why' "$(why strict.vtrace perf)" 'perf-strict: page-faults: not supported by this machine'
fake strict
is 'otherwise those that are there stay' "$(value strict.vtrace perf_events_total cycles)" 100
fake dies
is 'killed: absent from then on' "$(value dies.vtrace perf_events_total cycles)" ''
is 'killed: why' "$(why dies.vtrace perf)" 'perf stat was killed by signal 9'
has 'killed: it was there before' "$(for i in 3 4 5 6; do
	valktrace decode --format prometheus --at "#$i" dies.vtrace; done)" 'valk_perf_events_total\{event="cycles"\} 100'
fake hangs
is 'nothing printed yet' "$(why hangs.vtrace perf)" 'perf stat has counted nothing yet'
fake garbage
has 'garbage' "$(why garbage.vtrace perf)" 'perf stat prints what cannot be read: what is this;;;;'
fake missing
is 'an event that is not mentioned' "$(valktrace summary --json missing.vtrace |
	jq -r .available.perf.perf_page_faults.reason)" 'perf does not report it'
is '... and the other one' "$(value missing.vtrace perf_events_total cycles)" 300
fake forbidden
has 'forbidden' "$(why forbidden.vtrace perf)" '^not permitted: perf_event_paranoid is '
fake silent
is 'ends at once' "$(why silent.vtrace perf)" 'perf stat ended with exit 3'
fake unknown --perf-events nonsense,page-faults
is 'a bad name does not take the others away' "$(value unknown.vtrace perf_events_total page-faults)" 3
is 'and is told of' "$(valktrace summary --json unknown.vtrace | jq -r '.available.perf.perf_nonsense.reason')" \
	'perf knows no such event'
for log in *.vtrace; do
	valktrace decode --format prometheus "$log" >text && promtool check metrics <text >/dev/null 2>&1 ||
		fail "$log: promtool"
done
pass 'promtool takes all of them'

# ---- the recorded process alone -----------------------------------------------------------------------------

if [ ! -e /proc/sys/kernel/perf_event_paranoid ]; then
	skip 'perf_event_open' 'this kernel has no performance counters'
elif [ "$(id -u)" -ne 0 ]; then
	skip 'perf_event_open' 'not root: the kernel may not be counted'
else
	timeout 60 valktrace record -q --collect perf -o own.vtrace -- $python work.py >numbers 2>said
	read -r faults switches cpu all <numbers
	if why own.vtrace process_perf | grep -q 'not permitted'; then
		skip 'perf_event_open' "$(why own.vtrace process_perf)"
	else
		# Counting begins after the start: no less than the work, no more than the life.
		between 'page faults of the process' "$(value own.vtrace process_perf_events_total page-faults)" \
			"$faults" $((faults + 4000))
		between 'context switches' "$(value own.vtrace process_perf_events_total context-switches)" \
			"$switches" $((switches + 2000))
		between 'CPU time' "$(value own.vtrace process_perf_clock_seconds_total cpu-clock)" \
			"$(awk "BEGIN { print $cpu * 0.8 }")" "$(awk "BEGIN { print $all * 1.2 + 0.05 }")"
		ok 'each of 18 events is told of' [ "$(valktrace summary --json own.vtrace |
			jq '.available.process_perf | length')" = 18 ]
	fi
	record --collect perf --perf-events page-faults,sched:sched_switch -o names.vtrace -- sleep 0.1
	has 'names that only perf knows' "$(valktrace summary names.vtrace)" \
		'^by this name only perf knows it: --collect perf-system:$'
fi

# ---- the real perf ------------------------------------------------------------------------------------------

if ! perf stat -a -e page-faults true >/dev/null 2>&1; then
	skip 'perf stat' 'no perf (Debian: linux-perf), or not permitted'
else
	timeout 60 valktrace record -q --collect perf-system --perf-interval 100ms \
		--perf-events page-faults,context-switches,cpu-clock,nonsense -o all.vtrace -- $python work.py >numbers 2>said
	read -r faults switches cpu all <numbers
	between 'page faults of the machine' "$(value all.vtrace perf_events_total page-faults)" "$faults" 1e9
	between 'context switches of the machine' "$(value all.vtrace perf_events_total context-switches)" "$switches" 1e9
	counted=$(valktrace decode --format prometheus all.vtrace | sed -n 's/^valk_perf_counted_seconds_total //p')
	cpus=$(awk "BEGIN { print $(value all.vtrace perf_clock_seconds_total cpu-clock) / $counted }")
	between 'cpu-clock counts all CPUs all the time' "$cpus" \
		"$(awk "BEGIN { print 0.8 * $(nproc) }")" "$(awk "BEGIN { print 1.2 * $(nproc --all) }")"
	valktrace record -q --collect perf-system --perf-interval 50ms --perf-events page-faults,cs,faults \
		-o killed.vtrace -- sleep 3 2>said &
	for _ in $(seq 100); do
		pgrep -f 'log-fd 3 -a -e page-faults,cs,faults' >/dev/null && break
		sleep 0.05
	done
	kill -KILL $!
	wait $! 2>/dev/null
	for _ in $(seq 100); do
		pgrep -f 'log-fd 3 -a -e page-faults,cs,faults' >/dev/null || break
		sleep 0.05
	done
	ok 'perf ends when the recorder is killed' [ -z "$(pgrep -f 'log-fd 3 -a -e page-faults,cs,faults')" ]
	has 'a name that it does not know' "$(valktrace summary all.vtrace)" '^perf knows no such event:$'
fi
finish
