#!/bin/bash
# series.sh - counters over time: decode --format openmetrics is read by a strict parser and by promtool, filled
# into a real Prometheus and read back, and says at each moment what --at says; fixtures/alerts.yml fires on
# what was recorded, and not before.
. "$(dirname "$0")/lib.sh"

prometheus=
trap '{ [ -z "$prometheus" ] || { kill $prometheus; wait $prometheus; }; } 2> /dev/null; rm -rf "$WORK" "$RUN"' EXIT
FIXTURES=$ROOT/fixtures

# series.py: what the checks below share
cat > series.py << 'PY'
import json, re, subprocess, sys
def tool(*args):
    return subprocess.run(['valktrace', 'decode', '-q'] + list(args), capture_output=True, check=True).stdout.decode()
def unescape(s):
    return re.sub(r'\\(.)', lambda m: '\n' if m[1] == 'n' else m[1], s)
def key(name, labels):
    # without a value a label is none
    found = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or '')
    return name, tuple(sorted((n, unescape(v)) for n, v in found if v))
def samples(text, dated):
    # of either format: [(series, value, ms)]
    form = re.compile(r'([\w:]+)(?:\{(.*)\})? (\S+)' + (r' (\d+)\.(\d{3})$' if dated else '$'))
    for line in text.split('\n'):
        if line and line[0] != '#':
            m = form.match(line)
            assert m, line
            yield key(m[1], m[2]), float(m[3]), int(m[4] + m[5]) if dated else 0
def by_moment(text):
    moments = {}
    for series, value, ms in samples(text, True):
        assert series not in moments.setdefault(ms, {}), series
        moments[ms][series] = value
    return [moments[ms] for ms in sorted(moments)]
PY
# The strict reader of prometheus_client. That of 0.16 compares times wrongly, and takes most of a histogram's second
# moment for the first one come again: so histograms go to it moment by moment.
cat > strict.py << 'PY'
import re, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Timestamp
Timestamp.__gt__ = lambda a, b: (a.sec, a.nsec) > (b.sec, b.nsec)
text = open(sys.argv[1], 'rb').read().decode('utf-8', 'strict')
families, last, count = set(), {}, 0
def check(text):
    global count
    for family in text_string_to_metric_families(text):
        assert family.name not in families, family.name
        families.add(family.name)
        for s in family.samples:
            series = s.name, tuple(sorted(s.labels.items()))
            assert series not in last or s.timestamp > last[series], (series, s.timestamp)
            last[series] = s.timestamp
            count += 1
def moments(part):
    head = ''.join(re.findall(r'^# .*\n', part, re.M))
    found, keys = {}, []
    for line in re.findall(r'^[^#].*\n', part, re.M):
        run = re.search(r'run="[^"]*"', line)
        key = run and run[0], line.split()[-1]
        if key not in found:
            keys.append(key)        # of one run after another, its moments in order
        else:
            assert keys[-1] == key, 'the samples of a moment are not together: ' + line
        found[key] = found.get(key, '') + line
    for one in found.values():
        yield head + one
rest = ''
for part in re.split(r'^(?=# TYPE)|^(?=# EOF)', text, flags=re.M):
    if not re.match(r'# TYPE \S+ histogram\n', part):
        rest += part
        continue
    for one in moments(part):
        check(one + '# EOF\n')
        families.discard(re.match(r'# TYPE (\S+)', part)[1])
    families.add(re.match(r'# TYPE (\S+)', part)[1])
check(rest)
assert count == sum(1 for line in text.split('\n') if line and line[0] != '#'), 'samples that were passed over'
print('strict')
PY
strict() { /usr/bin/python3 strict.py "$1" 2>&1 | tail -n 3; }

# ---- the format ---------------------------------------------------------------------------------------

