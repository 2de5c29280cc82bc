#!/bin/bash
# lua.sh - the Lua host: an unchanged VM, recorded by the public headers alone. Its programs print what
# they know of themselves; the log must say the same, and the output must be that of lua5.4.
. "$(dirname "$0")/lib.sh"
lua=$BUILD/tests/lua-host programs=$ROOT/tests/hosts/programs

# run PROGRAM [OPTION=VALUE...]: its log is PROGRAM.vtrace; out, err
run()
{
	local name=$1
	shift
	rm -f "$name.vtrace"
	VALKTRACE=$(IFS=,; echo "output=$name.vtrace${*:+,}$*") \
		timeout 120 "$lua" "$programs/$name.lua" one two > out 2> err
}

# count LOG OPTION...: events that decode prints; a loss has a line as well, its event is null
count() { valktrace decode --format json "$@" 2> /dev/null | grep -c '"event":"'; }

# events LOG NAME: how many there are
events() { count "$1" --event "$2"; }

# lost LOG CATEGORY: as `info` has it
lost() { valktrace info --json "$1" | jq ".categories.$2.lost // 0"; }

# final FAMILY LOG: of the last record
final() { valktrace decode --format prometheus "$2" 2> /dev/null | sed -n "s/^$1 //p"; }

# sum EVENT FIELD LOG
sum()
{
	valktrace decode --event "$1" --format json "$3" 2> /dev/null |
		jq -s "[.[] | select(.event) | .$2 // 0] | add // 0"
}

# ---- it is a Lua -------------------------------------------------------------------------------

for program in fib garbage coroutines errors; do
	timeout 120 lua5.4 "$programs/$program.lua" one two > out5.4 2> err5.4
	status=$?
	for category in gc all; do
		run $program events=$category
		is "$program, $category: exit status" $? $status
		is "$program, $category: output" "$(cat out)" "$(cat out5.4)"
		is "$program, $category: errors, traceback" "$(sed 's/^lua-host:/lua5.4:/' err | grep -v ^valktrace)" \
			"$(cat err5.4)"
	done
done
is 'a program from standard input' "$(echo 'print(1 + 1, #arg)' | VALKTRACE=output=in.vtrace "$lua" 2>&1)" $'2\t0'
has 'a script that is not there' "$(VALKTRACE=output=no.vtrace "$lua" absent.lua 2>&1)" 'cannot open absent.lua'
echo 'os.exit(7)' > exit.lua
VALKTRACE=output=exit.vtrace "$lua" exit.lua
is 'os.exit' "$? $(valktrace info --json exit.vtrace | jq .lost)" '7 0'

# ---- calls: exact, also where rings are too small for them -------------------------------------

for size in 64M 512K 16K; do
	run fib events=interp,ring-size=$size
	calls=$(cut -f 2 out)
	is "fib, $size: calls are counted" "$(final valk_function_calls_total fib.vtrace)" $((calls + 1))
	is "fib, $size: decoded + lost = calls, returns, print and its return" \
		$(($(count fib.vtrace --category interp) + $(lost fib.vtrace interp))) $((2 * (calls + 2)))
	is "fib, $size: depth" "$(final valk_stack_depth_max fib.vtrace)" 21
done
run fib events=interp,ring-size=64M
is 'fib: by its name' "$(valktrace decode --event interp.call --format json fib.vtrace |
	jq -s '[.[] | select(.function == "fib")] | length')" "$calls"
run fib
is 'without interp no call is reported: absent, not 0' \
	"$(valktrace decode --format metrics-json fib.vtrace | jq .interpreter.function_calls)" null

run coroutines events=interp
is 'coroutines: calls' "$(final valk_function_calls_total coroutines.vtrace)" "$(tail -n 1 out)"
is 'coroutines: tail calls that the program made' "$(valktrace decode --event interp.tail_call \
	coroutines.vtrace | grep -c 'function=tail')" 99
# the body and 21 of waits: what a coroutine left or was resumed from is not on top of it
is 'coroutines: each has a depth of its own' "$(final valk_stack_depth_max coroutines.vtrace)" 22

run errors events=interp
# the chunk and deep(9) down to deep(0): 50 errors leave nothing
is 'errors do not leak depth' "$(final valk_stack_depth_max errors.vtrace)" 11

is 'errors: fifty of them left eleven calls' "$(valktrace decode --event interp.unwind --format json errors.vtrace |
	jq -s '[.[] | select(.left == 11)] | length')" 50
for program in errors coroutines; do
	run $program events=interp,ring-size=64M
	is "$program: each return has its call, each call that was not left its return" \
		"$(valktrace summary --json $program.vtrace | jq -c '.functions_total | [.without_begin, .without_end]')" '[0,0]'
done
is 'coroutines: what the body of one calls is not called by who resumes it' \
	"$(valktrace decode --format folded coroutines.vtrace | grep -c 'resume;')" 0

# ---- the collector -----------------------------------------------------------------------------

run exact ring-size=1M
is 'bytes freed by a full collection, as the program saw it' \
	"$(valktrace decode --event gc.end --format json exact.vtrace |
	   jq -r 'select(.final_type == "major") | .reclaimed_bytes')" "$(cat out)"
run garbage ring-size=64M
log=garbage.vtrace
cycles=$(final valk_gc_cycles_total $log)
ok 'garbage: it collects' test "$cycles" -gt 3
is 'garbage: cycles that began' "$(events $log gc.begin)" "$cycles"
is 'garbage: cycles that ended' "$(events $log gc.end)" "$cycles"
is 'garbage: full ones are those asked for' "$(final 'valk_gc_collections_total{type="major"}' $log)" 1
is 'garbage: a finalizer may not collect' "$(events $log gc.refused)" 100
is 'garbage: slices' "$(events $log gc.slice_end)" "$(final valk_gc_slices_total $log)"
is 'garbage: slices of all cycles' "$(sum gc.end slices $log)" "$(final valk_gc_slices_total $log)"
ok 'garbage: a large heap is collected in several' test "$(final valk_gc_slices_total $log)" -gt "$((2 * cycles))"
is 'garbage: reclaimed' "$(sum gc.end reclaimed_bytes $log)" "$(final valk_gc_reclaimed_bytes_total $log)"
ok 'garbage: what died was reclaimed' test "$(sum gc.end reclaimed_bytes $log)" -gt $((400000 * 72))
is 'garbage: the pauses are the slices' "$(final valk_gc_pauses_total $log)" "$(events $log gc.slice_end)"

# ---- the allocator -----------------------------------------------------------------------------

echo 'for i = 1, 10 do local s = string.rep("x", 1000000) end' > strings.lua
VALKTRACE=output=strings.vtrace,events=memory,ring-size=1M timeout 60 "$lua" strings.lua
is 'ten large strings are ten buffers and ten strings' \
	"$(valktrace decode --where 'size >= 1000000' strings.vtrace | wc -l)" 20

# ---- under record ------------------------------------------------------------------------------

if [ -n "${SAN-}" ]; then
	skip 'under record' 'a sanitized host cannot have a library preloaded before libasan'
	finish
fi
valktrace record -q -o joined.vtrace --category interp --ring-size 64M -- "$lua" "$programs/fib.lua" > out
is 'under record: the same calls' "$(events joined.vtrace interp.call)" $((calls + 1))
is 'under record: no log of its own' "$(ls lua-*.vtrace 2> /dev/null)" ''
finish
