/*
 * lua_trace.c - what records a Lua, by valktrace's public headers alone, the VM untouched:
 *
 *   allocator     trace_allocate   every byte Lua holds; category memory
 *   collector     slice()        Lua's is stopped and stepped from here: each step can be timed
 *   interpreter   hook()         calls and returns, only while somebody wants category interp
 *
 * Copy this shape, not the hooks: a VM of your own has better places for the same calls, inside its
 * collector and its call instruction.
 */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include <valktrace.h>

#include "tests/hosts/lua.h"

enum {
	EVERY = 100,            /* instructions between two looks at the collector's debt */
	SLICE_KIB = 8,          /* what may be allocated during a cycle before its next slice */
};

static struct {
	size_t used;            /* bytes that Lua holds */
	size_t due;             /* `used` at which a slice is next */
	size_t freed;           /* bytes, by the slices of the open cycle */
	unsigned slices;        /* of the open cycle; 0: none is open */
	bool collecting;        /* now: a finalizer may be running */
	bool stopped;           /* collectgarbage("stop") */
	lua_State *main, *running;
	uint64_t depth;         /* calls that main is in; see depth_of */
} vm;

/* ---- allocator ------------------------------------------------------------------------------ */

void *trace_allocate(void *unused, void *block, size_t old, size_t size)
{
	(void)unused;
	if (!block)
		old = 0;        /* Lua passes the kind of the object instead */
	if (size == 0) {
		free(block);
		vm.used -= old;
		return NULL;
	}
	void *to = realloc(block, size);
	if (!to)
		return NULL;
	vm.used += size - old;
	if (size > old)
		vt_alloc(size - old);
	return to;
}

/* ---- collector ------------------------------------------------------------------------------ */

/* Lua's own pace: a cycle begins when memory has doubled and keeps up with what is allocated. */
static void end_cycle(enum vt_gc_type type)
{
	vt_gc_end(.reclaimed = vm.freed, .heap_used = vm.used, .final_type = type);
	vm.freed = vm.slices = 0;
	vm.due = 2 * vm.used;
}

/* Does a part of a cycle (`kib` 0: Lua's basic step) or all of it. Returns whether it is over. */
static bool slice(lua_State *L, int kib, bool whole)
{
	size_t before = vm.used;

	vt_gc_heap(vm.used, 0);         /* becomes heap_used of gc.begin */
	if (vm.slices++ == 0)
		vt_gc_begin_concurrent(VT_GC_INCREMENTAL_MAJOR);
	vt_gc_slice_begin();
	vm.collecting = true;
	bool over = lua_gc(L, whole ? LUA_GCCOLLECT : LUA_GCSTEP, kib) != 0 || whole;
	vm.collecting = false;
	vt_gc_phase(VT_GC_MARK_SWEEP);  /* Lua does not tell which of them it did */
	vt_gc_slice_end_with(0, 0);
	vm.freed += before > vm.used ? before - vm.used : 0;
	vm.due = vm.used + SLICE_KIB * 1024;
	if (over)
		end_cycle(whole ? VT_GC_MAJOR : VT_GC_INCREMENTAL_MAJOR);
	return over;
}

/* collectgarbage of Lua, for this collector: it is always incremental, and paced as above. */
static int collect_garbage(lua_State *L)
{
	static const char *const names[] = { "collect", "step", "count", "stop", "restart", "isrunning",
		"incremental", "generational", "setpause", "setstepmul", NULL };
	enum { COLLECT, STEP, COUNT, STOP, RESTART, IS_RUNNING, INCREMENTAL, GENERATIONAL };
	int what = luaL_checkoption(L, 1, "collect", names);
	int kib = (int)luaL_optinteger(L, 2, 0);

	if (what <= STEP && vm.collecting) {    /* a finalizer asks: the collector cannot enter itself */
		vt_gc_refuse(VT_gc_outcome_refused);
		luaL_pushfail(L);
		return 1;
	}
	if (what == STOP || what == RESTART)
		vm.stopped = what == STOP;
	if (what == COUNT)
		lua_pushnumber(L, (lua_Number)vm.used / 1024);
	else if (what == STEP)
		lua_pushboolean(L, slice(L, kib, false));
	else if (what == IS_RUNNING)
		lua_pushboolean(L, !vm.stopped);
	else if (what == INCREMENTAL || what == GENERATIONAL)
		lua_pushliteral(L, "incremental");
	else
		lua_pushinteger(L, what == COLLECT && !slice(L, 0, true));
	return 1;
}

/* ---- interpreter ---------------------------------------------------------------------------- */

static const char names;                /* registry: function -> id of its name, by weak keys */

/* How deep a coroutine is. Lua gives each a word, at first a copy of main's, which stays 0. */
static uint64_t *depth_of(lua_State *L)
{
	return L == vm.main ? &vm.depth : (uint64_t *)lua_getextraspace(L);
}

