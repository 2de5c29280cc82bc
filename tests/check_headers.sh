#!/bin/bash
# check_headers.sh - each public header compiles by itself, as C11 and as C++11 to C++20, strictly, with
# tracing compiled in and out; under clang too, where it is installed. `ok` or `not ok`, a line each.
set -u

failed=0
# try COMPILER LANGUAGE STANDARD HEADER SWITCH
try()
{
	"$1" -std="$3" -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude ${5-} -fsyntax-only -x "$2" "$4"
}

for header in include/valktrace.h include/valktrace/*.h; do
	for switch in '' -DVALKTRACE_DISABLE; do
		good=ok
		for compiler in "${CC:-gcc}" clang; do
			command -v "$compiler" >/dev/null || continue
			try "$compiler" c c11 "$header" $switch || good='not ok'
		done
		for compiler in "${CXX:-g++}" clang++; do
			command -v "$compiler" >/dev/null || continue
			for standard in c++11 c++14 c++17 c++20; do
				try "$compiler" c++ $standard "$header" $switch || good='not ok'
			done
		done
		echo "$good $header $switch"
		[ "$good" = ok ] || failed=1
	done
done
exit $failed