for log in "$FIXTURES"/many.vtrace "$FIXTURES"/killed.vtrace "$FIXTURES"/v1/*.vtrace; do
	valktrace decode -q --format openmetrics "$log" > one.om
	is "strict: $(basename "$log")" "$(strict one.om)" strict
done
valktrace decode -q --format openmetrics "$FIXTURES"/v1/*.vtrace > all.om
is 'strict: all runs in one' "$(strict all.om)" strict
is 'which are told apart' "$(grep '^valk_trace_complete' all.om | grep -o 'run="[0-9a-f]*"' | sort -u | wc -l)" \
	"$(ls "$FIXTURES"/v1/*.vtrace | wc -l)"
is 'no counter records, no series' "$(valktrace decode -q --format openmetrics "$FIXTURES/hostile.vtrace" 2> err) $(
	grep -c 'no counter record' err)" '# EOF 1'
is 'it ends in # EOF' "$(tail -n 1 all.om)" '# EOF'
has 'units' "$(cat all.om)" '^# UNIT valk_gc_pause_seconds seconds$'

# ---- processes come and go ----------------------------------------------------------------------------

cat > processes.py << 'PY'
from series import *
log = sys.argv[1]
moments, last = by_moment(tool('--format', 'openmetrics', log)), {}
counters = set(re.findall(r'^# TYPE (\S+) counter', tool('--format', 'prometheus', log), re.M))
end = dict((s, v) for s, v, _ in samples(tool('--format', 'prometheus', log), False))
assert len(moments) > 2
for at in moments:
    for series in last:
        if series[0] in counters:
            assert at.get(series, -1) >= last[series], (series, last[series], at.get(series))
    last = at
seen = [s for s in end if s[0] in counters]
assert len(seen) > 10
for series in seen:
    assert last[series] == end[series], (series, last[series], end[series])
print('monotone', sum(at.get(('valk_gc_heap_used_bytes', ()), 0) > 0 for at in moments) < len(moments),
      sum(s[0] == 'valk_calls_total' for s in seen) > 10)
PY
is 'no counter falls when a process ends, all are there at the end; a heap that is gone is not' \
	"$(python3 processes.py "$FIXTURES/v1/processes.vtrace" 2>&1 | tail -n 1)" 'monotone True False'
echo '(do ((i 0 (+ i 1))) ((= i 3000)) (make-list 1000 i))' > program.scm
ok 'a tree of processes' valktrace record -q -o tree.vtrace -- sh -c \
	'ls /usr > /dev/null; guile program.scm & cat /etc/passwd > /dev/null; wait; ls /; guile program.scm; ls /' > said
valktrace decode -q --format openmetrics tree.vtrace > tree.om
is 'strict: the tree' "$(strict tree.om)" strict
is 'the same of processes as they are now, and of their calls' "$(python3 processes.py tree.vtrace 2>&1 | tail -n 1)" \
	'monotone True True'

# ---- a run of our own -----------------------------------------------------------------------------------

VALKTRACE=output=run.vtrace,counters=200ms,ring-size=64K,events=gc "$BUILD/tests/alerts" 2> err
is 'the host' "$? $(cat err)" '0 '
valktrace decode -q --format openmetrics run.vtrace > run.om
is 'strict: the run' "$(strict run.om)" strict
has 'the unit of a histogram' "$(cat run.om)" '^# UNIT valk_gc_pause_duration_seconds seconds$'
cat > records.py << 'PY'
# Each record of one process is one moment: all that `--at '#N'` prints is there, and equal.
from series import *
log, moments = sys.argv[1], by_moment(open(sys.argv[2]).read())
for n, at in enumerate(moments, 1):
    want = dict((s, v) for s, v, _ in samples(tool('--format', 'prometheus', '--at', '#%d' % n, log), False))
    for series in set(want) | set(at):
        # A loss is 0 before the first one; a Prometheus text begins to tell of it then.
        if series[0] == 'valk_trace_lost_events_total' and series not in want and at[series] == 0:
            continue
        assert at.get(series) == want.get(series), (n, series, at.get(series), want.get(series))
print(len(moments))
PY
records=$(valktrace info run.vtrace | sed -n 's/.*records #1 to #\([0-9]*\).*/\1/p')
is 'each record is a moment, equal to --at #N' "$(python3 records.py run.vtrace run.om 2>&1 | tail -n 1)" "$records"
ok "there are enough: $records" test "$records" -gt 20

# ---- --at TIME ------------------------------------------------------------------------------------------

