#!/bin/bash
# threads.sh - the output does not depend on how many threads decode: for every format, whole and damaged
# logs, at the edges of a block, for large texts, when the reader goes away and when the disk is full.
. "$(dirname "$0")/lib.sh"

# One log with a few hundred thousand events of several categories, and the same with holes in it.
cat >calls.lua <<'LUA'
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
for i = 1, 200 do local t = {} for k = 1, 200 do t[k] = { i } end end
print(fib(20))
LUA
VALKTRACE=events=gc,interp,memory,output=calls.vtrace timeout 120 "$BUILD/tests/lua-host" calls.lua >/dev/null
valktrace decode -q calls.vtrace >all.txt
lines=$(wc -l <all.txt)
ok "there are events for many blocks ($lines)" test "$lines" -gt 20000
cp calls.vtrace damaged.vtrace
size=$(stat -c %s damaged.vtrace)
for ((i = 1; i < 8; i++)); do
	printf 'damaged!' | dd of=damaged.vtrace bs=1 seek=$((size * i / 8)) conv=notrunc status=none
done

# same NAME ARGUMENT...: stdout, stderr and exit code of one thread and of others.
same()
{
	local name=$1 threads
	shift
	valktrace "$@" --threads 1 >out.1 2>err.1
	echo "exit $?" >>err.1
	for threads in 2 3 16 1000; do
		valktrace "$@" --threads $threads >out 2>err
		echo "exit $?" >>err
		cmp -s out out.1 && cmp -s err err.1 || {
			fail "$name" "--threads $threads differs: $(diff err err.1)"
			return
		}
	done
	pass "$name"
}

for log in calls.vtrace damaged.vtrace "$ROOT"/fixtures/*.vtrace "$ROOT"/fixtures/v1/killed.vtrace; do
	for format in text json csv; do
		same "$(basename "$log" .vtrace) as $format" decode --format $format "$log"
	done
	same "$(basename "$log" .vtrace) in sum" summary "$log"
	same "$(basename "$log" .vtrace) verified" verify "$log"
done
for count in 0 1 2047 2048 2049 4096; do
	same "--limit $count" decode --limit $count calls.vtrace
	is "--limit $count prints as many" "$(valktrace decode --threads 4 -n $count calls.vtrace | wc -l)" $count
done
same 'with colours' decode --color always calls.vtrace
same 'one category' decode --category gc calls.vtrace
same 'part of the time, exact, in UTC' decode --since 0.001 --exact --time utc calls.vtrace
same 'two runs' decode calls.vtrace "$ROOT/fixtures/many.vtrace"
same 'nothing that matches' decode --until 0 calls.vtrace
same 'several runs in sum' summary calls.vtrace damaged.vtrace
is 'order is kept' "$(valktrace decode --threads 5 calls.vtrace | md5sum)" "$(md5sum <all.txt)"

# Who reads goes away; the disk is full.
valktrace decode --threads 3 calls.vtrace 2>err | head -n 2 >/dev/null
is 'a reader that goes away is no error worth a word' "$(cat err)" ''
valktrace decode --threads 3 calls.vtrace >/dev/full 2>err
is 'a full disk ends it' $? 1
has 'and is said' "$(cat err)" 'No space left'
ok 'a number of threads is a number' test "$(valktrace decode --threads many calls.vtrace 2>/dev/null; echo $?)" = 2
finish
