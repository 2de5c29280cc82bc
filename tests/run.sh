#!/bin/bash
# run.sh BUILD [GROUP...] - runs all tests of a built tree, or those groups whose name contains a GROUP.
#
# Prints one line a group, what failed in it, and as the very last line `N passed, N failed`. A group
# is a command that ends in such a line (cmocka's TAP is counted). What each printed stays in
# BUILD/tests/log/. SAN, CC and CXX come from the Makefile. As many groups run at once as there are processors
# (JOBS), but for those that need the machine for themselves.
#
# Under SAN the models are left out (they are no code of ours), and so is what preloads the agent where
# that is not possible: see tests/integration/lib.sh.
set -u
export LC_ALL=C TZ=UTC GUILE_AUTO_COMPILE=0
unset VALKTRACE VALKTRACE_RUN XDG_RUNTIME_DIR LD_PRELOAD MAKEFLAGS MFLAGS MAKELEVEL
root=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$(cd "$1" && pwd) || exit 1
shift
cd "$root" || exit 1
export BUILD SAN="${SAN-}" CC="${CC:-gcc}" CXX="${CXX:-g++}"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
limit=300         # seconds a group may take
logs=$BUILD/tests/log
mkdir -p "$logs"
rm -f "$logs"/*
wanted=" $* "
passed=0 failed=0 skipped=0

# chosen NAME
chosen()
{
	local word
	[ "$wanted" = '  ' ] && return 0
	for word in $wanted; do
		[[ $1 == *"$word"* ]] && return 0
	done
	return 1
}

# count LOG STATUS: sets good and bad. A command that failed without saying at what failed once.
count()
{
	local last
	last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1)
	if [ -n "$last" ]; then
		good=${last%% *}
		bad=${last#*, }
		bad=${bad%% *}
	else
		good=$(grep -c '^ok ' "$1")
		bad=$(grep -c '^not ok ' "$1")
	fi
	[ "$2" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	[ $((good + bad)) -eq 0 ] && bad=1
}

# details LOG: each `not ok` and what is said about it below, or all that is no success.
details()
{
	if grep -q '^not ok' "$1"; then
		awk '/^not ok / { on = 1; print; next } /^[^ #]/ { on = 0 } on
			/runtime error:|^==.*ERROR|^SUMMARY:/' "$1"
	else
		grep -vE '^ok |^1\.\.[0-9]+|^[0-9]+ passed, [0-9]+ failed$| ok$' "$1" | tail -n 60
	fi
}

# ---- the groups --------------------------------------------------------------------------------------

names=()
declare -A commands
# The longest first, so that none of them is the last; and those that need the machine for themselves.
long='model integration/programs integration/report headers integration/json_tools integration/viewers
	integration/http integration/series'
alone=' unit/kill unit/ring integration/collect integration/conservation integration/loop integration/perf '

# group NAME COMMAND...: to be run, if it is chosen
group()
{
	local name=$1
	shift
	chosen "$name" || return 0
	names+=("$name")
	printf -v "commands[$name]" '%q ' "$@"
}

# run NAME: its output into its log; then how it ended and the seconds it took into a file beside that
run()
{
	local log=$logs/${1//\//-} start=$SECONDS status
	eval "timeout -k 10 $limit ${commands[$1]}" >"$log.log" 2>&1 </dev/null
	status=$?
	echo "$status $((SECONDS - start))" >"$log.new"
	mv "$log.new" "$log.done"
}

# report NAME: what a group that ended came to
report()
{
	local log=$logs/${1//\//-}.log status seconds good bad
	read -r status seconds <"${log%.log}.done"
	count "$log" "$status"
	skipped=$((skipped + $(grep -c '^skipped: ' "$log")))
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -eq 0 ]; then
		printf '%-32s %4d passed %5d s\n' "$1" "$good" "$seconds"
		grep '^skipped: ' "$log" | sed 's/^/    /'
	else
		printf '%-32s %4d passed, %d FAILED (exit %d)\n' "$1" "$good" "$bad" "$status"
		details "$log" | head -n 60 | sed 's/^/    /'
	fi
}

# report_ended: those that ended since it was called last
report_ended()
{
	local name done
	for name in "${names[@]}"; do
		done=$logs/${name//\//-}.done
		[ -e "$done" ] || continue
		report "$name"
		rm "$done"
	done
}

# run_all JOBS NAME...: JOBS of them at once
run_all()
{
	local jobs=$1 running=0 name
	shift
	for name; do
		if [ $running -ge "$jobs" ]; then
			wait -n
			running=$((running - 1))
			report_ended
		fi
		run "$name" &
		running=$((running + 1))
	done
	wait
	report_ended
}

for unit in tests/unit/test_*.c; do
	name=$(basename "$unit" .c)
	group "unit/${name#test_}" env CMOCKA_MESSAGE_OUTPUT=TAP "$BUILD/tests/unit/$name"
done
group headers tests/check_headers.sh
group layers tests/check_layers.sh "$BUILD"
group cli env VALKTRACE="$BUILD/valktrace" tests/cli/run.sh
for script in tests/integration/*.sh; do
	name=$(basename "$script" .sh)
	[ "$name" = lib ] || group "integration/$name" "$script"
done
[ -n "$SAN" ] || group model tests/model/run.sh

together=() later=()
for name in $long; do
	[ -z "${commands[$name]-}" ] || together+=("$name")
done
for name in "${names[@]}"; do
	if [[ $alone == *" $name "* ]]; then
		later+=("$name")
	elif [[ " ${together[*]} " != *" $name "* ]]; then
		together+=("$name")
	fi
done
# Jobs of their own process group, or SIGINT would be ignored in all that they start.
set -m
trap 'for job in $(jobs -p); do kill -- -"$job"; done 2>/dev/null; exit 130' INT TERM HUP
[ ${#together[@]} -eq 0 ] || run_all "${JOBS:-$(nproc)}" "${together[@]}"
[ ${#later[@]} -eq 0 ] || run_all 1 "${later[@]}"
set +m

[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
