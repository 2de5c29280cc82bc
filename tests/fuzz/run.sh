#!/bin/bash
# run.sh BUILD SECONDS NAME... - runs fuzz targets with libFuzzer, one after another. Inputs that reach something
# new are kept in build/fuzz/NAME for the next time; one that breaks a target stays in build/fuzz/crashes: mend the code,
# and put it into fixtures/fuzz/NAME.
set -u
build=$1 seconds=$2
shift 2
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
mkdir -p build/fuzz/crashes
status=0
for name in "$@"; do
	mkdir -p "build/fuzz/$name"
	seeds=()
	while read -r seed; do          # libFuzzer takes folders alone
		if [ -d "$seed" ]; then seeds+=("$seed"); else cp "$seed" "build/fuzz/$name/"; fi
	done < <(tests/fuzz/seeds.sh "$name")
	echo "== $name, $seconds s"
	# Its own messages and stdout are thrown away, libFuzzer's and the sanitizers' are not.
	"$build/tests/fuzz/$name.fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
		-close_fd_mask=3 -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$name-" \
		"build/fuzz/$name" "${seeds[@]}" >"build/fuzz/$name.log" 2>&1
	if [ $? -eq 0 ]; then
		grep -E 'number_of_executed_units|new_units_added|peak_rss_mb' "build/fuzz/$name.log" | sed 's/^stat::/   /'
	else
		status=1
		grep -vE '^#[0-9]+[[:space:]](NEW|REDUCE|pulse|RELOAD)' "build/fuzz/$name.log" | tail -n 40
	fi
done
exit $status
