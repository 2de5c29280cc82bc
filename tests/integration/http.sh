#!/bin/bash
# http.sh - the HTTP host reports itself: counts equal those of who asked it, a duration ends with the last
# byte of the response, jq, promtool and a real Prometheus read what it serves, and the log says the same.
. "$(dirname "$0")/lib.sh"

httpd=$BUILD/tests/httpd
server=

# start [OPTION=VALUE,...]: a fresh server; port, and its log is httpd.vtrace
start()
{
	rm -f port httpd.vtrace
	VALKTRACE=output=httpd.vtrace,ring-size=4M${1:+,$1} "$httpd" > port 2> errors &
	server=$!
	for _ in $(seq 100); do
		[ -s port ] && break
		sleep 0.05
	done
	port=$(cat port)
}

# stop: ends it in order; its exit status
stop()
{
	kill -TERM "$server"
	wait "$server"
}
trap 'kill $server $prometheus 2> /dev/null; rm -rf "$WORK" "$RUN"' EXIT
prometheus=

# get PATH FILE: the body; prints the status and the type
get()
{
	python3 - "$port" "$1" "${2-/dev/null}" << 'PY'
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=60)
c.request('GET', sys.argv[2], headers={'Connection': 'close'})
r = c.getresponse()
open(sys.argv[3], 'wb').write(r.read())
print(r.status, r.getheader('Content-Type'))
PY
}

# sample SERIES FILE: of a Prometheus text
sample() { awk -v want="$1" '$1 == want { print $2 }' "$2"; }
final() { valktrace decode --format prometheus httpd.vtrace > final.txt; sample "$1" final.txt; }
requests() { awk '/^valk_http_requests_total/ { n += $2 } END { print n + 0 }' "$1"; }

# ---- the same counts as who asks --------------------------------------------------------------------

start
cat > ask.py << 'PY'
# ask.py PORT: some of each, on 8 connections at once; then says what it asked for and got
import http.client, sys, threading
plan = ['/'] * 40 + ['/nosuch'] * 5 + ['/fail'] * 3 + ['/work?2'] * 10 + ['/big?300000'] * 2
lock, total, statuses, got = threading.Lock(), 0, {}, 0
def run():
    global total, got
    c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=60)
    for path in plan:
        c.request('GET', path)
        r = c.getresponse()
        body = len(r.read())
        with lock:
            total += 1
            got += body
            statuses[r.status // 100] = statuses.get(r.status // 100, 0) + 1
    c.close()
threads = [threading.Thread(target=run) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(total, statuses[2], statuses[4], statuses[5], got)
PY
read -r total ok2 ok4 ok5 bytes <<< "$(timeout 120 python3 ask.py "$port")"
is 'all was answered' "$total $ok2 $ok4 $ok5" '480 416 40 24'
is '/metrics' "$(get /metrics live.txt)" '200 text/plain; version=0.0.4; charset=utf-8'
# each read of metrics is answered after it was read
is 'requests = those asked for' "$(requests live.txt)" "$total"
is '... answered with 2xx' "$(sample 'valk_http_requests_total{status="2xx"}' live.txt)" "$ok2"
is '... with 4xx' "$(sample 'valk_http_requests_total{status="4xx"}' live.txt)" "$ok4"
is '... with 5xx, which are the errors' "$(sample 'valk_http_requests_total{status="5xx"}' live.txt)$(
	sample valk_http_request_errors_total live.txt)" "$ok5$ok5"
is 'one is under way: that for the metrics' "$(sample valk_http_requests_active live.txt)" 1
is 'connections' "$(sample valk_http_connections_total live.txt) $(sample valk_http_connections_active live.txt)" '9 1'
ok 'more bytes were sent than bodies had' test "$(sample valk_http_sent_bytes_total live.txt)" -gt "$bytes"
ok 'bytes were received' test "$(sample valk_http_received_bytes_total live.txt)" -gt $((total * 20))
is 'the pool: in use, size, peak, overflows' "$(for kind in used capacity peak overflows_total; do
	sample "valk_http_pool_$kind{pool=\"tcp_buffers\"}" live.txt; done | xargs)" '1 64 8 0'
