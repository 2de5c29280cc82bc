#!/bin/bash
# lua_probe.sh - unmodified Lua programs under record --category interp: what they print is what they print
# without it, and the log has each call that they make.
. "$(dirname "$0")/lib.sh"
programs=$ROOT/tests/hosts/programs
unset LUA_INIT LUA_INIT_5_4 LUA_PATH LUA_CPATH

# same NAME COMMAND...: output, errors and status are the same, recorded (with and without interp) or not
same()
{
	local name=$1 status option
	shift
	timeout 60 "$@" > plain.out 2> plain.err
	status=$?
	for option in '--category interp' ''; do
		timeout 60 valktrace record -q -f -o same.vtrace $option -- "$@" > same.out 2> same.err
		is "$name${option:+, interp}: status" $? $status
		is "$name${option:+, interp}: output" "$(cat same.out)" "$(cat plain.out)"
		is "$name${option:+, interp}: errors" "$(cat same.err)" "$(cat plain.err)"
	done
	timeout 60 valktrace record -q -f -o same.vtrace --category interp --ring-size 64M -- "$@" > /dev/null 2>&1
}

# interp LOG FILTER: of the JSON lines of category interp
interp() { valktrace decode --category interp --format json "$1" 2> /dev/null | jq -s "$2"; }
final() { valktrace decode --format prometheus "$2" 2> /dev/null | sed -n "s/^$1 //p"; }

# balanced LOG: all that began has ended, was left, or is open at the end
balanced()
{
	interp "$1" '[.[] | if .event == "call" or .event == "builtin" then 1
		elif .event == "return" or .event == "builtin_return" then -1
		elif .event == "unwind" then -.left else 0 end] | add'
}

# ---- exact counts ----------------------------------------------------------------------------------

cat > fib.lua << 'EOF'
local function fib(n)
	if n < 2 then return n end
	return fib(n - 1) + fib(n - 2)
end
print(fib(27))
EOF
for options in '--ring-size 64M' '--ring-size 64K' '--ring-size 64K --mode discard'; do
	valktrace record -q -f -o fib.vtrace --category interp $options -- lua5.4 fib.lua > out
	is "fib(27) $options: output" "$(cat out)" 196418
	lost=$(valktrace info --json fib.vtrace | jq '.categories.interp.lost // 0')
	decoded=$(valktrace info --json fib.vtrace | jq '.categories.interp.events // 0')
	# fib, the chunk, print: a call and a return each
	is "fib(27) $options: decoded + lost" $((decoded + lost)) $((2 * (635621 + 2)))
	is "fib(27) $options: calls are counted" "$(final valk_function_calls_total fib.vtrace)" 635622
	is "fib(27) $options: builtins are" "$(final valk_builtin_calls_total fib.vtrace)" 1
	is "fib(27) $options: depth" "$(final valk_stack_depth_max fib.vtrace)" 28
done
valktrace record -q -f -o fib.vtrace --category interp --ring-size 64M -- lua5.4 fib.lua > out
valktrace summary --functions --json fib.vtrace > summary.json
is 'fib(27): calls by name' "$(jq '.functions["fib:1"].calls' summary.json)" 635621
is 'all that begins ends' "$(jq -c '.functions_total | [.open, .without_end, .without_begin]' summary.json)" '[0,0,0]'
is 'nothing lost' "$(jq '.lost // 0' summary.json)" 0
ok 'a recursion counts once: fib takes no longer than the chunk' \
	test "$(jq '.functions["fib:1"].inclusive_ns < .functions["(main chunk)"].inclusive_ns' summary.json)" = true
is 'exclusive times are the time of the chunk' "$(jq '[.functions[].exclusive_ns] | add' summary.json)" \
	"$(jq '.functions["(main chunk)"].inclusive_ns' summary.json)"
is 'folded: the same time' "$(valktrace decode --format folded fib.vtrace | awk '{ s += $NF } END { print s }')" \
	"$(jq '.functions["(main chunk)"].inclusive_ns' summary.json)"
is 'folded: its form' "$(valktrace decode --format folded fib.vtrace |
	grep -cvE '^lua5\.4/[0-9]+(;[^; ]+)+ [0-9]+$')" 0
is 'no closure or evaluation was counted: absent, not 0' \
	"$(valktrace decode --format metrics-json fib.vtrace | jq -c '.interpreter | [.evals_total, .closures_created, .env_lookups]')" \
	'[null,null,null]'
ok 'the page is at most 80 columns wide' test "$(valktrace summary fib.vtrace | awk '{ if (length > m) m = length } END { print m }')" -le 80

# ---- the page on functions, up to a million events -------------------------------------------------

