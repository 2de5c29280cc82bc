#!/bin/bash
# collect.sh - what the recorder samples of the kernel, against what the program says of itself at its end;
# and what happens where there is nothing to sample.
. "$(dirname "$0")/lib.sh"

# metrics FILE: the last counters, `name{labels} value` a line.
metrics()
{
	valktrace decode --format prometheus "$1" | grep -v '^#'
}

# value NAME TEXT: of one sample of a dump; nothing if there is none.
value()
{
	printf '%s\n' "$2" | awk -v name="$1" '$1 == name { print $2 }'
}

# between NAME VALUE LEAST MOST
between()
{
	if awk -v v="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(v != "" && v + 0 >= a + 0 && v + 0 <= b + 0) }'; then
		pass "$1"
	else
		fail "$1" "$2 is not between $3 and $4"
	fi
}

# own KEY: what the program printed.
own()
{
	awk -v key="$1:" '$1 == key { print $2 }' said
}

# How far two readings of a process's memory may be apart: the kernel keeps part of the count on each CPU.
cpus=$(getconf _NPROCESSORS_CONF)
off=$((300000 + 3 * cpus * (cpus > 16 ? 2 * cpus : 32) * $(getconf PAGESIZE)))

# compare NAME [OPTION...]: the log of a run against `said`. What usage prints after it has looked is little.
compare()
{
	local name=$1 m
	m=$(metrics run.vtrace)
	between "$name: CPU time in user mode" "$(value 'valk_process_cpu_seconds_total{mode="user"}' "$m")" \
		"$(awk "BEGIN { print $(own user_us) / 1e6 - .011 }")" "$(awk "BEGIN { print $(own user_us) / 1e6 + .03 }")"
	between "$name: CPU time in the system" "$(value 'valk_process_cpu_seconds_total{mode="system"}' "$m")" \
		"$(awk "BEGIN { print $(own system_us) / 1e6 - .011 }")" "$(awk "BEGIN { print $(own system_us) / 1e6 + .03 }")"
	between "$name: page faults" "$(value 'valk_process_page_faults_total{type="minor"}' "$m")" \
		"$(own minor)" $(($(own minor) + 40))
	between "$name: voluntary switches" "$(value 'valk_process_context_switches_total{type="voluntary"}' "$m")" \
		"$(own voluntary)" $(($(own voluntary) + 20))
	between "$name: involuntary switches" \
		"$(value 'valk_process_context_switches_total{type="involuntary"}' "$m")" \
		"$(own involuntary)" $(($(own involuntary) + 40))
	# What was larger before the exec, as a recorder with a sanitizer is, hides how large the command became.
	[ -n "${SAN-}" ] || between "$name: peak memory" \
		"$(value valk_process_peak_resident_memory_bytes "$m")" \
		$(($(own peak_kib) * 1024 - off)) $(($(own peak_kib) * 1024 + off))
	between "$name: bytes read" "$(value valk_process_read_bytes_total "$m")" \
		"$(own rchar)" $(($(own rchar) + 20000))
	between "$name: bytes written" "$(value valk_process_written_bytes_total "$m")" \
		"$(own wchar)" $(($(own wchar) + 2000))
	between "$name: calls to read" "$(value valk_process_read_calls_total "$m")" \
		"$(own syscr)" $(($(own syscr) + 10))
	between "$name: calls to write" "$(value valk_process_write_calls_total "$m")" \
		"$(own syscw)" $(($(own syscw) + 10))
	between "$name: faults of the machine are no fewer" "$(value valk_vm_page_faults_total "$m")" "$(own minor)" 1e15
	has "$name: the sources are there" "$m" '^valk_source_available\{source="process",reason=""\} 1$'
	has "$name: paging, too" "$m" '^valk_source_available\{source="vm",reason=""\} 1$'
}

# ---- one process, shorter than the interval, and longer -------------------------------------------------

# Never with a sanitizer: the agent is preloaded into it.
usage=$WORK/usage
ok 'the program is built' ${CC:-gcc} -D_GNU_SOURCE -std=c11 -O1 -o "$usage" "$ROOT/tests/hosts/usage.c" -lpthread
ok 'a short run' valktrace record -q -f -o run.vtrace --counters 10m -- "$usage" 4000 3000000 20 60 1 >said
compare short
before=$(metrics run.vtrace)
is 'a run shorter than the interval has no rates' "$(printf '%s\n' "$before" | grep -c _per_second)" 0
ok 'sampled often' valktrace record -q -f -o run.vtrace --counters 20ms -- "$usage" 2000 3000000 100 60 1 >said
compare often
between 'it has a rate of faults' "$(value valk_vm_page_faults_per_second "$(metrics run.vtrace)")" 0 1e12
ok 'four threads' valktrace record -q -f -o run.vtrace -- "$usage" 2000 1000000 30 30 4 >said
compare threads
valktrace summary run.vtrace >page
has 'the page tells of the CPU' "$(cat page)" '^cpu +[0-9.]+ms user, [0-9.]+ms system, [0-9.]+ % of one'
has 'and of paging' "$(cat page)" '^page faults +[0-9,]+ +[0-9,]+ '
is 'in at most 80 columns' "$(awk 'length > 80' page)" ''
ok 'the same in JSON' jq -e '.process.minor_faults > 2000 and .paging.faults > 2000 and
	(.processes | to_entries[0].value.writes > 200)' <(valktrace summary --json run.vtrace) >/dev/null
