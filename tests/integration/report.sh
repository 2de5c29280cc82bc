#!/bin/bash
# report.sh - the page of `valktrace report`: its numbers are those of `summary`, its form holds against any
# log, and Chromium shows it, zooms it and asks nobody for anything. report_text.py reads it without a browser.
. "$(dirname "$0")/lib.sh"
lisp=$BUILD/tests/lisp here=$ROOT/tests/integration

# lines NAME COMMAND...: takes over the `ok` and `not ok` lines that it prints
lines()
{
	local name=$1 line any=
	shift
	"$@" >lines.out 2>lines.err || [ -s lines.out ] || fail "$name" "$(cat lines.err)"
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "$name: ${line#ok }"; any=1 ;;
		'not ok '*) fail "$name: ${line#not ok }"; any=1 ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <lines.out
	[ -n "$any" ] || fail "$name" "$(tail -n 20 lines.err)"
}

# page NAME LOG [OPTION...]: NAME.html and NAME.json, and the first against the second
page()
{
	local name=$1 log=$2
	shift 2
	valktrace report -q -f "$@" -o "$name.html" "$log"
	valktrace summary -q --json --functions "$log" >"$name.json"
	lines "$name" python3 "$here/report_text.py" "$name.html" "$name.json"
}

# ---- logs of real programs, and of strangers --------------------------------------------------------------------

VALKTRACE='output=lisp.vtrace,events=all,counters=50ms,ring-size=4M,warn=gc.pause.max > 1us' timeout 60 "$lisp" \
	--heap 2000000 "$ROOT/tests/hosts/programs/report.lisp" >said 2>&1