# The chunk and each f: a call and a return, so 1,000,000 events and two more.
for calls in 499999 500000; do
	echo "local function f() end for i = 1, $calls do f() end" > calls.lua
	valktrace record -q -f -o $calls.vtrace --category interp --ring-size 64M -- lua5.4 calls.lua
	valktrace summary $calls.vtrace > $calls.page
	valktrace summary --functions $calls.vtrace > $calls.all
	valktrace summary --json $calls.vtrace > $calls.json
	is "$calls calls: all are in the log" "$(valktrace info --json $calls.vtrace |
		jq .categories.interp.events)" $((2 * (calls + 1)))
	has "$calls calls: --functions has the page" "$(cat $calls.all)" '--- Functions ---'
	is "$calls calls: --functions --json has them" \
		"$(valktrace summary --functions --json $calls.vtrace | jq -c '[.functions["f:1"].calls, .functions_not_read]')" \
		"[$calls,null]"
done
is 'a million events: --functions changes nothing' "$(cat 499999.page)" "$(cat 499999.all)"
is 'a million events: they are in the JSON' \
	"$(jq -c '[.functions["f:1"].calls, .functions_total.open, .functions_not_read]' 499999.json)" '[499999,0,null]'
is 'more: one line in place of the page' "$(diff 500000.page 500000.all | grep '^<')" \
	'< functions  1,000,002 events: valktrace summary --functions reads them'
is 'more: none in the JSON, and why' "$(jq -c '[.functions, .functions_total, .functions_not_read]' 500000.json)" \
	'[null,null,{"events":1000002,"reason":"more than 1000000 events: valktrace summary --functions"}]'
has 'more, of a selection: the command that has it' \
	"$(valktrace decode --format summary --category interp 500000.vtrace)" \
	'functions  1,000,002 events: valktrace decode --format folded reads them'
ok 'fewer by a selection: the page' grep -q -e '--- Functions ---' \
	<(valktrace decode --format summary --category interp --until 5ms 500000.vtrace)

# Both begin and end on line 1, and the collector gives the address of one to the other.
cat > again.lua << 'EOF'
for i = 1, 100 do
	load("local function short() end; short()")()
	collectgarbage()
	load("local function long(x) return (x or 1) + 2 end; long()")()
	collectgarbage()
end
EOF
valktrace record -q -f -o again.vtrace --category interp -- lua5.4 again.lua
is 'a function is not taken for one that was at its address' "$(valktrace summary --functions --json again.vtrace |
	jq -c '.functions | [.["short:1"].calls, .["long:1"].calls]')" '[100,100]'

valktrace record -q -f -o none.vtrace -- lua5.4 fib.lua > out
is 'without category interp nothing is hooked' \
	"$(valktrace decode --format metrics-json none.vtrace | jq .interpreter.function_calls)" null
has '... and the summary says how' "$(valktrace summary none.vtrace)" 'Lua: its calls are recorded with --category interp'

# ---- programs --------------------------------------------------------------------------------------

for program in fib garbage coroutines errors; do
	[ $program = garbage ] || same $program lua5.4 "$programs/$program.lua" one two
done
timeout 60 lua5.4 "$programs/coroutines.lua" > out
valktrace record -q -f -o co.vtrace --category interp --ring-size 64M -- lua5.4 "$programs/coroutines.lua" > out
is 'coroutines: calls' "$(final valk_function_calls_total co.vtrace)" "$(tail -n 1 out)"
is 'coroutines: tail calls' "$(interp co.vtrace '[.[] | select(.event == "tail_call")] | length')" 99
is 'coroutines: each has a depth of its own' "$(final valk_stack_depth_max co.vtrace)" 22
is 'coroutines: every return finds its call' "$(valktrace summary --json co.vtrace |
	jq -c '.functions_total | [.without_end, .without_begin]')" '[0,0]'
is 'coroutines: as many are open as the log leaves open' "$(valktrace summary --json co.vtrace | jq .functions_total.open)" \
	"$(balanced co.vtrace)"
valktrace record -q -f -o errors.vtrace --category interp --ring-size 64M -- lua5.4 "$programs/errors.lua" one > out 2>&1
is 'errors do not leak depth' "$(final valk_stack_depth_max errors.vtrace)" 11
is 'errors: what they left' "$(interp errors.vtrace '[.[] | select(.event == "unwind" and .left == 11)] | length')" 50
# The last error ends the program: deep(9) to deep(0), error, and the chunk.
is 'errors: what is open at the end' "$(valktrace summary --json errors.vtrace | jq .functions_total.open)" 12

cat > exits.lua << 'EOF'
local co = coroutine.wrap(function() coroutine.yield(1) error({ 1 }) end)
print(co())
print(type(select(2, pcall(co))))
print(debug.gethook())
io.stderr:write("bye\n")
os.exit(7)
EOF
same 'os.exit' lua5.4 exits.lua
echo 'local function f() error("oh no") end f()' > fails.lua
same 'an error nobody catches' lua5.4 fails.lua
same 'a syntax error' lua5.4 -e 'x ='
same 'arguments and -E' lua5.4 -E -e 'print(os.getenv("LUA_INIT_5_4"), os.getenv("LUA_INIT"))'
same 'standard input' sh -c 'echo "print(os.getenv[[LUA_INIT_5_4]])" | lua5.4 - a'
echo 'coroutine.wrap(function() local t = setmetatable({}, { __close = function() print("closed") end })
	local x <close> = t error("in coroutine") end)()' > close.lua
