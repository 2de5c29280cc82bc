#!/bin/bash
# inputs.sh - several files at once: runs apart, parts together, ring files with and without their log, a
# log that is still written, damage in one of many, labels that tell runs apart.
. "$(dirname "$0")/lib.sh"

cat >a.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 3000)) (make-list 1000 i))
SCHEME
cat >killed.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 3000)) (make-list 1000 i))
(kill (getpid) SIGSTOP)
SCHEME
cat >long.scm <<'SCHEME'
(do ((i 0 (+ i 1))) ((= i 1000000)) (make-list 1000 i) (if (odd? i) (usleep 10)))
SCHEME
id()
{
	valktrace info --json "$1" 2>/dev/null | jq -r .run
}

# until_lines N FILE...: waits until the log shows that many events.
until_lines()
{
	local n
	for n in $(seq 100); do
		[ "$(valktrace decode "$2" 2>/dev/null | wc -l)" -lt "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

# ---- two runs -----------------------------------------------------------------------------------------

valktrace record -q -o first.vtrace -- guile a.scm
valktrace record -q -o second.vtrace -- guile a.scm
first=$(id first.vtrace) second=$(id second.vtrace)
count1=$(valktrace decode first.vtrace | wc -l) count2=$(valktrace decode second.vtrace | wc -l)
valktrace decode second.vtrace first.vtrace >both 2>err
is 'two runs: exit 0' $? 0
is 'nothing on stderr' "$(cat err)" ''
is 'run after run, the earlier first, its id before each line' "$(awk '{ print $1 }' both | uniq -c | awk '{ print $1, $2 }')" \
	"$count1 ${first:0:8}
$count2 ${second:0:8}"
ok 'the lines are those of each run alone' cmp -s \
	<(cut -d' ' -f3- both) <(valktrace decode first.vtrace; valktrace decode second.vtrace)
is 'one run has no run column' "$(valktrace decode first.vtrace first.vtrace | md5sum)" \
	"$(valktrace decode first.vtrace | md5sum)"
is 'json: every object has its run' "$(valktrace decode -F json first.vtrace second.vtrace | jq -r .run | sort | uniq -c | sort -n | wc -l)" 2
valktrace decode -F csv second.vtrace first.vtrace >both.csv
is 'csv: one header' "$(grep -c '^t_ns,' both.csv)" 1
is 'csv: as many fields in each line' "$(awk -F, '{ print NF }' both.csv | sort -u | wc -l)" 1
is 'csv: all rows' "$(wc -l <both.csv)" $((count1 + count2 + 1))
is '--limit counts all runs' "$(valktrace decode -n $((count1 + 5)) first.vtrace second.vtrace | wc -l)" $((count1 + 5))
is '--where is understood for each run' \
	"$(valktrace decode -e gc.end --where 'cycle <= 2' first.vtrace second.vtrace | wc -l)" 4
is 'info: a block a run, a blank line between' \
	"$(valktrace info second.vtrace first.vtrace)" "$(valktrace info first.vtrace; echo; valktrace info second.vtrace)"
is 'summary, too' \
	"$(valktrace summary second.vtrace first.vtrace)" "$(valktrace summary first.vtrace; echo; valktrace summary second.vtrace)"
is 'info --json: an object a line' "$(valktrace info --json first.vtrace second.vtrace | jq -r .run | tr '\n' ' ')" "$first $second "
has 'schema: of each' "$(valktrace schema first.vtrace second.vtrace | grep -c -e '--- Metrics ---')" '^2$'
valktrace decode -c gc,nonsense first.vtrace second.vtrace >out 2>err
is 'a name that no run has: exit 2' $? 2
is 'said once' "$(grep -c nonsense err)" 1

# ---- labels -------------------------------------------------------------------------------------------

valktrace decode -F prometheus first.vtrace second.vtrace >out 2>err
is 'two runs in one dump without labels: refused' $? 2
has 'and what to type' "$(cat err)" 'label run=%r'
is 'nothing is printed' "$(cat out)" ''
valktrace decode -F prometheus --label same=x first.vtrace second.vtrace >out 2>err
is 'the same label is no help' $? 2
valktrace decode -F prometheus --label run=%r --label 'who=%p "in" %f\' --label p=100%% second.vtrace first.vtrace >dump
is 'with labels: exit 0' $? 0
ok 'promtool is content' promtool check metrics <dump
is 'each family has one head' "$(grep '^# TYPE' dump | sort | uniq -d)" ''
is 'no sample twice' "$(grep -v '^#' dump | sed 's/ [^ ]*$//' | sort | uniq -d)" ''
has 'values are expanded and escaped' "$(grep '^valk_gc_cycles_total' dump)" \
	"run=\"$first\",who=\"guile .\"in.\" first.vtrace..\",p=\"100%\""
is 'without its labels it is the dump of each run' \
	"$(valktrace decode -F prometheus --label x=%r first.vtrace second.vtrace |
	   sed -E 's/,?x="[0-9a-f]*"//; s/\{\}//' | grep -v '^#\|^$' | sort)" \
	"$(for f in first second; do valktrace decode -F prometheus $f.vtrace; done | grep -v '^#\|^$' | sort)"
is 'metrics-json of several runs: an object a line' \
	"$(valktrace decode -F metrics-json --label f=%f first.vtrace second.vtrace | jq -rc '[.run, .labels.f]' | tr '\n' ' ')" \
	"[\"$first\",\"first.vtrace\"] [\"$second\",\"second.vtrace\"] "
ok 'and each on its line' test "$(valktrace decode -F metrics-json first.vtrace second.vtrace | wc -l)" = 2
for bad in novalue 1x=y __x=y source=x reason=x le=1 'a b=c' 'x=%q' 'x=%'; do
	valktrace decode -F prometheus --label "$bad" first.vtrace >out 2>err
	is "--label $bad: exit 2, one line, nothing printed" "$? $(wc -l <err) $(wc -c <out)" '2 1 0'
done

# ---- damage, and files that are none ---------------------------------------------------------------------

cp first.vtrace hurt.vtrace
size=$(stat -c %s hurt.vtrace)
printf 'XXXXXXXX' | dd of=hurt.vtrace bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
valktrace decode hurt.vtrace >/dev/null 2>&1
is 'one damaged log: exit 3' $? 3
valktrace decode hurt.vtrace second.vtrace >out 2>err
is 'beside a whole one: exit 3' $? 3
is 'the whole one is all there' "$(grep -c "^${second:0:8}" out)" "$count2"
valktrace decode missing.vtrace second.vtrace hurt.vtrace >out 2>err
is 'a missing file goes before damage: exit 7' $? 7
is 'it is named once' "$(grep -c missing.vtrace err)" 1
is 'the rest is read' "$(grep -c "^${second:0:8}" out)" "$count2"
echo 'no log' >text
valktrace summary text second.vtrace >out 2>err
is 'what is no log: exit 4' $? 4
has 'and the log is summarized' "$(cat out)" '^second.vtrace'
valktrace decode -F csv text missing.vtrace >out 2>err
is 'nothing to read: exit 7' $? 7
is 'each is named once' "$(wc -l <err)" 2
valktrace decode -F prometheus -o dump.prom text first.vtrace 2>err
is 'a dump of what there is: exit 4' $? 4
ok 'it is written' promtool check metrics <dump.prom
printf 'XX' | dd of=hurt.vtrace bs=1 seek=4 conv=notrunc 2>/dev/null
valktrace decode -F csv hurt.vtrace second.vtrace first.vtrace >out 2>err
is 'said once though csv looks twice' "$(wc -l <err)" 1

# ---- standard input -----------------------------------------------------------------------------------

is 'a pipe' "$(cat first.vtrace | valktrace decode - | md5sum)" "$(valktrace decode first.vtrace | md5sum)"

# ---- a log that is still written ------------------------------------------------------------------------

valktrace record -q --flush 50ms --ring-size 16K -o live.vtrace -- guile long.scm &
recorder=$!
ok 'a log in work has events' until_lines 20 live.vtrace
valktrace decode live.vtrace >out 2>err
is 'it is read: exit 0' $? 0
is 'one line says so' "$(sed -E 's/[0-9.]+ s$/T s/' err)" 'valktrace: live.vtrace: is still being written: read up to T s'
valktrace info live.vtrace first.vtrace 2>/dev/null >out
has 'info shows it' "$(cat out)" 'STILL BEING WRITTEN'
is 'nothing is lost, however often it is read' \
	"$(for i in $(seq 20); do valktrace info --json live.vtrace 2>/dev/null | jq -c '[.lost, .damaged]'; done | sort -u)" '[0,false]'
ring=$(ls "$RUN"/valktrace/"$(id live.vtrace)"-*.vring)
valktrace decode "$ring" >out 2>err
is 'its ring alone: exit 0' $? 0
is 'one line says that its process runs' "$(grep -c 'still runs' err) $(grep -c N08 err)" '1 1'
ok 'and it has events' test "$(wc -l <out)" -gt 10

# ---- killed: the ring file is all there is ----------------------------------------------------------------

pid=$(basename "$ring" | cut -d- -f2)
kill -STOP $recorder          # the ring is overwritten meanwhile, and the recorder counts that
sleep 2
kill -CONT $recorder
sleep 0.3
kill -STOP $recorder
sleep 0.3
kill -KILL "$pid" $recorder
wait $recorder 2>/dev/null
valktrace decode --time ticks live.vtrace >log.txt 2>err
is 'a killed run: exit 0' $? 0
valktrace decode --time ticks "$ring" >ring.txt 2>err
is 'its ring alone: exit 0' $? 0
has 'which says that the process has ended' "$(cat err)" 'has ended'
# A helper thread that only began is not part of the comparison: nothing overwrites its ring.
grep -v -e '-- lost' -e thread_begin ring.txt | cut -d' ' -f1 >ring.ticks
grep -v thread_begin log.txt | cut -d' ' -f1 | tail -n "$(wc -l <ring.ticks)" >log.ticks
is 'its events are the last ones of the run' "$(sort ring.ticks | md5sum)" "$(sort log.ticks | md5sum)"
is 'every event is there or counted as overwritten' \
	"$(valktrace info --json "$ring" 2>/dev/null | jq '.threads | all((.decoded|add) + (.lost|add // 0) == (.committed|add))')" true
ok 'some are' test "$(valktrace info --json "$ring" 2>/dev/null | jq .lost_by_cause.overwritten)" -gt 0
is 'the metrics count the same' \
	"$(valktrace decode -F prometheus "$ring" 2>/dev/null | awk '/^valk_trace_lost/ { n += $2 } END { print n }')" \
	"$(valktrace info --json "$ring" 2>/dev/null | jq .lost)"
is 'ring and log together have what both have' \
	"$(valktrace info --json "$ring" 2>/dev/null | jq '.events + .lost')" \
	"$(valktrace info --json live.vtrace 2>/dev/null | jq '.events + .lost')"
cp "$ring" renamed.vring
for files in "live.vtrace $ring" "$ring live.vtrace" "live.vtrace renamed.vring" "renamed.vring $ring live.vtrace"; do
	is "named together, used once: $(basename -a $files | cut -c1-14 | tr '\n' ' ')" \
		"$(valktrace decode --time ticks $files 2>err | md5sum) $(grep -c N08 err)" "$(md5sum <log.txt) 1"
done
is 'from a pipe' "$(valktrace decode --time ticks - <renamed.vring 2>/dev/null | md5sum)" "$(md5sum <ring.txt)"
ok 'summary reads it' test "$(valktrace summary renamed.vring 2>/dev/null | wc -l)" -gt 10
is 'schema, too' "$(valktrace schema renamed.vring 2>/dev/null | grep -c '^gc.end ')" 1
ok 'and Prometheus' promtool check metrics < <(valktrace decode -F prometheus renamed.vring 2>/dev/null)
valktrace recover renamed.vring 2>err
is 'recover does not touch it' "$? $(cmp renamed.vring "$ring")" '4 '
chmod 400 renamed.vring
ok 'it needs to be readable only' valktrace decode -n 1 -o one renamed.vring 2>/dev/null
valktrace decode renamed.vring first.vtrace 2>/dev/null | awk '{ print $1 }' | sort -u >runs
is 'beside another run it is one more' "$(wc -l <runs)" 2

# ---- a host that records itself: its types are in its ring file --------------------------------------------

"$BUILD/tests/lisp" "$ROOT/tests/hosts/programs/gc.lisp" >/dev/null
"$BUILD/tests/lisp" "$ROOT/tests/hosts/programs/fib.lisp" >/dev/null
valktrace decode -F prometheus --label run=%r lisp-*.vtrace first.vtrace >dump 2>err
is 'three programs, one dump' "$? $(cat err)" '0 '
ok 'promtool is content' promtool check metrics <dump
is 'lisp and guile side by side' "$(valktrace decode -F json lisp-*.vtrace first.vtrace | jq -r .run | uniq | wc -l)" 3

finish
