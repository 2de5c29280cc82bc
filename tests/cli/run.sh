#!/bin/sh
# run.sh [--refresh] [CASE...] - golden tests of the command line.
#
# Each tests/cli/<topic>/<case>.sh runs in an empty directory with the binary in PATH and $FIXTURES set;
# what it prints and its exit code must be those of the files beside it (.stdout, .stderr, .exit; an
# absent one stands for nothing, and 0). --refresh writes them. VALKTRACE names another binary.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${VALKTRACE:-$root/build/release/valktrace}
FIXTURES=$root/fixtures
export FIXTURES
refresh=no passed=0 failed=0

if [ "${1:-}" = --refresh ]; then
	refresh=yes
	shift
fi
if [ ! -x "$binary" ]; then
	echo "run.sh: no binary at $binary (make builds it)" >&2
	exit 1
fi
PATH=$(cd "$(dirname "$binary")" && pwd):$PATH
LC_ALL=C TZ=UTC
export PATH LC_ALL TZ
unset VALKTRACE XDG_RUNTIME_DIR
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# keep GOT EXPECTED: an empty result has no file.
keep()
{
	if [ -s "$1" ]; then cp "$1" "$2"; else rm -f "$2"; fi
}

# same GOT EXPECTED NAME
same()
{
	expected=$2
	[ -e "$expected" ] || expected=/dev/null
	cmp -s "$1" "$expected" && return 0
	echo "--- $3: expected, +++ got"
	diff -u "$expected" "$1" | tail -n +3 | head -40
	return 1
}

run_case()
{
	base=${1%.sh}
	mkdir "$work/dir"
	(cd "$work/dir" && exec timeout 60 sh "$1" <"/dev/null" >"$work/stdout" 2>"$work/stderr")
	code=$?
	: >"$work/exit"
	[ $code -eq 0 ] || echo $code >"$work/exit"
	rm -rf "$work/dir"
	if [ $refresh = yes ]; then
		for part in stdout stderr exit; do keep "$work/$part" "$base.$part"; done
		return 0
	fi
	ok=0
	for part in stdout stderr exit; do
		same "$work/$part" "$base.$part" "${base#"$here"/} $part" || ok=1
	done
	return $ok
}

if [ $# -eq 0 ]; then
	set -- "$here"/*/*.sh
fi
for case in "$@"; do
	case $case in /*) ;; *) case=$(pwd)/$case ;; esac
	if run_case "$case"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