same 'an error in a coroutine' lua5.4 close.lua
echo 'local function r(n) if n == 0 then return 0 end return 1 + r(n - 1) end print(r(150000), pcall(r, 1e7))' > deep.lua
same 'a deep recursion and its overflow' lua5.4 deep.lua

# ---- the program's own hook ------------------------------------------------------------------------

cat > hooks.lua << 'EOF'
local events = {}
local function count(event, line) events[event] = (events[event] or 0) + 1 end
local function work(n) if n > 0 then return work(n - 1) end return n end
print(debug.gethook())
debug.sethook(count, "crl", 7)
local f, mask, n = debug.gethook()
work(5)
debug.sethook()
print(f == count, mask, n, debug.gethook())
for _, name in ipairs { "call", "return", "tail call", "line", "count" } do print(name, events[name]) end
local co = coroutine.create(function() work(3) coroutine.yield() work(3) end)
events = {}
debug.sethook(co, count, "c")
print(debug.gethook(co) == count, debug.gethook())
coroutine.resume(co) coroutine.resume(co)
print(events.call, events["tail call"])
debug.sethook(function() debug.sethook() error("too long") end, "", 1000)
print(pcall(function() while true do end end))
print(pcall(debug.sethook, 1))
print(select(2, pcall(function() debug.sethook(nil, {}) debug.sethook({}, 1, {}) end)))
EOF
same 'debug.sethook' lua5.4 hooks.lua
ok '... and calls are recorded all the while' test "$(interp same.vtrace \
	'[.[] | select(.function == "work:3")] | length')" -eq 14

# ---- LUA_INIT ---------------------------------------------------------------------------------------

echo 'print(os.getenv("LUA_INIT_5_4"), os.getenv("LUA_INIT"), init)
os.execute("echo $LUA_INIT_5_4, $LUA_INIT")' > init.lua
export LUA_INIT='init = "by LUA_INIT"'
same 'LUA_INIT' lua5.4 init.lua
export LUA_INIT_5_4='init = "by its
second line"'
same 'LUA_INIT_5_4' lua5.4 init.lua
export LUA_INIT_5_4='init = 1
error("in init")'
same 'an error in LUA_INIT_5_4' lua5.4 init.lua
export LUA_INIT_5_4=''
same 'an empty LUA_INIT_5_4' lua5.4 init.lua
unset LUA_INIT LUA_INIT_5_4
echo 'init = "by a file"' > 'my init.lua'
export LUA_INIT='@my init.lua'
same 'LUA_INIT=@file' lua5.4 init.lua
unset LUA_INIT

# ---- Lua as a library -------------------------------------------------------------------------------

cat > embed.c << 'EOF'
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

static unsigned calls;
static void hook(lua_State *L, lua_Debug *ar) { (void)L, (void)ar; calls++; }

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	for (int i = 1; i < argc; i++)
		if (luaL_dofile(L, argv[i]) != LUA_OK)
			printf("%s\n", lua_tostring(L, -1));
	printf("%d %d %d\n", lua_gethook(L) == NULL, lua_gethookmask(L), lua_gethookcount(L));
	lua_sethook(L, hook, LUA_MASKCALL, 0);
	luaL_dostring(L, "local function f() end f() f() coroutine.wrap(f)()");
	printf("%u %d %d %d\n", calls, lua_gethook(L) == hook, lua_gethookmask(L), lua_gethookcount(L));
	lua_close(L);
	return 3;
}
EOF
if $CC -O1 -I/usr/include/lua5.4 embed.c -o embed -llua5.4 2> errors; then
	same 'a program with liblua5.4' ./embed hooks.lua fails.lua
	has '... its calls' "$(valktrace decode --event interp.call same.vtrace)" 'function=work:3'
	valktrace record -q -f -o embed.vtrace --category interp --ring-size 64M -- ./embed fib.lua > out
	is '... all of them' "$(valktrace summary --functions --json embed.vtrace | jq '.functions["fib:1"].calls')" 635621
else
	skip 'a program with liblua5.4' "$(head -n 1 errors)"
fi
if [ -z "${SAN-}" ]; then
	valktrace record -q -f -o host.vtrace --category interp --ring-size 64M -- "$BUILD/tests/lua-host" \
		"$programs/fib.lua" > out
	is 'a host that reports itself is not reported twice' "$(final valk_function_calls_total host.vtrace)" \
		$(($(cut -f 2 out) + 1))
fi

finish
