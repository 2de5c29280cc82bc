#!/bin/bash
# run.sh VALKTRACE PROGRAM... - runs programs built with the race detector, and the decoder on several threads
# over the fixtures: a report of a race is a failure.
set -u
cd "$(dirname "$0")/../.." || exit 1
export TSAN_OPTIONS=halt_on_error=1:exitcode=66
tool=$1
shift
log=$(mktemp)
trap 'rm -f "$log" "$log.html"' EXIT
passed=0 failed=0

# try NAME COMMAND...: exit codes up to 9 are the tool's own.
try()
{
	local name=$1
	shift
	timeout 300 "$@" >"$log" 2>&1
	if [ $? -le 9 ]; then
		passed=$((passed + 1))
		echo "ok $name"
	else
		failed=$((failed + 1))
		echo "not ok $name"
		grep -A 20 'WARNING: ThreadSanitizer' "$log" | head -n 40
	fi
}

for program; do
	try "$(basename "$program")" "$program"
done
for file in fixtures/*.vtrace fixtures/v1/*.vtrace fixtures/bad/section-bytes.vtrace; do
	name=$(basename "$file" .vtrace)
	try "summary of $name" "$tool" summary --threads 4 "$file"
	try "verdict on $name" "$tool" verify --threads 4 "$file"
	try "page of $name" "$tool" report -q -f -o "$log.html" --threads 4 "$file"
	for format in text json csv; do
		try "$name as $format" "$tool" decode --threads 4 --format $format "$file"
	done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