cat > times.py << 'PY'
from series import *
log, step = sys.argv[1], int(sys.argv[2])
times = sorted(set(ms for _, _, ms in samples(open(sys.argv[3]).read(), True)))
utc = lambda ms: '%s.%03dZ' % (__import__('datetime').datetime.utcfromtimestamp(ms // 1000).isoformat(), ms % 1000)
same = 0
for n, ms in list(enumerate(times, 1))[::step]:
    for form in 'prometheus', 'metrics-json', 'kernel':
        # a moment's ms is rounded down: the record is at most 1 ms later, the next one 200 ms
        a, b = (tool('--format', form, '--at', at, log) for at in ('#%d' % n, utc(ms + 1)))
        assert a == b, (n, form)
        same += 1
print(same)
PY
is '--at an absolute TIME: the last record up to it' "$(python3 times.py run.vtrace 10 run.om 2>&1 | tail -n 1)" \
	"$(((records + 9) / 10 * 3))"
is '--at the end' "$(valktrace decode -q --format metrics-json --at -0s run.vtrace)" \
	"$(valktrace decode -q --format metrics-json run.vtrace)"
is '--at seconds after the start' "$(valktrace decode -q --format metrics-json --at 1h run.vtrace)" \
	"$(valktrace decode -q --format metrics-json --at "#$records" run.vtrace)"
is 'before the first record' "$(valktrace decode -q --format prometheus --at 1us run.vtrace 2> err; echo $?)" 2
has '... it says when that is' "$(cat err)" '^valktrace: run.vtrace: there is no counter record before 0\.[0-9]{3} s$'

# ---- --step, --since, --until -----------------------------------------------------------------------------

cycles() { grep '^valk_gc_cycles_total' "$1"; }
valktrace decode -q --format openmetrics --step 1s run.vtrace > step.om
is 'strict: steps' "$(strict step.om)" strict
start=$(valktrace info -q --json run.vtrace | jq -r .start_unix_ns)
is '--step: the last record in each second' "$(cycles step.om)" "$(cycles run.om | python3 -c '
import sys
last = {}
for line in sys.stdin:
    last[(int(line.split()[2].replace(".", "")) - int(sys.argv[1]) // 1000000) // 1000] = line
print("".join(last.values()), end="")' "$start")"
is '--since and --until' "$(valktrace decode -q --format openmetrics --since 2s --until 3s run.vtrace | cycles -)" \
	"$(cycles run.om | awk -v from="$start" '$3 - from / 1e9 >= 2 && $3 - from / 1e9 < 3')"
is '--step is for openmetrics' "$(valktrace decode --step 1s run.vtrace 2>&1; echo $?)" \
	'valktrace: --step is for --format openmetrics
2'
is '--at is not' "$(valktrace decode -q --format openmetrics --at 1s run.vtrace 2>&1; echo $?)" \
	'valktrace: --at is one moment, openmetrics has all: --since, --until, --step take some
2'
is 'two runs of one name need a label' "$(valktrace decode --format openmetrics --label a=b run.vtrace \
	"$FIXTURES/many.vtrace" 2>&1 | grep 'two runs')" \
	"valktrace: $FIXTURES/many.vtrace and run.vtrace are two runs: their series would be the same; tell them apart: --label run=%r"

# ---- names that attack ------------------------------------------------------------------------------------

weird=$'we"ird\\\n\xff\xed\xa0\x80\x1b[31m\xe2\x80\xae=,}{ '
cp "$FIXTURES/many.vtrace" "$weird.vtrace"
valktrace decode -q --format openmetrics --label "file=%f" --label 'x=a"b\c' "$weird.vtrace" > weird.om
is 'strict: the name of a file' "$(strict weird.om)" strict
cat > weird.py << 'PY'
from series import *
text = open(sys.argv[1], 'rb').read().decode()
assert not re.search('[\x00-\x09\x0b-\x1f\x7f-\x9f]', text)
print(json.dumps(max(dict(s[1]).get(sys.argv[2], '') for s, _, _ in samples(text, True))))
PY
is '... is there, what is no text as U+FFFD' "$(python3 weird.py weird.om file)" \
	"$(python3 -c 'import json; print(json.dumps("we\"ird\\\n" + "\ufffd" * 5 + "[31m\u202e=,}{ .vtrace"))')"
is '... and what the caller says' "$(python3 weird.py weird.om x)" '"a\"b\\c"'
cp "$(command -v sleep)" "./$weird"
if valktrace record -q -o program.vtrace -- "./$weird" 0.1 2> err; then
	valktrace decode -q --format openmetrics --label "p=%p" program.vtrace > program.om
	is 'strict: the name of a program' "$(strict program.om)" strict
	has '... is there' "$(python3 weird.py program.om p)" '^"we\\"ird'
	has '... and in valk_trace_info' "$(python3 weird.py program.om program)" '^"we\\"ird'
else
	fail 'a program with a name that attacks' "$(cat err)"
fi

# ---- promtool, Prometheus -----------------------------------------------------------------------------------

if ! command -v prometheus > /dev/null || ! command -v promtool > /dev/null; then
	skip 'Prometheus' 'not installed'
	finish
fi
valktrace decode -q --format prometheus run.vtrace > last.prom
is 'promtool: the text format' "$(promtool check metrics < last.prom 2>&1)" ''
for file in run weird all tree; do
	ok "promtool takes $file" promtool tsdb create-blocks-from -q openmetrics $file.om tsdb
done
web=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo 'global: {}' > prometheus.yml
prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --storage.tsdb.retention.time=100y \
	--web.listen-address="127.0.0.1:$web" > prometheus.log 2>&1 &
prometheus=$!
cat > read.py << 'PY'
# read.py WEB FILE... : all samples of the files, and no others, are in Prometheus.
import time, urllib.parse, urllib.request
from series import *
def ask(query, at):
    url = 'http://127.0.0.1:%s/api/v1/query?' % sys.argv[1] + urllib.parse.urlencode({'query': query, 'time': at})
    return json.load(urllib.request.urlopen(url, timeout=30))['data']['result']
for _ in range(150):
    try:
        ask('1', 1)
        break
    except OSError:
        time.sleep(0.2)
def clean(m):
    return m['__name__'], tuple(sorted((k, v) for k, v in m.items() if k != '__name__' and v))
want, got = {}, {}
for name in sys.argv[2:]:
    want.update(((s, ms), v) for s, v, ms in samples(open(name, newline='\n').read(), True))
for end in sorted(set(ms // 3600000 for _, ms in want)):
    for r in ask('{__name__=~"valk_.*"}[1h]', (end + 1) * 3600):
        got.update(((clean(r['metric']), round(t * 1000)), float(v)) for t, v in r['values'])
for k in set(want) | set(got):
    assert want.get(k) == got.get(k), (k, want.get(k), got.get(k))
print(len(got) == len(want), len(got) > 1000)
PY
is 'Prometheus has each sample, its time and value, and no other' \
	"$(timeout 100 python3 read.py "$web" run.om weird.om all.om tree.om 2>&1 | tail -n 1)" 'True True'
# value QUERY TIME
value()
{
	python3 -c 'import json, sys, urllib.parse, urllib.request
print(json.load(urllib.request.urlopen("http://127.0.0.1:%s/api/v1/query?" % sys.argv[1] + urllib.parse.urlencode(
    {"query": sys.argv[2], "time": sys.argv[3]}), timeout=30))["data"]["result"][0]["value"][1])' "$web" "$@"
}
end=$(cycles run.om | tail -n 1 | cut -d ' ' -f 3)
middle=$(cycles run.om | sed -n 20p | cut -d ' ' -f 3)
valktrace info -q --json run.vtrace > summary.json 2> err
is 'cycles, as summary counts them' "$(value 'valk_gc_cycles_total{x="a\"b\\c"}' 1700000001.309)" \
	"$(valktrace summary -q --json "$FIXTURES/many.vtrace" | jq .gc.cycles)"
is 'losses, as info counts them' "$(value 'valk_trace_lost_events_total{run=""}' "$end")" \
	"$(jq .lost summary.json)"
us=$(valktrace decode -q --format metrics-json run.vtrace | jq .gc.pause_us_total)
is 'time in pauses, to the us, of which one is rounded and the other cut' \
	"$(value "abs(valk_gc_pause_seconds_total * 1e6 - $us) <= bool 1.01" "$end")" 1
n=$(grep -c '' <(grep '^valk_trace_complete' run.om | awk -v t="$middle" '$NF <= t'))
valktrace decode -q --format metrics-json --at "#$n" run.vtrace > middle.json
is 'in the middle: cycles, heap' "$(value valk_gc_cycles_total "$middle") $(value valk_gc_heap_used_bytes "$middle")" \
	"$(jq -r '.gc | "\(.cycles_total) \(.heap_used_bytes)"' middle.json)"
is 'the rate of losses is one that PromQL computes' "$(value 'increase(valk_trace_lost_events_total[1m]) > bool 1000' "$end")" 1
{ kill "$prometheus"; wait "$prometheus"; } 2> /dev/null
prometheus=

# ---- alerts -----------------------------------------------------------------------------------------------------

cp "$FIXTURES/alerts.yml" .
has 'promtool: the rules' "$(promtool check rules alerts.yml 2>&1)" 'SUCCESS: 5 rules'
# The export as input of `promtool test rules`: values at an interval of 200 ms, _ where there is none.
cat > alerts.awk << 'AWK'
/^#/ { next }
{
	at = $NF; value = $(NF - 1); series = $0
	sub(/ [^ ]+ [^ ]+$/, "", series)
	if (!(series in values)) { order[++count] = series; next_[series] = 0 }
	if (!first || at < first) first = at
	n[series]++; times[series, n[series]] = at; all[series, n[series]] = value; values[series] = 1
}
END {
	for (i = 1; i <= count; i++) {
		series = order[i]; text = ""; slot = 0
		for (k = 1; k <= n[series]; k++) {
			want = int((times[series, k] - first) / 0.2 + 0.5)
			if (k > 1 && want < slot) continue
			for (; slot < want; slot++) text = text " _"
			text = text " " all[series, k]; slot++
		}
		quoted = series; gsub(/'/, "''", quoted)
		printf "      - series: '%s'\n        values: '%s'\n", quoted, substr(text, 2)
	}
}
AWK
# alert NAME TIME [LABELS]: an entry; without LABELS it does not fire then
alert()
{
	printf '      - eval_time: %s\n        alertname: %s\n' "$2" "$1"
	[ $# -lt 3 ] || printf '        exp_alerts: [ { exp_labels: { %s } } ]\n' "$3"
}
# what PromQL makes of the annotations is not the point: they are taken out
sed -i '/annotations:/,+1d' alerts.yml
fired()
{
	alert ValkGcTimeShare 11s 'severity: warning'
	alert ValkHeapNearlyFull 11s 'severity: critical'
	alert ValkLoopOverBudget 11s 'severity: warning'
	alert ValkErrorRate 11s 'severity: critical'
	alert ValkBlind 11s 'severity: warning, category: gc'
}
{
	printf 'rule_files: [ alerts.yml ]\nevaluation_interval: 200ms\ntests:\n  - interval: 200ms\n    input_series:\n'
	grep -E '^(#|valk_(gc|kernel|http|loop|trace|source)_)' run.om | awk -f alerts.awk
	echo '    alert_rule_test:'
	for rule in ValkGcTimeShare ValkHeapNearlyFull ValkLoopOverBudget ValkErrorRate ValkBlind; do
		alert $rule 1600ms
	done
	fired
	# What that run does not do, by hand: a source that goes beside one that never was there, a loop held up.
	cat << 'YML'
  - interval: 1s
    input_series:
      - { series: 'valk_source_available{source="perf",reason=""}', values: '1 1 1 _ _ _' }
      - { series: 'valk_source_available{source="perf",reason="gone"}', values: '_ _ _ 0 0 0' }
      - { series: 'valk_source_available{source="loop",reason="none"}', values: '0 0 0 0 0 0' }
      - { series: 'valk_loop_lag_max_seconds{job="old"}', values: '0.2 0.2 0.2 0.2 0.2 0.2' }
      - { series: 'valk_loop_lag_max_seconds{job="new"}', values: '0.05 0.05 0.05 0.05 0.2 0.2' }
      - { series: 'valk_loop_lag_max_seconds{job="low"}', values: '0.01 0.02 0.03 0.04 0.05 0.06' }
    alert_rule_test:
      - { eval_time: 2s, alertname: ValkBlind }
      - { eval_time: 2s, alertname: ValkLoopOverBudget }
      - { eval_time: 5s, alertname: ValkBlind, exp_alerts: [ { exp_labels: { severity: warning, source: perf, reason: gone } } ] }
      - { eval_time: 5s, alertname: ValkLoopOverBudget, exp_alerts: [ { exp_labels: { severity: warning, job: new } } ] }
YML
} > fires.yml
is 'promtool: no rule fires while all is well, each does when it is not' "$(promtool test rules fires.yml 2>&1 |
	grep -v '^ *$' | head -n 40)" 'Unit Testing:  fires.yml
  SUCCESS'
# That test can fail: rules that are the other way round.
sed 's/ > / < /; s/== 0/== 1/' alerts.yml > turned.yml
sed 's/alerts.yml/turned.yml/' fires.yml > not.yml
is '... and the test fails with other rules' "$(promtool test rules not.yml > said 2>&1; echo $?)" 1
finish