is 'servers, queues' "$(for series in valk_http_servers 'valk_http_queue_depth{queue="requests"}' \
	valk_http_queue_capacity; do sample "$series" live.txt; done | xargs)" '1 0 48'
is 'jobs of the thread pool: queued, done' "$(sample valk_loop_work_queued_total live.txt) $(
	sample valk_loop_work_total live.txt)" '80 80'
ok 'they took 2 ms each' awk "BEGIN { exit !($(sample valk_loop_work_seconds_total live.txt) >= 0.16) }"
ok '8 at a time wait for 4 threads' awk "BEGIN { exit !($(sample valk_loop_work_queue_seconds_total live.txt) > 0) }"
ok 'the loop came round, idle and busy' awk "BEGIN { exit !($(sample valk_loop_iterations_total live.txt) > 100 &&
	$(sample valk_loop_idle_seconds_total live.txt) > 0 && $(sample valk_loop_busy_seconds_total live.txt) > 0) }"
# listener, signal, this connection, and perhaps one that is still to be seen closing
ok 'active handles' test "$(sample valk_loop_handles live.txt)" -ge 3
if grep -q '^# TYPE valk_http_request_duration_seconds histogram' live.txt; then
	is 'the histogram: count' "$(sample valk_http_request_duration_seconds_count live.txt)" "$total"
	is 'the histogram: largest bucket' \
		"$(sample 'valk_http_request_duration_seconds_bucket{le="+Inf"}' live.txt)" "$total"
	ok 'the histogram: jobs of 2 ms are above 1 ms' test \
		"$(sample 'valk_http_request_duration_seconds_bucket{le="0.001"}' live.txt)" -le $((total - 80))
else
	skip 'the histogram of durations' 'buckets are not rendered yet'
	is 'buckets add up to the requests' "$(awk '/^valk_http_request_duration_seconds\{le/ { n += $2 }
		END { print n }' live.txt)" "$total"
fi
# Without a renderer of histograms its buckets look like gauges, of which promtool says no more.
grep -q '^# TYPE valk_http_request_duration_seconds gauge' live.txt && sed -i '/valk_http_request_duration_seconds/d' live.txt
ok 'promtool accepts it' promtool check metrics < live.txt

# ---- JSON, and the page ------------------------------------------------------------------------------

is '/debug/metrics' "$(get /debug/metrics live.json)" '200 application/json'
is 'both halves, all keys' "$(jq -c '[keys_unsorted, (.aio_metrics | length), (.vm_metrics | map(length))]' live.json)" \
	'[["aio_metrics","vm_metrics"],22,[8,6,4]]'
is 'no key is there twice' "$(python3 -c 'import json
def once(pairs):
    assert len(pairs) == len(dict(pairs)), pairs
    return dict(pairs)
json.load(open("live.json"), object_pairs_hook=once)
print("once")' 2>&1)" once
is 'JSON: requests, errors, active, of the loop' "$(jq -c '.aio_metrics | [.requests_total, .requests_errors,
	.requests_active, .connections_total, .servers_count, .tcp_buffers_total, .streams_total]' live.json)" \
	"[$((total + 1)),$ok5,1,10,1,64,null]"
is 'JSON: no collector is null, not 0' "$(jq -c .vm_metrics.gc.cycles_total live.json)" null
ok 'JSON: iterations' jq -e '.vm_metrics.event_loop.iterations > 100' live.json > said
is '/debug/' "$(get /debug/ page.html)" '200 text/html; charset=utf-8'
is 'sections' "$(sed -n 's:.*<h2>\(.*\)</h2>.*:\1:p' page.html | xargs -d'\n' | tr ' ' _)" 'Garbage_Collector_Interpreter_Event_Loop'
is 'cards' "$(grep -c '<dt>' page.html)" 17
has 'iterations are shown' "$(cat page.html)" '<dt>Iterations<dd>[0-9]+$'
has 'what is absent is a dash' "$(cat page.html)" '<dt>GC Cycles<dd>-$'
has 'times have a unit' "$(cat page.html)" '<dt>Idle Time<dd>[0-9.]+(µs|ms|s)$'
if command -v xmllint > /dev/null; then
	is 'the page is HTML' "$(xmllint --html --noout page.html 2>&1)" ''
