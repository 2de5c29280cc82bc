#!/bin/bash
# peers.sh BUILD - what `make bench-peers` does: the same events through valktrace, LTTng-UST and JDK Flight
# Recorder, by turns; prints one table. EVENTS, DECODED, RUNS and SECONDS_PACED are for trying things.
#
# LTTng gets a session daemon of its own, as nobody when we are root (root's is the machine's), in a
# LTTNG_HOME that goes with everything else. Recorders run on core 0 and producers on core 1, but for the
# JVM, of which only the producer is pinned.
set -eu -o pipefail
export LC_ALL=C
unset VALKTRACE VALKTRACE_RUN

build=$(cd "$1" && pwd)
tool=$build/valktrace
programs=$build/tests/bench/peers
runs=${RUNS:-5}
events=${EVENTS:-10000000}      # in the timed loop
decoded=${DECODED:-1000000}     # in the recordings that are decoded
paced=${SECONDS_PACED:-3}       # at 100,000 events a second, then SIGKILL
directory=$(mktemp -d "${TMPDIR:-/tmp}/valktrace-peers-XXXXXX")
rings=$(mktemp -d /dev/shm/valktrace-peers-XXXXXX)
samples=$directory/samples
notes=$directory/notes
sessiond=
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
# liblttng-ust leaves such files behind: those that were there before us stay.
waiting() { find /dev/shm -maxdepth 1 -name 'lttng-ust-wait-*' | sort; }
waited=$(waiting)

stop()
{
	[ -z "$command_pid" ] || kill -9 "$command_pid" 2>/dev/null || true
	if [ -n "$sessiond" ] && kill "$sessiond" 2>/dev/null; then
		wait "$sessiond" 2>/dev/null || true
	fi
	comm -13 <(echo "$waited") <(waiting) | xargs -r rm -f
	rm -rf "$directory" "$rings"
}
command_pid=
trap stop EXIT
trap 'exit 130' INT TERM HUP

# What a tool needs of us, TOOL_ARGUMENT for each column:
#   begin DIR      makes DIR ready for one recording, sets command
#   end DIR        what a user does before it can be read
#   size DIR       bytes on disk
#   count DIR      events that can be read
#   text DIR       all of them as text
#   rare DIR       those of the rare type as text
declare -A option

# ---- valktrace: vt_start, the recorder's thread in the process ---------------------------------------------

option[vt]=
option[vt8]=,mode=discard,ring-size=8M
vt_begin()
{
	mkdir "$1"
	command=(env "XDG_RUNTIME_DIR=$rings" "VALKTRACE=output=$1/log.vtrace,max-size=16G${option[$column]}"
		"$programs/valktrace")
}
vt_end() { :; }
vt_size() { cat "$1"/*.vtrace | wc -c; }
vt_decode() { XDG_RUNTIME_DIR=$rings "$tool" decode -q --category stream "${@:2}" "$1/log.vtrace"; }
vt_count() { vt_decode "$1" | wc -l; }
vt_text() { vt_decode "$1"; }
vt_rare() { vt_decode "$1" --event rare; }

# ---- LTTng-UST: discard mode, buffers per user -----------------------------------------------------------

option[lttng]=
option[lttng64]='--subbuf-size=4M --num-subbuf=16'
lttng_of() { "${as[@]}" env "LTTNG_HOME=$directory/lttng" lttng -q --no-sessiond "$@" >/dev/null; }
lttng_daemon()
{
	mkdir "$directory/lttng"
	cp "$programs/lttng" "$directory/stream"        # nobody may not see the build
	chmod 711 "$directory"
	[ ${#as[@]} -eq 0 ] || chown 65534:65534 "$directory/lttng"
	(exec "${as[@]}" env "LTTNG_HOME=$directory/lttng" taskset -c 0 lttng-sessiond --quiet --no-kernel) \
		>/dev/null 2>&1 &
	sessiond=$!
	for _ in $(seq 100); do
		! lttng_of list 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}
lttng_begin()
{
	local session=${1##*/}
	"${as[@]}" mkdir "$directory/lttng/$session"
	ln -s "lttng/$session" "$1"
	lttng_of create "$session" --output="$directory/lttng/$session"
	# shellcheck disable=SC2086
	lttng_of enable-channel --userspace --session="$session" --discard ${option[$column]} peers
	lttng_of enable-event --userspace --session="$session" --channel=peers 'stream:*'
	lttng_of start "$session"
	command=("${as[@]}" env "LTTNG_HOME=$directory/lttng" "$directory/stream")
}
lttng_end()
{
	# What it lost it says here, as we find by counting.
	lttng_of stop "${1##*/}" 2>/dev/null
	lttng_of destroy "${1##*/}" 2>/dev/null
}
lttng_size() { find "$1/" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }
lttng_count()
{
	babeltrace2 "$1/" -c sink.utils.counter 2>/dev/null | awk '/Event messages/ { n = $1 } END { print n + 0 }'
}
lttng_text() { babeltrace2 "$1/" 2>/dev/null; }
lttng_rare() { babeltrace2 "$1/" 2>/dev/null | grep ' stream:rare:'; }

# ---- JDK Flight Recorder: custom events, no stack trace ---------------------------------------------------