static void set_depth(lua_State *L, uint64_t depth)
{
	vm.running = L;
	*depth_of(L) = depth;
	vt_depth(depth);
}

/* The function is on top of the stack. Its first call names it, else the place of its text. */
static uint64_t name_of(lua_State *L, lua_Debug *ar)
{
	char place[LUA_IDSIZE + 16];

	lua_rawgetp(L, LUA_REGISTRYINDEX, &names);
	lua_pushvalue(L, -2);
	lua_rawget(L, -2);
	uint64_t id = (uint64_t)lua_tointeger(L, -1);
	if (id == 0) {
		lua_getinfo(L, "nS", ar);
		snprintf(place, sizeof(place), "%s:%d", ar->short_src, ar->linedefined);
		id = vt_string(ar->name ? ar->name : *ar->what == 'L' ? place : ar->what);
		lua_pushvalue(L, -3);
		lua_pushinteger(L, (lua_Integer)id);
		lua_rawset(L, -4);
	}
	lua_pop(L, 2);
	return id;
}

/* The function is on top of the stack. */
static void on_call(lua_State *L, lua_Debug *ar)
{
	if (lua_iscfunction(L, -1)) {
		vt_builtin(name_of(L, ar));
	} else if (ar->event == LUA_HOOKTAILCALL) {
		vt_tail_call(name_of(L, ar));
	} else {
		++*depth_of(L);
		vt_call(name_of(L, ar));
	}
}

static void on_return(lua_State *L)
{
	if (lua_iscfunction(L, -1)) {
		vt_builtin_return();
		return;
	}
	*depth_of(L) -= *depth_of(L) > 0;       /* 0: it was called before the hook was set */
	vt_return();
}

static void hook(lua_State *L, lua_Debug *ar);

/* New coroutines inherit the hook; those that are there follow at their next look. */
static void look(lua_State *L)
{
	int mask = LUA_MASKCOUNT;

	if (VT_WANTED(interp)) {
		mask |= LUA_MASKCALL | LUA_MASKRET;
		vt_interp_attach();
	}
	if (lua_gethookmask(L) != mask)
		lua_sethook(L, hook, mask, EVERY);
}

static void hook(lua_State *L, lua_Debug *ar)
{
	if (ar->event == LUA_HOOKCOUNT) {
		look(L);
		vt_gc_heap(vm.used, 0);
		if (vm.used >= vm.due && !vm.stopped && !vm.collecting)
			slice(L, 0, false);
		return;
	}
	if (L != vm.running)            /* a coroutine was resumed, yielded, ended or failed */
		set_depth(L, *depth_of(L));
	lua_getinfo(L, "f", ar);
	if (ar->event == LUA_HOOKRET)
		on_return(L);
	else
		on_call(L, ar);
	lua_pop(L, 1);
}

/* Where an error lands: the calls that it left do not return, so the depth here is told. */
static int landed(lua_State *L, int status, lua_KContext depth)
{
	int handler = lua_toboolean(L, lua_upvalueindex(1));

	if (status != LUA_OK && status != LUA_YIELD) {
		set_depth(L, (uint64_t)depth);
		lua_pushboolean(L, false);
		lua_replace(L, handler + 1);
	}
	return lua_gettop(L) - handler;
}

/* pcall, or xpcall when the upvalue is true, as Lua's but for landed(). */
static int protected_call(lua_State *L)
{
	int handler = lua_toboolean(L, lua_upvalueindex(1));
	lua_KContext depth = (lua_KContext)*depth_of(L);

	luaL_checkany(L, 1);
	if (handler) {
		luaL_checktype(L, 2, LUA_TFUNCTION);
		lua_pushvalue(L, 1);
		lua_copy(L, 2, 1);
		lua_replace(L, 2);      /* the handler below the function */
	}
	lua_pushboolean(L, true);       /* the first result */
	lua_insert(L, handler + 1);
	int status = lua_pcallk(L, lua_gettop(L) - handler - 2, LUA_MULTRET, handler, depth, landed);
	return landed(L, status, depth);
}

/* ---- for lua.c ------------------------------------------------------------------------------ */

void trace_open(lua_State *L)
{
	lua_gc(L, LUA_GCSTOP);
	lua_register(L, "collectgarbage", collect_garbage);
	for (int handler = 0; handler <= 1; handler++) {
		lua_pushboolean(L, handler);
		lua_pushcclosure(L, protected_call, 1);
		lua_setglobal(L, handler ? "xpcall" : "pcall");
	}
	lua_newtable(L);
	lua_newtable(L);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &names);
}

void trace_begin(lua_State *L)
{
	vm.main = vm.running = L;
	*(uint64_t *)lua_getextraspace(L) = 0;
	vm.due = 2 * vm.used;
	vt_gc_attach();
	vt_gc_heap(vm.used, 0);
	look(L);
}

void trace_end(lua_State *L)
{
	lua_sethook(L, NULL, 0, 0);
	vt_gc_heap(vm.used, 0);
}
