#!/bin/bash
# typed.sh - a host's own categories (include/valktrace/host.h), from C and from C++, and compiled out.
. "$(dirname "$0")/lib.sh"

strict="-Wall -Wextra -Wpedantic -Wshadow -Werror -I$ROOT/include -I$ROOT/tests/hosts/typed"
libs="$BUILD/libvalktrace.a -luv -llz4 -lzstd -lpthread ${SAN:+-fsanitize=$SAN}"
source=$ROOT/tests/hosts/typed/typed.c

# fields FILE...: events without time and thread
fields() { valktrace decode "$@" 2>/dev/null | sed -E 's/^[^ ]+ +[^ ]+ +//; s/ +/ /g'; }
expected='myvm.jit size=16B tier=optimizing delta=-1
myvm.deopt function=main
myvm.deopt_end time=5ns'

for kind in "$CC -std=c11" "clang -std=c11" "$CXX -x c++ -std=c++11" "$CXX -x c++ -std=c++17" \
	"$CXX -x c++ -std=c++20" "clang++ -x c++ -std=c++11" "clang++ -x c++ -std=c++20"; do
	[ -z "${SAN-}" ] || [ "${kind#clang}" = "$kind" ] || continue
	command -v "${kind%% *}" >/dev/null || { skip "$kind" 'not installed'; continue; }
	if ! $kind $strict -O1 "$source" -x none -o typed $libs 2>errors; then
		fail "$kind compiles" "$(cat errors)"
		continue
	fi
	rm -f x.vtrace
	ok "$kind: runs, and is told of changes" ./typed x.vtrace myvm 1
	is "$kind: the host's events" "$(fields x.vtrace)" "$expected"
done

rm -f x.vtrace
is 'an unknown category is said, once' "$(./typed x.vtrace mynet,nosuch 1 2>&1)" \
	"valktrace: events: no category 'nosuch' is known (yet)"
is 'one that is off is not there' "$(fields x.vtrace)" ''
rm -f x.vtrace
./typed x.vtrace all 1
has 'all has both' "$(fields x.vtrace)" '^interp\.call function=main'
is '... filtered by category' "$(fields --category myvm x.vtrace)" "$expected"
is 'the log has their schema' "$(valktrace decode --format json --event myvm.jit x.vtrace | jq -c '[.tier, .size_bytes]')" \
	'["optimizing",16]'

if [ -z "${SAN-}" ]; then
	rm -f x.vtrace
	valktrace record -q -o joined.vtrace --category myvm -- ./typed x.vtrace none 1
	is 'record --category of a name that only the host knows' "$(fields --category myvm joined.vtrace)" "$expected"
	valktrace record -q --category gcc -- true 2>said
	has 'a name next to one of ours is a slip' "$(cat said)" "unknown category 'gcc', did you mean 'gc'"
fi

for kind in "$CC -std=c11" "$CXX -x c++ -std=c++11" "clang -std=c11" "clang++ -x c++ -std=c++20"; do
	command -v "${kind%% *}" >/dev/null || continue
	for level in -O0 -O2; do
		ok "$kind $level VALKTRACE_DISABLE: links without the library" \
			$kind $strict $level -DVALKTRACE_DISABLE "$source" -o off
		is "... and nothing of it is left" "$(nm off | grep -c ' [A-Za-z] vt_')" 0
	done
done

finish