fi

# ---- what goes wrong ----------------------------------------------------------------------------------

# raw TEXT: sends it and prints the first line of each answer
raw()
{
	python3 -c 'import re, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin1"))
s.shutdown(socket.SHUT_WR) if len(sys.argv) > 3 else None
data = b""
while True:
    more = s.recv(65536)
    if not more: break
    data += more
print("|".join(re.findall("HTTP/1.1 [0-9]+ [A-Za-z ]*", data.decode())))' "$port" "$@"
}
is 'no HTTP' "$(raw 'nonsense\r\n\r\n')" 'HTTP/1.1 400 Bad Request'
is 'POST' "$(raw 'POST / HTTP/1.1\r\n\r\n')" 'HTTP/1.1 405 Method Not Allowed'
is 'a head without end' "$(raw "GET / HTTP/1.1\r\nX: $(head -c 4076 /dev/zero | tr '\0' x)")" \
	'HTTP/1.1 431 Request Header Fields Too Large'
is 'two at once' "$(raw 'GET / HTTP/1.1\r\n\r\nGET /nosuch HTTP/1.1\r\nConnection: close\r\n\r\n')" \
	'HTTP/1.1 200 OK|HTTP/1.1 404 Not Found'
before=$(get /metrics b.txt > /dev/null; sample valk_http_request_errors_total b.txt)
is 'half a request, then gone' "$(raw 'GET / HT' end)" ''
get /metrics a.txt > /dev/null
is 'is an error, and no answer' "$(sample valk_http_request_errors_total a.txt)" $((before + 1))
is 'no request is left over' "$(sample valk_http_requests_active a.txt)" 1
# 70 connections where 64 may be; who is refused sees the end
is 'too many connections' "$(python3 -c 'import socket, sys
all = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) for _ in range(70)]
refused = 0
for s in all[64:]:
    try: refused += s.recv(1) == b""
    except ConnectionResetError: refused += 1
print(refused)' "$port")" 6
for _ in $(seq 50); do
	get /metrics a.txt > /dev/null && [ "$(sample valk_http_connections_active a.txt)" = 1 ] && break
	sleep 0.05
done
is 'refused' "$(sample 'valk_http_connections_rejected_total{reason="limit"}' a.txt)" 6
is 'the peak is the size' "$(sample 'valk_http_pool_peak{pool="tcp_buffers"}' a.txt)" 64

# ---- what the host may run out of, HTTP/2, a client ------------------------------------------------------

# value SERIES: of the metrics now
value() { get /metrics a.txt > /dev/null; sample "$1" a.txt; }
# 60 jobs at once, of which 4 keep the thread pool busy: 24 have an arena, 48 may wait, who comes then is refused.
is 'arenas, jobs and connections run out' "$(python3 -c 'import socket, sys, time
def connect(path):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
    s.sendall(b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n" % path)
    return s
def status(s):
    try: return s.recv(12)[9:].decode() or "refused"
    except ConnectionResetError: return "refused"
# All are connected before the first asks: with 48 jobs nobody is let in.
all = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60) for _ in range(60)]
time.sleep(0.2)
for i, s in enumerate(all):
    s.sendall(b"GET /work?%d HTTP/1.1\r\nConnection: close\r\n\r\n" % (1500 if i < 4 else 10))
    if i == 3: time.sleep(0.2)
time.sleep(0.2)
late = connect(b"/")
got = [status(s) for s in all]
print(got.count("200"), got.count("503"), status(late))' "$port")" '48 12 refused'
is 'refused for the load' "$(value 'valk_http_connections_rejected_total{reason="load"}')" 1
is 'arenas: in use, size, peak' "$(for kind in used capacity peak; do
	sample "valk_http_pool_$kind{pool=\"arenas\"}" a.txt; done | xargs)" '1 24 24'
ok 'arenas: overflows' test "$(sample 'valk_http_pool_overflows_total{pool="arenas"}' a.txt)" -ge 24
before=$(value valk_http_connections_failed_total)
is 'a client, of a server that is not there, and of one that is' "$(get "/fetch?1") $(get "/fetch?$port")" \
	'502 text/plain 200 text/plain'
