# lib.sh - what the integration tests share. Source it first: `. "$(dirname "$0")/lib.sh"`. The test
# then runs in an empty directory of its own, with the built valktrace first in PATH.
#
#   ok NAME COMMAND...       passes when the command succeeds
#   is NAME GOT EXPECTED     passes when the two texts are equal
#   has NAME TEXT PATTERN    passes when a line of the text matches the extended regular expression
#   skip NAME WHY            says that something cannot be tried here
#   finish                   prints `N passed, N failed` and ends with the right status
#
# BUILD names the tree's build folder (default build/release).
#
# With SAN set, the recorder and the decoder are the sanitized ones, but the agent beside them is the
# release one: an ASan library that is preloaded into a program which was not built with ASan must come
# after libasan itself, and libasan's allocator under a conservative collector tells nothing about us.
# The Makefile puts that pair into BUILD/tests/bin.
set -u
export LC_ALL=C TZ=UTC GUILE_AUTO_COMPILE=0
unset VALKTRACE VALKTRACE_RUN LD_PRELOAD
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(cd "${BUILD:-$ROOT/build/release}" && pwd)
BIN=$BUILD
[ ! -x "$BUILD/tests/bin/valktrace" ] || BIN=$BUILD/tests/bin
PATH=$BIN:$PATH
WORK=$(mktemp -d "${TMPDIR:-/tmp}/valktrace-test.XXXXXX")
# Ring files in memory, as by default, but out of the way of others.
RUN=$(mktemp -d /dev/shm/valktrace-test.XXXXXX 2>/dev/null || mktemp -d)
export XDG_RUNTIME_DIR=$RUN
trap 'rm -rf "$WORK" "$RUN"' EXIT
cd "$WORK" || exit 1
passed=0 failed=0

pass()
{
	passed=$((passed + 1))
	echo "ok $1"
}

fail()
{
	failed=$((failed + 1))
	echo "not ok $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | head -n 30 | sed 's/^/    /'
}

ok()
{
	local name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name" "failed: $*"; fi
}

is()
{
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:      $2
expected: $3"; fi
}

has()
{
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then pass "$1"; else fail "$1" "no line matches $3 in:
$2"; fi
}

skip()
{
	echo "skipped: $1: $2"
}

finish()
{
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ]
	exit
}