option[jfr]=
jfr_begin()
{
	mkdir "$1"
	command=(java -XX:FlightRecorderOptions="repository=$1/repository" -Xlog:disable -Doutput="$1/run.jfr"
		-cp "$programs" Stream)
}
jfr_end() { :; }
jfr_size() { stat -c %s "$1/run.jfr"; }
# After SIGKILL there are the chunks in the repository; a chunk that jfr refuses counts for nothing.
jfr_count()
{
	local file=$1/run.jfr
	if [ -s "$file" ]; then
		jfr summary "$file"
	else
		find "$1/repository" -name '*.jfr' | while read -r file; do
			jfr summary "$file" 2>/dev/null || true
		done
	fi | awk '$1 == "Common" || $1 == "Rare" { sum += $2 } END { print sum + 0 }'
}
jfr_text() { jfr print "$1/run.jfr"; }
jfr_rare() { jfr print --events Rare "$1/run.jfr"; }
jfr_lines='^Rare '      # where a record of its text begins

# ---- what is measured -----------------------------------------------------------------------------------------

sample() { echo "$column $1 $2" >>"$samples"; }

# timed NAME EVENTS RARE STEP DIR: millions of events a second of a step; RARE lines must come out, if given.
timed()
{
	local start end lines pattern=${tag}_lines out=$directory/out
	[ "$1" = rare ] || out=/dev/null        # grep would end at its first hit
	start=$EPOCHREALTIME
	"${tag}_$4" "$5" >"$out"
	end=$EPOCHREALTIME
	sample "$1" "$(awk -v n="$2" -v a="$start" -v b="$end" 'BEGIN { print n / (b - a) / 1e6 }')"
	[ -n "$3" ] || return 0
	lines=$(grep -c "${!pattern:-.}" "$out")
	[ "$lines" -eq "$3" ] || echo "$column: $lines lines of the rare type, $3 were emitted" >>"$notes"
}

# The loop as fast as it goes.
produce()
{
	local at=$directory/$column.run ns emitted rare count
	"${tag}_begin" "$at"
	"${command[@]}" run "$events" >"$directory/result"
	read -r ns emitted rare <"$directory/result"
	"${tag}_end" "$at"
	count=$("${tag}_count" "$at")
	sample ns "$ns"
	sample lost $((emitted - count))
	sample bytes "$(awk -v s="$("${tag}_size" "$at")" -v n="$count" 'BEGIN { print s / n }')"
	remove "$at"
}

decode()
{
	local at=$directory/$column.decoded
	[ -e "$at.count" ] || {
		"${tag}_begin" "$at"
		"${command[@]}" run "$decoded" >"$directory/result"
		"${tag}_end" "$at"
		"${tag}_count" "$at" >"$at.count"
		read -r _ emitted rare <"$directory/result"
		# Where some were lost nobody knows how many of them were rare.
		[ "$emitted" -ne "$(cat "$at.count")" ] || echo "$rare" >"$at.rare"
	}
	timed text "$(cat "$at.count")" '' text "$at"
	timed rare "$(cat "$at.count")" "$(cat "$at.rare" 2>/dev/null || true)" rare "$at"
}

killed()
{
	local at=$directory/$column.killed counter=$directory/emitted
	"${tag}_begin" "$at"
	: >"$counter"
	chmod 666 "$counter"
	"${command[@]}" paced 100000 "$counter" >/dev/null &
	command_pid=$!
	until [ -s "$counter" ]; do             # a JVM takes its time
		sleep 0.02
	done
	sleep "$paced"
	kill -9 "$command_pid"
	wait "$command_pid" 2>/dev/null || true
	command_pid=
	"${tag}_end" "$at"
	sample emitted "$(od -A n -t u8 "$counter" | tr -d ' ')"
	sample recovered "$("${tag}_count" "$at")"
	remove "$at"
	rm "$counter"
}

remove() { rm -rf "$1" "$directory/lttng/${1##*/}" "$rings"/valktrace; }

# by_turns STEP: all columns, RUNS times
by_turns()
{
	for ((run = 0; run < runs; run++)); do
		for column in "${columns[@]}"; do
			tag=${column%%[0-9]*}
			"$1"
		done
	done
}

have()
{
	local name
	for name; do
		command -v "$name" >/dev/null || return 1
	done
}

columns=(vt vt8)
touch "$notes"
if [ ! -x "$programs/lttng" ] || ! have lttng lttng-sessiond babeltrace2; then
	echo 'LTTng: not installed (lttng-tools, liblttng-ust-dev, babeltrace2)' >>"$notes"
elif ! lttng_daemon; then
	echo 'LTTng: its session daemon did not start' >>"$notes"
else
	columns+=(lttng lttng64)
fi
if have java javac jfr; then
	javac -d "$programs" "$(dirname "$0")/peers/Stream.java"
	columns+=(jfr)
else
	echo 'JFR: no JDK (java, javac and jfr on PATH)' >>"$notes"
fi

column=generator
for ((run = 0; run < runs; run++)); do
	sample ns "$("$programs/valktrace" generator "$events" | cut -d ' ' -f 1)"
done
by_turns produce
by_turns decode
by_turns killed

# ---- the table ------------------------------------------------------------------------------------------------

. /etc/os-release
echo "$(date +%F): $(nproc) cores, $(uname -m), $PRETTY_NAME"
echo "$("$tool" --version | cut -d , -f 1)$(
	! have lttng || lttng --version | awk '{ print ", LTTng " $(NF - 2) }')$(
	! have java || java -version 2>&1 | awk -F '"' 'NR == 1 { print ", JDK " $2 }')"
echo
awk -v events="$events" -v runs="$runs" -f "$(dirname "$0")/peers/table.awk" "$samples"
sort -u "$notes"