is '... a connection that failed' "$(value valk_http_connections_failed_total)" $((before + 1))
is '... no client is left' "$(sample valk_http_clients a.txt)" 0
is 'moved, and another protocol' "$(get /moved)$(raw 'GET /switch HTTP/1.1\r\nConnection: close\r\n\r\n')" \
	'301 text/plainHTTP/1.1 101 Switching Protocols'
if command -v h2load > /dev/null; then
	before=$(value valk_http_connections_total)
	h2load -n 200 -c 4 -m 10 "http://127.0.0.1:$port/" "http://127.0.0.1:$port/nosuch" > said 2>&1
	has 'HTTP/2: all was answered' "$(cat said)" '^status codes: 100 2xx, 0 3xx, 100 4xx, 0 5xx'
	is 'HTTP/2: streams, none open' "$(value valk_http_streams_total) $(sample valk_http_streams_active a.txt)" '200 0'
	is 'HTTP/2: 4 connections, and ours' "$(sample valk_http_connections_total a.txt)" $((before + 5))
	timeout 0.5 nghttp "http://127.0.0.1:$port/hold" > said 2>&1
	is 'HTTP/2: a client that gives up closes its stream' "$(value valk_http_streams_total) $(
		sample valk_http_streams_active a.txt)" '201 0'
else
	skip 'HTTP/2' 'nghttp2-client is not installed'
fi

# ---- a duration ends with the last byte ------------------------------------------------------------------

# 30 MB, more than the kernel's buffers hold, to a client that begins to read after 0.3 s.
python3 -c 'import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.sendall(b"GET /big?30000000 HTTP/1.1\r\nConnection: close\r\n\r\n")
time.sleep(0.3)
while s.recv(1 << 20): pass' "$port"
get /metrics a.txt > /dev/null
ok 'the time of a slow client is in the duration' \
	awk "BEGIN { exit !($(sample valk_http_request_duration_max_seconds a.txt) >= 0.25) }"

# ---- the log ------------------------------------------------------------------------------------------------

stop
is 'it ends in order' "$? $(cat errors)" '0 '
valktrace decode --event http.request --format json httpd.vtrace > requests.json
is 'an event for each request' "$(jq -s 'map(select(.status)) | length' requests.json)" \
	"$(final valk_http_requests_active > /dev/null; requests final.txt)"
is 'durations of the events are the sum' \
	"$(jq -s 'map(select(.status) | .time_ns) | add / 1e6 | floor' requests.json)" \
	"$(awk '/^valk_http_request_duration_seconds(_sum)? / { print int($2 * 1000) }' final.txt)"
# HTTP/2 has frames that are no request's, and what the client asked is another server's.
more=$(($(final valk_http_sent_bytes_total) - $(jq -s '[.[] | .sent_bytes // 0] | add' requests.json)))
ok "bytes of the events, and $more" test "$more" -ge 0 -a "$more" -lt 1000
is 'who gave up has no status' "$(jq -s 'map(select(.status | not)) | length' requests.json)" \
	$((1 + $(command -v h2load > /dev/null && echo 1 || echo 0)))
is 'connections: opened, closed' "$(valktrace decode --event http.connected httpd.vtrace | grep -c .) $(
	valktrace decode --event http.disconnected httpd.vtrace | grep -c .)" \
	"$(final valk_http_connections_total) $(final valk_http_connections_total)"
is 'jobs' "$(valktrace decode --event loop.work httpd.vtrace | grep -c .)" 128
is 'none is under way, none is open' "$(final valk_http_requests_active) $(final valk_http_connections_active)" '0 0'
has 'the summary tells of it' "$(valktrace summary httpd.vtrace)" '^errors +[2-5][0-9] '
has 'nothing was lost' "$(valktrace verify httpd.vtrace)" 'undamaged, closed, .* 0 lost'
if [ -z "${SAN-}" ]; then
	rm -f port joined.vtrace
	valktrace record -q --category http -o joined.vtrace -- "$httpd" > port 2> errors &
	server=$!
	for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
	port=$(cat port)
	get / > /dev/null
	kill -TERM "$(pgrep -P "$server" -x httpd)"
	wait "$server"
	is 'under record: the request' "$(valktrace decode --event http.request joined.vtrace | grep -c 'status=200')" 1
	is 'under record: the loop is counted once, by the host' \
		"$(valktrace decode --format prometheus joined.vtrace | grep -c '^valk_loop_loops.*epoll')" 0