ok 'promtool accepts it' promtool check metrics < <(valktrace decode --format prometheus run.vtrace) >/dev/null

# ---- a tree: the parts add up, and nothing is counted twice ------------------------------------------------

# What a child read is in the I/O of the shell that waits for it, as the kernel counts.
cat >tree.sh <<END
$usage 1000 2000000 1 10 1 >said1
$usage 1000 2000000 1 10 1 >said2
exec $usage 1000 2000000 1 10 1 >said3
END
ok 'a tree' valktrace record -q -f -o run.vtrace -- sh tree.sh
m=$(metrics run.vtrace)
cat said1 said2 said3 >said
total=$(awk '/^wchar:/ { sum += $2 } END { print sum }' said1 said2)
third=$(awk '/^wchar:/ { print $2 }' said3)
# said3's program is the shell's process: its own figure has those of its children before the exec.
between 'bytes written by all, each once' "$(value valk_process_written_bytes_total "$m")" \
	"$((third > total ? third : total))" $((third + 30000))
valktrace summary run.vtrace >page
has 'the page has a table' "$(cat page)" '^most CPU +cpu +peak +faults +switches +read +written$'
is 'that fits' "$(awk 'length > 80' page)" ''

# ---- asked for, or not --------------------------------------------------------------------------------------

ok 'without vm' valktrace record -q -f -o run.vtrace --collect '!vm' -- "$usage" 10 1000 1 1 1 >said
m=$(metrics run.vtrace)
is 'nothing of it' "$(printf '%s\n' "$m" | grep -c '^valk_vm_')" 0
has 'the reason' "$m" '^valk_source_available\{source="vm",reason="switched off by --collect"\} 0$'
has 'the rest is there' "$m" '^valk_process_page_faults_total\{type="minor"\} [1-9]'
has 'the page says so' "$(valktrace summary run.vtrace)" '^vm +switched off by --collect$'
ok 'none' valktrace record -q -f -o run.vtrace --collect none -- "$usage" 10 1000 1 1 1 >said
is 'nothing at all' "$(metrics run.vtrace | grep -cE '^valk_(vm|process|pressure|cgroup)_')" 0
valktrace record --collect nosuch -- true 2>err
is 'an unknown name: exit' $? 125
has 'an unknown name: what there is' "$(cat err)" "nosuch.*schema --collectors"
has 'the list of them' "$(valktrace schema --collectors)" '^vm +on '

# ---- a host that records itself --------------------------------------------------------------------------------

ok 'vt_start samples, too' env VALKTRACE=output=host.vtrace,counters=10ms "$BUILD/tests/flight" emit=10 sleep=50 stop
m=$(metrics host.vtrace)
has 'its process' "$m" '^valk_process_page_faults_total\{type="minor"\} [1-9]'
has 'and the machine' "$m" '^valk_vm_page_faults_total [1-9]'
ok 'switched off from outside' env 'VALKTRACE=output=off.vtrace,collect=!process+!vm' "$BUILD/tests/flight" emit=10 stop
is 'neither' "$(metrics off.vtrace | grep -cE '^valk_(vm|process)_')" 0

# ---- nothing to sample -------------------------------------------------------------------------------------------

mkdir bin empty
cp "$BUILD/tests/noproc" bin/
ln -s "$BIN/libvalktrace-agent.so" bin/
ok 'no /proc: the command runs' bin/noproc empty -q -f -o run.vtrace -- "$usage" 10 1000 1 1 1 >said
has 'its output is its own' "$(cat said)" '^minor: '
has 'the log is whole' "$(valktrace verify run.vtrace 2>&1)" '^run.vtrace: undamaged, closed, .* 0 lost$'
m=$(metrics run.vtrace)
is 'no values' "$(printf '%s\n' "$m" | grep -cE '^valk_(vm|process|pressure|cgroup)_')" 0
valktrace summary run.vtrace >page
for source in vm process process_io pressure cgroup; do
	has "the page says why: $source" "$(cat page)" "^$source +/proc/.*No such file or directory\$"
done
is 'the page is as before' "$(grep -cE '^--- (Process|Paging) ' page)" 0
is 'and fits' "$(awk 'length > 80' page)" ''
# Only a part of it is there, and that is broken.
mkdir broken
cp "$ROOT/fixtures/proc/vmstat-garbage.txt" broken/vmstat
ok 'broken /proc: the command runs' bin/noproc broken -q -f -o run.vtrace -- "$usage" 10 1000 1 1 1 >said
has 'the page says why: broken' "$(valktrace summary run.vtrace)" '^vm +/proc/vmstat has none of the fields'

finish
