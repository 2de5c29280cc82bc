#!/bin/bash
# check_layers.sh [BUILD] - the layers of README's picture: which files may include what, and, when BUILD
# is given, what the linked objects need. One `ok` or `not ok` line a rule.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

# rule NAME OFFENDERS: passes when there are none.
rule()
{
	if [ -z "$2" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1"
		echo "$2" | sed "s/^/    /"
		failed=$((failed + 1))
	fi
}

# sources VARIABLE: a list of the Makefile.
sources()
{
	awk -v name="$1" '$1 == name && $2 == ":=" { on = 1; $1 = ""; $2 = "" }
		on { line = $0; sub(/#.*/, "", line); sub(/\\$/, "", line); print line
		     if ($0 !~ /\\$/) exit }' Makefile | tr -s ' \t\n' '\n' | grep '\.c$'
}

# with_headers FILE...: the files, and the headers of the same name.
with_headers()
{
	local file
	for file in "$@"; do
		echo "$file"
		[ ! -e "${file%.c}.h" ] || echo "${file%.c}.h"
	done
}

# includes FILE... : FILE:LINE of each include
includes()
{
	grep -HE '^[[:space:]]*#[[:space:]]*include' "$@" |
		sed -E 's/^([^:]*):[[:space:]]*#[[:space:]]*include[[:space:]]*/\1: /; s/[[:space:]]*\/\*.*//'
}

libc='assert|ctype|dirent|dlfcn|endian|errno|fcntl|getopt|inttypes|limits|link|locale|math|poll|sched'
libc="$libc|setjmp|signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings"
libc="$libc|syscall|termios|time|ucontext|unistd|wchar|x86intrin|immintrin|nmmintrin|arm_acle"
libc="<(($libc)\\.h|(sys|linux|asm|arpa|netinet|x86_64-linux-gnu)/[a-z0-9_/]+\\.h)>"

wire=$(with_headers $(sources WIRE_SRCS))
writer=$(with_headers $(sources WRITER_SRCS))
engine=$(with_headers $(sources ENGINE_SRCS) $(sources RECORD_SRCS))
agent=$(with_headers $(sources AGENT_SRCS))
decoder=$(ls decoder/*.c decoder/*.h)

above_wire=$(echo "$writer $engine" | tr ' ' '\n' | grep '\.h$' | paste -sd '|' -)
engine_only=$(echo "$engine" | grep '\.h$' | paste -sd '|' -)

rule 'the Makefile lists all of core/ and collectors/' "$(
	for file in core/*.c collectors/*.c collectors/probes/*.c; do
		for list in WIRE WRITER ENGINE RECORD COLLECTOR SAMPLER AGENT HEAP; do sources ${list}_SRCS; done |
			grep -qx "$file" || echo "$file"
	done)"
rule 'include/ includes itself and libc' "$(includes include/valktrace.h include/valktrace/*.h |
	grep -vE ": (<valktrace/[a-z]+\.(h|def)>|$libc|VT_HOST_DEF)$")"
rule 'wire knows no libuv, no threads, no layer above' "$(includes $wire |
	grep -E ": (<uv|<pthread|<threads\.h|\"($above_wire|collectors/|decoder/))")"
rule 'writer knows no libuv, no engine, collector or decoder' "$(includes $writer |
	grep -E ": (<uv|\"($engine_only|collectors/|decoder/))")"
# `record` is a subcommand whose code is the engine's: it knows how options are read, and nothing else.
rule 'engine knows no collector and no decoder' "$(includes $engine |
	grep -vE '^core/record\.c: "decoder/(cmd|common|names|rules|units)\.h"$' |
	grep -E ': "(collectors|decoder)/')"
rule 'collectors know no decoder and no engine' "$(includes collectors/*.c collectors/probes/*.[ch] |
	grep -E ": \"($engine_only|decoder/)")"
# Threads are in three rooms: lanes.c for what adds up, pipeline.c for what comes in order, heads.c for opening.
threads='decoder/(heads|lanes|pipeline)\.[cho]'
rule 'decoder knows no libuv, no writer, no collector, and threads in three rooms' "$(includes $decoder |
	grep -v '^decoder/main.c: "core/record.h"$' | grep -vE "^$threads: <pthread\.h>\$" |
	grep -E ": (<uv|<pthread|<threads\.h|\"($above_wire|collectors/))")"
rule 'the agent includes no library but libc' "$(includes $agent |
	grep -E ': <(uv|lz4|zstd)')"
rule 'nobody includes tests/' "$(includes core/*.[ch] decoder/*.[ch] collectors/*.[ch] \
	collectors/probes/*.[ch] | grep ': "tests/')"

if [ $# -gt 0 ]; then
	sanitizers=
	[ -z "${SAN-}" ] || sanitizers='|lib[a-z]*san\.so.*|libm\.so.*|libgcc_s\.so.*'
	rule 'the agent links libc and its own threads only' "$(
		readelf -d "$1/libvalktrace-agent.so" |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		grep -vE "^(libc\.so.*|ld-linux.*|libpthread\.so.*|libdl\.so.*$sanitizers)$")"
	reader=$(for file in $(sources WIRE_SRCS) $(ls decoder/*.c | grep -v 'decoder/main.c\|decoder/cmd_'); do
		echo "$1/${file%.c}.o"
	done)
	rule 'the reader needs no libuv, and threads in its rooms for them' "$(
		nm -A -u $reader | grep -E ' U (uv_|pthread_|thrd_)' | grep -vE "$threads")"
	# What the reader needs beyond itself is in libc, lz4 and zstd: it links without the rest.
	printf '%s\n' '#include <valktrace/reader.h>' \
		'int main(void) { struct vt_reader *r; return vt_reader_open(&r, 0, 0, 0) < 0 ? 0 : 1; }' \
		>"$1/tests/reader_alone.c"
	rule 'the reader links with lz4 and zstd alone' "$(
		${CC:-gcc} ${SAN:+-fsanitize=$SAN} -Iinclude -o "$1/tests/reader_alone" \
		"$1/tests/reader_alone.c" "$1/libvalktrace-reader.a" -llz4 -lzstd 2>&1 && "$1/tests/reader_alone" 2>&1)"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