page lisp lisp.vtrace
cat >work.scm <<'S'
(define (build n) (if (= n 0) '() (cons (make-vector 20 n) (build (- n 1)))))
(do ((i 0 (+ i 1))) ((= i 120)) (build 500) (if (= 0 (modulo i 10)) (usleep 100000)))
S
if valktrace record -q --collect perf --counters 200ms -o perf.vtrace -- guile work.scm >said 2>&1; then
	page perf perf.vtrace
else
	fail 'guile is recorded' "$(cat said)"
fi
VALKTRACE=output=httpd.vtrace,events=all,counters=50ms,ring-size=4M "$BUILD/tests/httpd" >port 2>said &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$WORK" "$RUN"' EXIT
for _ in $(seq 100); do
	[ ! -s port ] || break
	sleep 0.05
done
python3 - "$(cat port)" <<'PY'
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=60)
for path in ['/'] * 20 + ['/nosuch'] * 3 + ['/fail'] * 2 + ['/work?2'] * 5:
    c.request('GET', path)
    c.getresponse().read()
PY
kill -TERM $server
wait $server
page httpd httpd.vtrace
has 'HTTP: every request' "$(cat httpd.html)" '<div><dt>Requests</dt><dd><data value="30">30</data>'
VALKTRACE='output=off.vtrace,counters=20ms,events=loop' timeout 60 "$lisp" \
	"$ROOT/tests/hosts/programs/churn.lisp" >said 2>&1
page off off.vtrace
has 'without events the collector is counted' "$(cat off.html)" 'From counters: no events of the collector'
for log in hostile killed many v1/overwritten v1/processes v1/discarded v1/kinds v1/guile; do
	page "$(basename "$log")" "$ROOT/fixtures/$log.vtrace"
done

has 'a run that was killed says where' "$(cat killed.html)" 'gc.mark'
has 'loss is said first' "$(cat overwritten.html)" '<p class="status bad">INCOMPLETE: 1,404 events, 1,100 lost'
has 'a whole log is said to be whole' "$(cat guile.html)" '<p class="status good">complete: '
is 'the same log, the same bytes' "$(valktrace report -q lisp.vtrace | cksum)" "$(cksum <lisp.html)"
is '... wherever it is read' "$(cd / && LC_ALL=C.UTF-8 TZ=Asia/Tokyo valktrace report -q "$WORK/lisp.vtrace" | cksum)" "$(cksum <lisp.html)"

# ---- filters, several runs, what can go wrong ----------------------------------------------------------------------

valktrace report -q --since 0.5s --until 1s -o part.html lisp.vtrace
valktrace decode --format summary --since 0.5s --until 1s lisp.vtrace >part.txt
cycles=$(awk '$1 == "cycles" { print $2; exit }' part.txt)
has 'of half a second the same cycles' "$(cat part.html)" "<dt>GC Cycles</dt><dd><data value=\"${cycles//,/}\">$cycles</data>"
kept=$(sed -n 's/^of these the filters keep \([0-9,]*\);.*/\1/p' part.txt)
has '... and events' "$(cat part.html)" ">$kept</data> of these events"
is '... in charts of that time' "$(sed -n 's/.*class="data">{"range":\[\([^]]*\)\].*/\1/p' part.html)" '0.500000,1.000000'
valktrace report -q --category loop -o loop.html lisp.vtrace
has 'without the collector a dash' "$(cat loop.html)" '<div><dt>GC Cycles</dt><dd><data|<div class="none"><dt>GC Cycles</dt>'
valktrace report -q -o several.html "$ROOT"/fixtures/v1/guile.vtrace "$ROOT"/fixtures/v1/processes.vtrace "$ROOT/fixtures/many.vtrace"
is 'three runs, three articles' "$(grep -c '<article class="run"' several.html)" 3
valktrace summary --json "$ROOT"/fixtures/many.vtrace >several.json
out=$(valktrace report -o lisp.html lisp.vtrace 2>&1)
is 'a file that is there stays' "$?" 1
has '... and is named' "$out" 'lisp.html'
out=$(valktrace report --category nosuch -o no.html lisp.vtrace 2>&1)
is 'an unknown name is a mistake' "$?" 2
ok '... and leaves no file' test ! -e no.html
cp lisp.vtrace same.vtrace
out=$(valktrace report -f -o same.vtrace same.vtrace 2>&1)
is 'never onto the log' "$?, $(cmp lisp.vtrace same.vtrace && echo whole)" '2, whole'
has '... and says why' "$out" 'that is the input'
valktrace report -q --category shapes -o one.html "$ROOT"/fixtures/v1/kinds.vtrace "$ROOT"/fixtures/many.vtrace
is 'of two runs the one that has it' "$?, $(grep -c '<article class="run"' one.html)" '0, 1'
valktrace report -q --category nosuch -o none.html "$ROOT"/fixtures/v1/kinds.vtrace "$ROOT"/fixtures/many.vtrace 2>/dev/null
is 'of two runs none' "$?, $(ls none.html 2>/dev/null)" '2, '
out=$(script -qec 'valktrace report lisp.vtrace' /dev/null </dev/null)
has 'not onto a terminal' "$out" 'say where: -o run.html'
is 'no log, no page' "$(valktrace report -o no.html "$ROOT/fixtures/bad/text.vtrace" 2>/dev/null; echo $?; ls no.html 2>/dev/null)" 4
valktrace report -q -o bad.html "$ROOT/fixtures/bad/section-bytes.vtrace"
is 'damage is told by the exit code' "$?" 3
has '... and in the page' "$(cat bad.html)" '<p class="status bad">DAMAGED'

# ---- in a browser ------------------------------------------------------------------------------------------------------

chromium=$(command -v chromium) || { skip 'the page in a browser' 'no chromium here'; finish; }
for tool in node npm; do
	command -v $tool >/dev/null || { skip 'the page in a browser' "no $tool here"; finish; }
done
driver=$ROOT/build/browser/node_modules/playwright-core/index.js
if ! timeout 120 make -s -C "$ROOT" "${driver#"$ROOT/"}" >make.log 2>&1; then
	skip 'the page in a browser' 'npm cannot get playwright-core'
	finish
fi
export CHROMIUM=$chromium HOME=$WORK
browse() { lines browser timeout 120 node "$here/report_page.js" "$driver" "$1.html" "$1.json" "$2"; }
browse lisp whole
browse perf perf
browse hostile hostile
browse several several
finish
