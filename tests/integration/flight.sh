#!/bin/bash
# flight.sh - a host as a flight recorder: mode=ring, dumps, signals, death; and the ways to say options.
. "$(dirname "$0")/lib.sh"

flight=$BUILD/tests/flight
# details FILE... : the numbers of the notes in a log, on one line
details() { valktrace decode --event custom.note "$@" 2>/dev/null | sed -n 's/.*detail=//p' | xargs; }
rings() { ls "$RUN/valktrace"/*.vring 2>/dev/null | wc -l; }

# ---- mode=ring: nothing is written until it is asked for -------------------------------------------------

VALKTRACE=mode=ring "$flight" emit=3
is 'no log without a reason' "$(ls)" ''
is 'and no ring file after the end' "$(rings)" 0

VALKTRACE=mode=ring "$flight" emit=3 flush dump=first.vtrace emit=2 dump=second.vtrace emit=1 >said
is 'vt_flush and vt_dump succeed' "$(cat said)" ''
is 'a dump has what was emitted before it' "$(details first.vtrace)" '1 2 3'
is 'the next one too' "$(details second.vtrace)" '1 2 3 4 5'
is 'dumps are closed logs' "$(valktrace info --json first.vtrace | jq .closed)" true
is 'of 0600' "$(stat -c %a first.vtrace)" 600
is 'no temporary file stays' "$(ls)" 'first.vtrace
said
second.vtrace'
rm ./*

VALKTRACE=mode=ring,ring-size=16K "$flight" emit=100000 dump=full.vtrace
is 'a full ring: decoded + lost = emitted' \
	"$(valktrace info --json full.vtrace | jq '.events + .lost')" 100000
is 'the newest are there' "$(details full.vtrace | awk '{ print $NF }')" 100000
rm ./*

VALKTRACE=mode=ring,output=dump-%p.vtrace,dump-signal=SIGUSR2 "$flight" emit=4 raise=USR2 sleep=300 emit=1
is 'a signal dumps' "$(details dump-*.vtrace)" '1 2 3 4'
rm ./*

VALKTRACE=mode=ring "$flight" emit=1000 kill 2>/dev/null
is 'death by SIGKILL leaves the ring file' "$(rings)" 1
rm -f "$RUN"/valktrace/*

# ---- a dump while a recorder writes the log ---------------------------------------------------------------

VALKTRACE=output=log.vtrace "$flight" emit=2 dump emit=2 dump=log.vtrace flush >said
is 'the log of a recorder is not replaced' "$(cat said)" 'dump: File exists'
is 'a dump beside it' "$(details dump-*.vtrace)" '1 2'
is 'the log has all' "$(details log.vtrace)" '1 2 3 4'
rm ./*

# ---- vt_flush: what was emitted before is in the file ------------------------------------------------------

VALKTRACE=output=flushed.vtrace,flush=1m "$flight" emit=500 flush kill 2>/dev/null
rm -f "$RUN"/valktrace/*
is 'flushed events are in the log without the ring' "$(details flushed.vtrace | wc -w)" 500
rm ./*

# ---- fork: names that the parent gave mean the same in its child ------------------------------------------------

VALKTRACE=mode=ring "$flight" emit=1 fork=3 kill 2>/dev/null
is 'a followed child has a ring file' "$(rings)" 2
rm -f "$RUN"/valktrace/* ./*

VALKTRACE=output=forked.vtrace "$flight" emit=2 fork=3
is 'what it left in its ring is read with the log of its parent' "$(details forked.vtrace)" '1 2 3 4 5'
rm -f "$RUN"/valktrace/* ./*

mkdir elsewhere
VALKTRACE=output=away.vtrace,ringdir=elsewhere,flush=1m "$flight" emit=3 kill 2>/dev/null
is 'a ring directory that nobody names' "$(details away.vtrace)" ''
is '... and that --ringdir names' "$(details --ringdir elsewhere away.vtrace)" '1 2 3'
valktrace recover --ringdir elsewhere away.vtrace 2>said
has 'recover takes it too' "$(cat said)" '3 events recovered, the log is closed'
rm -rf elsewhere ./*

# ---- how options are said -----------------------------------------------------------------------------------

VALKTRACE=0 "$flight" emit=5 flush >said 2>&1
is 'VALKTRACE=0 is off' "$(cat said)" 'vt_start: Operation canceled
flush: Transport endpoint is not connected'
is 'and writes nothing' "$(ls)" said
VALKTRACE=help "$flight" 2>said
has 'VALKTRACE=help prints the keys' "$(cat said)" '^  mode=MODE$'
ok 'at most 80 columns wide' test "$(awk '{ if (length > n) n = length } END { print n }' said)" -le 80
rm ./*
VALKTRACE=events=gc,custom,level=2,output=x.vtrace "$flight" emit=1
is 'a list of names has commas' "$(details x.vtrace)" 1
VALKTRACE=output=x.vtrace "$flight" emit=2
is 'an existing log moves aside' "$(details x.vtrace)/$(details x.vtrace.old)" '1 2/1'
rm ./*
VALKTRACE=colour=red,output=x.vtrace "$flight" 2>said
is 'an unknown key is one line' "$(wc -l <said)" 1
has 'that names the valid ones' "$(cat said)" "unknown option 'colour'; known: .*mode"
rm ./*
before=$(date -u +%Y%m%d)
VALKTRACE=output=run-%p-%t-100%%.vtrace "$flight"
has '%p, %t and %% in names' "$(ls)" "^run-[0-9]+-($before|$(date -u +%Y%m%d))T[0-9]{6}-100%.*\.vtrace\$"
rm ./*
VALKTRACE=dump-signal=NOSUCH "$flight" >said 2>&1
has 'a signal that is none' "$(cat said)" "dump-signal: 'NOSUCH' is no signal that can be caught"
rm ./*

# ---- on_loss -------------------------------------------------------------------------------------------------

VALKTRACE=output=lossy.vtrace,ring-size=16K,flush=10ms,mode=discard "$flight" emit=300000 sleep=100 >said
is 'on_loss tells what the log tells' "$(sed -n 's/^lost //p' said)" \
	"$(valktrace info --json lossy.vtrace | jq .lost)"
ok 'and something was lost' test "$(valktrace info --json lossy.vtrace | jq .lost)" -gt 0

finish