fi

# ---- a load generator -----------------------------------------------------------------------------------------

if command -v wrk > /dev/null; then
	start
	n=$(wrk -t 2 -c 16 -d 1s "http://127.0.0.1:$port/" | tee said | sed -n 's/^ *\([0-9]*\) requests in .*/\1/p')
	get /metrics live.txt > /dev/null
	got=$(requests live.txt)
	# each of its 16 connections has one under way when it stops
	ok "wrk: $n requests are $got" test "$got" -ge "$n" -a "$got" -le "$((n + 16))" -a "$n" -gt 100
	has 'wrk saw no error' "$(grep -E 'Socket errors|Non-2xx' said || echo none)" '^none$'
	stop
else
	skip 'wrk' 'not installed'
fi

# ---- Prometheus -------------------------------------------------------------------------------------------------

if ! command -v prometheus > /dev/null; then
	skip 'Prometheus' 'not installed'
	finish
fi
start
web=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > prometheus.yml << YML
global: { scrape_interval: 500ms, scrape_timeout: 400ms }
scrape_configs: [ { job_name: httpd, static_configs: [ { targets: [ '127.0.0.1:$port' ] } ] } ]
YML
prometheus --config.file=prometheus.yml --storage.tsdb.path="$WORK/tsdb" --web.listen-address="127.0.0.1:$web" \
	> prometheus.log 2>&1 &
prometheus=$!
timeout 60 python3 ask.py "$port" > said
cat > read.py << 'PY'
# read.py WEB FILE: waits for the scrape that has all 480 requests; writes all series of the last one
import json, sys, time, urllib.parse, urllib.request
def ask(query):
    url = 'http://127.0.0.1:%s/api/v1/query?' % sys.argv[1] + urllib.parse.urlencode({'query': query})
    return json.load(urllib.request.urlopen(url, timeout=10))['data']['result']
for _ in range(150):
    try:
        if sum(float(r['value'][1]) for r in ask('valk_http_requests_total')) >= 480: break
    except OSError: pass
    time.sleep(0.2)
seen = {}
for r in ask('{job="httpd", __name__=~"valk_.*"}'):
    m = r['metric']
    labels = sorted((k, v) for k, v in m.items() if k not in ('__name__', 'job', 'instance'))
    seen[json.dumps([m['__name__'], labels])] = float(r['value'][1])
json.dump(seen, open(sys.argv[2], 'w'))
print(len(seen))
PY
series=$(timeout 60 python3 read.py "$web" seen.json)
ok "Prometheus has scraped $series series" test "${series:-0}" -gt 50
{ kill "$prometheus"; wait "$prometheus"; } 2> /dev/null
prometheus=
stop
# What it was given is one of the log's records, to the last digit of each series.
for n in $(seq 200); do
	valktrace decode --format prometheus --at "#$n" httpd.vtrace > "at.$n" 2> /dev/null || { rm -f "at.$n"; break; }
done
is 'its values are those of one record of the log' "$(python3 -c 'import glob, json, re
seen = json.load(open("seen.json"))
best = "no records"
for name in glob.glob("at.*"):
    here = {}
    for line in open(name):
        if line.startswith("#") or not line.strip(): continue
        m = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        labels = sorted(p for p in re.findall(r"(\w+)=\"((?:[^\"\\]|\\.)*)\"", m[2] or "") if p[1])
        here[json.dumps([m[1], [list(p) for p in labels]])] = float(m[3])
    different = sorted(k for k in set(here) | set(seen) if here.get(k) != seen.get(k))
    if not different: print("equal"); break
    best = min(best, "%5d differ: %s" % (len(different), different[:3])) if best != "no records" else "%5d differ: %s" % (len(different), different[:3])
else: print(best)' 2>&1)" equal
finish
