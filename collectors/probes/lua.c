/*
 * lua.c - Lua 5.4, of unmodified programs: its calls, returns, tail calls, errors and coroutines, by a hook.
 *
 * Only when category interp is wanted as the process starts; else nothing is hooked. Two ways in:
 *
 *   liblua5.4 as a library   we stand before lua_newstate, lua_newthread and the hook functions
 *   the program lua5.4       its own calls cannot be stood before: LUA_INIT loads us as a C module
 *
 * The program's own hook goes on: ours calls it, and lua_gethook and debug.gethook tell of it alone.
 * Nothing of Lua is linked; what is used of it stands below, as in lua.h of 5.4.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/interp.h>

#include "collectors/probes/probe.h"
#include "core/process.h"

typedef struct lua_State lua_State;
struct lua_Debug {
	int event;
	const char *name, *namewhat, *what, *source;
	size_t source_length;
	int currentline, linedefined, lastlinedefined;
	unsigned char upvalues, parameters;
	char is_vararg, is_tail_call;
	unsigned short first_transferred, transferred;
	char short_src[60];
	const void *frame;              /* private to Lua: here only which frame it is */
};
typedef void lua_Hook(lua_State *L, struct lua_Debug *ar);
typedef int lua_CFunction(lua_State *L);
typedef void *lua_Alloc(void *user, void *block, size_t old, size_t size);

enum { HOOK_CALL, HOOK_RETURN, HOOK_LINE, HOOK_COUNT, HOOK_TAIL_CALL };
enum { MASK_CALL = 1, MASK_RETURN = 2, MASK_LINE = 4, MASK_COUNT = 8 };

/* Of the Lua that the process has. */
static struct lua {
	lua_State *(*newstate)(lua_Alloc *, void *);
	lua_State *(*luaL_newstate)(void);
	lua_State *(*newthread)(lua_State *);
	void (*sethook)(lua_State *, lua_Hook *, int mask, int count);
	lua_Hook *(*gethook)(lua_State *);
	int (*gethookmask)(lua_State *), (*gethookcount)(lua_State *);
	int (*getinfo)(lua_State *, const char *, struct lua_Debug *);
	int (*getstack)(lua_State *, int, struct lua_Debug *);
	int (*gettop)(lua_State *);
	void (*settop)(lua_State *, int);
	lua_CFunction *(*tocfunction)(lua_State *, int);
	lua_State *(*tothread)(lua_State *, int);
	int (*getglobal)(lua_State *, const char *), (*getfield)(lua_State *, int, const char *);
	void (*setfield)(lua_State *, int, const char *);
	void (*pushcclosure)(lua_State *, lua_CFunction *, int);
	int (*type)(lua_State *, int), (*rawget)(lua_State *, int), (*pushthread)(lua_State *);
	int (*checkstack)(lua_State *, int);
	void (*xmove)(lua_State *, lua_State *, int), (*rotate)(lua_State *, int, int), (*pushnil)(lua_State *);
	const char *(*pushstring)(lua_State *, const char *);
	void (*pushinteger)(lua_State *, long long);
} lua;

static const struct { const char *name; size_t offset; } functions[] = {
#define ROW(member, name) { name, offsetof(struct lua, member) }
	ROW(newstate, "lua_newstate"), ROW(luaL_newstate, "luaL_newstate"), ROW(newthread, "lua_newthread"),
	ROW(sethook, "lua_sethook"), ROW(gethook, "lua_gethook"), ROW(gethookmask, "lua_gethookmask"),
	ROW(gethookcount, "lua_gethookcount"), ROW(getinfo, "lua_getinfo"), ROW(getstack, "lua_getstack"),
	ROW(gettop, "lua_gettop"), ROW(settop, "lua_settop"), ROW(tocfunction, "lua_tocfunction"),
	ROW(tothread, "lua_tothread"), ROW(getglobal, "lua_getglobal"), ROW(getfield, "lua_getfield"),
	ROW(setfield, "lua_setfield"), ROW(pushcclosure, "lua_pushcclosure"), ROW(type, "lua_type"),
	ROW(rawget, "lua_rawget"), ROW(pushthread, "lua_pushthread"), ROW(checkstack, "lua_checkstack"),
	ROW(xmove, "lua_xmove"), ROW(rotate, "lua_rotate"), ROW(pushnil, "lua_pushnil"),
	ROW(pushstring, "lua_pushstring"), ROW(pushinteger, "lua_pushinteger"),
#undef ROW
};

static bool wanted;                     /* category interp, when the process started */

/* ---- coroutines ---------------------------------------------------------------------------------- */

enum { MOST_FRAMES = 1 << 20, MOST_COROUTINES = 1 << 16, BUILTIN = 1 };

/* One lua_State: the frames that are open, as far as we saw them begin, and the program's own hook. */
struct coroutine {
	lua_State *L;
	uint64_t number, mark;          /* for vt_coroutine */
	uintptr_t *frames;              /* address of the frame, and BUILTIN; entries above `depth` are stale */
	uint32_t depth, capacity;
	uint32_t beyond;                /* frames that did not fit */
	lua_Hook *hook;
	int mask, count;
};

/* Found by L: open addressing. Never shrinks: a dead coroutine's address comes again. */
static struct {
	struct coroutine **slots;
	size_t size, used;
	uint64_t numbers;
	char lock;
} all;

/* Of the thread: whom it runs. */
static VT_THREAD_LOCAL struct coroutine *running __attribute__((tls_model("initial-exec")));
static VT_THREAD_LOCAL bool ran __attribute__((tls_model("initial-exec")));

/* Held for a few loads. A child of fork may find it taken for ever: then it goes on without. */
static bool lock(void)
{
	for (int i = 0; __atomic_test_and_set(&all.lock, __ATOMIC_ACQUIRE); i++) {
		if (i == 10000)
			return false;
		sched_yield();
	}
	return true;
}

static void unlock(void)
{
	__atomic_clear(&all.lock, __ATOMIC_RELEASE);
}

static size_t slot_of(struct coroutine *const *slots, size_t size, const lua_State *L)
{
	size_t at = ((uintptr_t)L * 0x9e3779b97f4a7c15u) >> 32 & (size - 1);

	while (slots[at] && slots[at]->L != L)
		at = (at + 1) & (size - 1);
	return at;
}

static bool widen(void)
{
	size_t size = all.size ? 2 * all.size : 64;
	struct coroutine **slots = calloc(size, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < all.size; i++)
		if (all.slots[i])
			slots[slot_of(slots, size, all.slots[i]->L)] = all.slots[i];
	free(all.slots);
	all.slots = slots;
	all.size = size;
	return true;
}

static struct coroutine *find_or_add(lua_State *L, bool add)
{
	if (2 * (all.used + 1) > all.size && !widen())
		return NULL;
	size_t at = slot_of(all.slots, all.size, L);
	if (all.slots[at] || !add || all.used == MOST_COROUTINES)
		return all.slots[at];
	struct coroutine *c = calloc(1, sizeof(*c));
	if (c) {
		c->L = L;
		c->number = UINT64_MAX;
		all.slots[at] = c;
		all.used++;
	}
	return c;
}

/* NULL: none, or no memory. */
static struct coroutine *coroutine_of(lua_State *L, bool add)
{
	if (running && running->L == L)
		return running;
	if (!lock())
		return NULL;
	struct coroutine *c = find_or_add(L, add);
	unlock();
	return c;
}

/* The thread goes on with c. The first that a thread runs is its number 0. */
static void go_on(struct coroutine *c)
{
	if (c == running)
		return;
	if (c->number == UINT64_MAX)
		c->number = ran ? __atomic_add_fetch(&all.numbers, 1, __ATOMIC_RELAXED) : 0;
	if (ran || c->number != 0) {
		uint64_t mark = vt_coroutine(c->number, c->mark);
		if (running)
			running->mark = mark;
	}
	ran = true;
	running = c;
}

/* ---- frames -------------------------------------------------------------------------------------- */

/* Frames above `depth` were left by an error. */
static void leave(struct coroutine *c, uint32_t depth)
{
	uint64_t mark = vt_mark();

	mark -= c->beyond * ((1ull << 32) + 1);
	c->beyond = 0;
	while (c->depth > depth) {
		bool builtin = c->frames[--c->depth] & BUILTIN;
		mark -= builtin ? 1 : (1ull << 32) + 1;
	}
	vt_unwind(mark);
}

/* The innermost frame at this address, or -1. */
static int64_t find_frame(const struct coroutine *c, const void *frame)
{
	for (uint32_t i = c->depth; i-- > 0;)
		if ((c->frames[i] & ~(uintptr_t)BUILTIN) == (uintptr_t)frame)
			return i;
	return -1;
}

/*
 * A call says who calls: what is above the caller was left by an error. Lua uses the frame at one depth
 * again, so that a frame which was here before needs no question.
 */
static VT_COLD void ask_caller(struct coroutine *c, lua_State *L)
{
	struct lua_Debug caller;

	if (c->beyond > 0)
		return;
	int64_t at = lua.getstack(L, 1, &caller) ? find_frame(c, caller.frame) : -1;
	if (at + 1 < c->depth)
		leave(c, (uint32_t)(at + 1));
}

static inline void check_caller(struct coroutine *c, lua_State *L, const void *frame)
{
	if (vt_unlikely(c->depth >= c->capacity) ||
	    vt_unlikely((c->frames[c->depth] & ~(uintptr_t)BUILTIN) != (uintptr_t)frame))
		ask_caller(c, L);
}

static VT_COLD void push_slowly(struct coroutine *c, uintptr_t frame)
{
	if (c->beyond == 0 && c->capacity < MOST_FRAMES) {
		int saved = errno;
		uint32_t capacity = c->capacity ? 2 * c->capacity : 16;
		uintptr_t *frames = realloc(c->frames, capacity * sizeof(*frames));
		if (frames) {
			memset(frames + c->capacity, 0, (capacity - c->capacity) * sizeof(*frames));
			c->frames = frames;
			c->capacity = capacity;
		}
		errno = saved;
	}
	if (c->depth == c->capacity)
		c->beyond++;
	else
		c->frames[c->depth++] = frame;
}

static inline void push(struct coroutine *c, const void *frame, bool builtin)
{
	uintptr_t entry = (uintptr_t)frame | (builtin ? BUILTIN : 0);

	if (vt_likely(c->depth < c->capacity))
		c->frames[c->depth++] = entry;
	else
		push_slowly(c, entry);
}

/* ---- names --------------------------------------------------------------------------------------- */

/*
 * What a function is known by. A C function: its address. Another: in `lines` where its text begins and
 * ends, and in `where` its prototype, or its source, whose address may come again for another text: then
 * some of that is in `lines`.
 */
struct key {
	uintptr_t where;
	uint64_t lines;
	bool builtin;
};

struct name { uintptr_t where; uint64_t lines, id; };

enum { NAMES = 4096 };
static VT_THREAD_LOCAL struct name *names __attribute__((tls_model("initial-exec")));

/*
 * Asking Lua (key_by_lua) takes longer than all else that a call costs, so it is asked once for each
 * function, and then the memory of a frame is looked into: a CallInfo begins with its function's place on
 * the stack, a closure has its prototype or C function behind three words. That is no promise of Lua's:
 * each new key is checked against Lua's answers, and at the first difference it is asked each time.
 */
static bool may_look = true;
enum { TAG_LUA = 0x46, TAG_C = 0x16, TAG_C_CLOSURE = 0x66, CLOSURE_TARGET = 24, PROTOTYPE_LINES = 44 };

static inline bool key_by_look(struct key *key, const struct lua_Debug *ar)
{
	const char *slot = *(const char *const *)ar->frame, *target;
	uint64_t lines = 0;

	if (vt_unlikely(!may_look))
		return false;
	unsigned tag = *(const unsigned char *)(slot + 8);
	memcpy(&target, slot, sizeof(target));
	if (tag == TAG_LUA || tag == TAG_C_CLOSURE)
		memcpy(&target, target + CLOSURE_TARGET, sizeof(target));
	if (tag == TAG_LUA)
		memcpy(&lines, target + PROTOTYPE_LINES, sizeof(lines));
	else if (vt_unlikely(tag != TAG_C && tag != TAG_C_CLOSURE))
		return false;
	*key = (struct key){ (uintptr_t)target, lines, tag != TAG_LUA };
	return true;
}

static lua_CFunction *function_on_top(lua_State *L, struct lua_Debug *ar)
{
	lua.getinfo(L, "f", ar);
	lua_CFunction *function = lua.tocfunction(L, -1);
	lua.settop(L, -2);
	return function;
}

static VT_COLD struct key key_by_lua(lua_State *L, struct lua_Debug *ar)
{
	uint64_t head = 0, tail = 0;

	lua.getinfo(L, "S", ar);
	if (*ar->what == 'C')
		return (struct key){ (uintptr_t)function_on_top(L, ar), 0, true };
	if (ar->source_length >= 8) {
		memcpy(&head, ar->source, 8);
		memcpy(&tail, ar->source + ar->source_length - 8, 8);
	}
	uint64_t lines = (uint64_t)(unsigned)ar->lastlinedefined << 32 | (unsigned)ar->linedefined;
	return (struct key){ (uintptr_t)ar->source, lines + (head * 31 + tail) * 31, false };
}

/* What was looked up is what Lua says. */
static bool is_right(lua_State *L, struct lua_Debug *ar, const struct key *key)
{
	lua.getinfo(L, "S", ar);
	if (key->builtin)
		return *ar->what == 'C' && (uintptr_t)function_on_top(L, ar) == key->where;
	return *ar->what != 'C' && key->lines == ((uint64_t)(unsigned)ar->lastlinedefined << 32 |
	                                          (unsigned)ar->linedefined);
}

/* As it is first called, and its line; the file is a path, which is nobody's business. */
static uint64_t make_name(lua_State *L, struct lua_Debug *ar)
{
	char text[128];

	lua.getinfo(L, "nS", ar);
	const char *name = ar->name && *ar->name ? ar->name : NULL;
	if (*ar->what == 'C')
		snprintf(text, sizeof(text), "%.100s", name ? name : "(C function)");
	else if (*ar->what == 'm')
		snprintf(text, sizeof(text), "(main chunk)");
	else
		snprintf(text, sizeof(text), "%.100s:%d", name ? name : "function", ar->linedefined);
	return vt_string(text);
}

static VT_COLD uint64_t new_name(lua_State *L, struct lua_Debug *ar, struct name *n, struct key *key)
{
	int saved = errno;

	if (may_look && !is_right(L, ar, key)) {
		may_look = false;
		*key = key_by_lua(L, ar);
	}
	*n = (struct name){ key->where, key->lines, make_name(L, ar) };
	errno = saved;
	return n->id;
}

static inline uint64_t name_of(lua_State *L, struct lua_Debug *ar, struct key *key)
{
	if (vt_unlikely(!key_by_look(key, ar)))
		*key = key_by_lua(L, ar);
	if (vt_unlikely(!names) && !(names = calloc(NAMES, sizeof(*names))))
		return 0;
	struct name *n = &names[(key->where + key->lines * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu >> 52];
	if (vt_likely(n->where == key->where && n->lines == key->lines))
		return n->id;
	return new_name(L, ar, n, key);
}

/* ---- the hook ------------------------------------------------------------------------------------ */

static inline void on_call(struct coroutine *c, lua_State *L, struct lua_Debug *ar)
{
	struct key key;

	if (ar->event == HOOK_TAIL_CALL) {
		int64_t at = find_frame(c, ar->frame);
		if (at >= 0 && at + 1 < c->depth)
			leave(c, (uint32_t)(at + 1));
		vt_tail_call(name_of(L, ar, &key));
		return;
	}
	check_caller(c, L, ar->frame);
	uint64_t name = name_of(L, ar, &key);
	if (key.builtin)
		vt_builtin(name);
	else
		vt_call(name);
	push(c, ar->frame, key.builtin);
}

static inline void on_return(struct coroutine *c, const void *frame)
{
	if (c->beyond > 0) {
		c->beyond--;
		vt_return();            /* which kind it was is not kept: so deep it is a function */
		return;
	}
	int64_t at = c->depth > 0 && (c->frames[c->depth - 1] & ~(uintptr_t)BUILTIN) == (uintptr_t)frame
	             ? c->depth - 1 : find_frame(c, frame);
	if (at < 0)
		return;                 /* it was called before the hook was set */
	if (at + 1 < c->depth)
		leave(c, (uint32_t)(at + 1));
	if (c->frames[--c->depth] & BUILTIN)
		vt_builtin_return();
	else
		vt_return();
}

static VT_COLD struct coroutine *find_coroutine(lua_State *L)
{
	int saved = errno;
	struct coroutine *c = coroutine_of(L, true);

	errno = saved;
	return c;
}

static void hook(lua_State *L, struct lua_Debug *ar)
{
	static const int masks[] = { [HOOK_CALL] = MASK_CALL, [HOOK_RETURN] = MASK_RETURN,
	                             [HOOK_LINE] = MASK_LINE, [HOOK_COUNT] = MASK_COUNT,
	                             [HOOK_TAIL_CALL] = MASK_CALL };
	struct coroutine *c = running;

	if (vt_unlikely(!c || c->L != L) && !(c = find_coroutine(L)))
		return;
	if (ar->event != HOOK_LINE && ar->event != HOOK_COUNT) {
		go_on(c);
		if (ar->event == HOOK_RETURN)
			on_return(c, ar->frame);
		else
			on_call(c, L, ar);
	}
	/* Last: it may yield, or throw. */
	if (vt_unlikely(c->hook != NULL) && (c->mask & masks[ar->event]))
		c->hook(L, ar);
}

static void set_hook(struct coroutine *c)
{
	lua.sethook(c->L, hook, MASK_CALL | MASK_RETURN | (c->hook ? c->mask : 0), c->hook ? c->count : 0);
}

/* From now on the program's hook of L is this, and ours calls it. */
static void chain(struct coroutine *c, lua_Hook *theirs, int mask, int count)
{
	c->hook = mask ? theirs : NULL;
	c->mask = c->hook ? mask : 0;
	c->count = count;
	set_hook(c);
}

/* A new lua_State: what an older one at this address was is over. */
static void watch(lua_State *L, const struct coroutine *parent)
{
	struct coroutine *c = coroutine_of(L, true);

	if (!c)
		return;
	if (c != running) {
		c->depth = c->beyond = 0;
		c->mark = 0;
		c->number = UINT64_MAX;
	}
	if (parent)
		chain(c, parent->hook, parent->mask, parent->count);
	else
		chain(c, NULL, 0, 0);
}

/* ---- Lua as a library ---------------------------------------------------------------------------- */

static bool is_5_4(void *handle, char *what, size_t size)
{
	const char *ident = dlsym(handle, "lua_ident");
	char version[16];

	if (!ident || sscanf(ident, "$LuaVersion: Lua %15[0-9.]", version) != 1 || strncmp(version, "5.4", 3))
		return false;
	if (what)
		snprintf(what, size, "lua %s", version);
	return true;
}

static bool find_functions(void *handle)
{
	struct lua found;

	for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(handle, functions[i].name);
		if (!function)
			return false;
		memcpy((char *)&found + functions[i].offset, &function, sizeof(function));
	}
	lua = found;
	return true;
}

/*
 * The function of this name that `caller` would have had without us: behind us, or, where a library was
 * loaded for itself alone, in what the caller's library depends on.
 */
static void *real_function(const char *name, const void *caller)
{
	void *function = dlvsym(RTLD_NEXT, name, "LUA_5.4");
	Dl_info info;

	if (!function)
		function = dlsym(RTLD_NEXT, name);
	if (function || !dladdr(caller, &info) || !info.dli_fname)
		return function;
	void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return NULL;
	function = dlsym(handle, name);
	dlclose(handle);
	return function;
}

/* What is to be called instead of ours: looked up once. */
#define REAL(pointer, name) do { \
	if (vt_unlikely(!vt_load_relaxed(&(pointer)))) { \
		void *found_ = real_function(name, __builtin_return_address(0)); \
		__typeof__(pointer) function_; \
		memcpy(&function_, &found_, sizeof(found_)); \
		vt_store_relaxed(&(pointer), function_); \
	} \
} while (0)

static void attach_interpreter(void)
{
	vt_interp_attach_with(VT_INTERP_CALLS | VT_INTERP_BUILTINS | VT_INTERP_DEPTH | VT_INTERP_TAIL_CALLS);
}

/* A host that joined the recording reports itself: two reports would count twice. */
static bool shall_watch(void)
{
	return wanted && !vt_process.joined && vt_process_recording();
}

/* The library that this function is in, if it is a Lua 5.4 with all we need. */
static bool know_library_of(const void *function, char *what, size_t size)
{
	Dl_info info;

	if (!dladdr(function, &info) || !info.dli_fname)
		return false;
	void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	bool known = handle && is_5_4(handle, what, size) && find_functions(handle);
	if (handle)
		dlclose(handle);
	return known;
}

static __typeof__(lua.newstate) real_newstate;
static __typeof__(lua.newthread) real_newthread;
static __typeof__(lua.sethook) real_sethook;
static __typeof__(lua.gethook) real_gethook;
static __typeof__(lua.gethookmask) real_gethookmask;
static __typeof__(lua.gethookcount) real_gethookcount;

/*
 * Static, and exported under their names by an alias: in a program that has a Lua of its own the names
 * mean that one.
 */
static lua_State *our_newstate(lua_Alloc *allocate, void *user)
{
	const void *real;

	REAL(real_newstate, "lua_newstate");
	lua_State *L = real_newstate ? real_newstate(allocate, user) : NULL;
	int saved = errno;
	memcpy(&real, &real_newstate, sizeof(real));
	if (L && shall_watch() && (lua.newstate || know_library_of(real, NULL, 0))) {
		attach_interpreter();
		watch(L, NULL);
	}
	errno = saved;
	return L;
}

static lua_State *our_newthread(lua_State *L)
{
	REAL(real_newthread, "lua_newthread");
	lua_State *new = real_newthread(L);
	struct coroutine *parent = wanted ? coroutine_of(L, false) : NULL;
	if (parent)
		watch(new, parent);
	return new;
}

static void our_sethook(lua_State *L, lua_Hook *theirs, int mask, int count)
{
	struct coroutine *c = wanted ? coroutine_of(L, false) : NULL;

	REAL(real_sethook, "lua_sethook");
	if (c)
		chain(c, theirs, mask, count);
	else
		real_sethook(L, theirs, mask, count);
}

static lua_Hook *our_gethook(lua_State *L)
{
	struct coroutine *c = wanted ? coroutine_of(L, false) : NULL;

	REAL(real_gethook, "lua_gethook");
	return c ? c->hook : real_gethook(L);
}

static int our_gethookmask(lua_State *L)
{
	struct coroutine *c = wanted ? coroutine_of(L, false) : NULL;

	REAL(real_gethookmask, "lua_gethookmask");
	return c ? c->mask : real_gethookmask(L);
}

static int our_gethookcount(lua_State *L)
{
	struct coroutine *c = wanted ? coroutine_of(L, false) : NULL;

	REAL(real_gethookcount, "lua_gethookcount");
	return c ? c->count : real_gethookcount(L);
}

#define EXPORTED(name) VT_API __attribute__((alias(#name)))
EXPORTED(our_newstate) lua_State *lua_newstate(lua_Alloc *allocate, void *user);
EXPORTED(our_newthread) lua_State *lua_newthread(lua_State *L);
EXPORTED(our_sethook) void lua_sethook(lua_State *L, lua_Hook *theirs, int mask, int count);
EXPORTED(our_gethook) lua_Hook *lua_gethook(lua_State *L);
EXPORTED(our_gethookmask) int lua_gethookmask(lua_State *L);
EXPORTED(our_gethookcount) int lua_gethookcount(lua_State *L);

/* ---- the program lua5.4 -------------------------------------------------------------------------- */

enum { LUA_TABLE = 5, LUA_THREAD = 8, LUA_REGISTRY = -1001000 };

static struct {
	const char *variable;           /* that carries us */
	char *before;                   /* what it was; NULL: it was not there */
	lua_CFunction *sethook;         /* of its library debug */
	lua_Hook *hook;                 /* that sets, which calls a Lua function */
} program;

static lua_State *first_thread(lua_State *L)
{
	return lua.type(L, 1) == LUA_THREAD ? lua.tothread(L, 1) : L;
}

/* Calls Lua's own, in this frame, so that its errors name the caller's function. */
static int debug_sethook(lua_State *L)
{
	lua_State *of = first_thread(L);
	int results = program.sethook(L);
	struct coroutine *c = coroutine_of(of, true);

	if (!c)
		return results;
	if (lua.gethook(of))
		program.hook = lua.gethook(of);
	chain(c, lua.gethook(of), lua.gethookmask(of), lua.gethookcount(of));
	return results;
}

/* The function that the program set for a thread: the library keeps it in the registry. */
static void push_hook_function(lua_State *L, lua_State *of)
{
	if (lua.getfield(L, LUA_REGISTRY, "_HOOKKEY") != LUA_TABLE || !lua.checkstack(of, 1))
		return;
	lua.pushthread(of);
	lua.xmove(of, L, 1);
	lua.rawget(L, -2);
	lua.rotate(L, -2, 1);
	lua.settop(L, -2);
}

/* As Lua's own would answer without us. It cannot be asked: to change the hook begins its count anew. */
static int debug_gethook(lua_State *L)
{
	lua_State *of = first_thread(L);
	struct coroutine *c = coroutine_of(of, false);
	char mask[4] = "";

	if (!c || !c->hook) {
		lua.pushnil(L);
		return 1;
	}
	if (c->hook == program.hook)
		push_hook_function(L, of);
	else
		lua.pushstring(L, "external hook");
	strcat(mask, c->mask & MASK_CALL ? "c" : "");
	strcat(mask, c->mask & MASK_RETURN ? "r" : "");
	strcat(mask, c->mask & MASK_LINE ? "l" : "");
	lua.pushstring(L, mask);
	lua.pushinteger(L, c->count);
	return 3;
}

static lua_CFunction *replace_in_debug(lua_State *L, const char *name, lua_CFunction *ours)
{
	lua.getfield(L, -1, name);
	lua_CFunction *theirs = lua.tocfunction(L, -1);
	lua.settop(L, -2);
	if (!theirs || theirs == ours)
		return NULL;
	lua.pushcclosure(L, ours, 0);
	lua.setfield(L, -2, name);
	return theirs;
}

/* From LUA_INIT: by now the variable has done its work. */
VT_API int luaopen_valktrace_agent(lua_State *L);
int luaopen_valktrace_agent(lua_State *L)
{
	if (!program.variable)
		return 0;
	if (program.before)
		setenv(program.variable, program.before, 1);
	else
		unsetenv(program.variable);
	free(program.before);
	program.variable = NULL;
	if (!shall_watch())
		return 0;
	if (lua.getglobal(L, "debug") == LUA_TABLE) {
		program.sethook = replace_in_debug(L, "sethook", debug_sethook);
		replace_in_debug(L, "gethook", debug_gethook);
	}
	lua.settop(L, -2);
	attach_interpreter();
	watch(L, NULL);
	return 0;
}

/* The arguments of this process, "-E" among Lua's own: it reads no environment then. */
static bool ignores_environment(void)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/self/cmdline", "re");
	size_t n = f ? fread(line, 1, sizeof(line) - 1, f) : 0;

	if (f)
		fclose(f);
	for (size_t at = strlen(line) + 1; at < n && line[at] == '-' && line[at + 1]; at += strlen(line + at) + 1) {
		if (!strcmp(line + at, "-E"))
			return true;
		if (!strcmp(line + at, "--"))
			return false;
		if (!strcmp(line + at, "-e") || !strcmp(line + at, "-l"))
			at += strlen(line + at) + 1;
	}
	return false;
}

/* Code of one line before the user's, whose own lines keep their numbers; a file is run by name. */
static char *init_code(const char *user)
{
	Dl_info info;
	char *code = NULL;
	bool is_file = user && *user == '@';

	if (!dladdr((const void *)&program, &info) || !info.dli_fname || strstr(info.dli_fname, "]==]") ||
	    strchr(info.dli_fname, '\n') || (user && (*user == '\033' || strstr(user, "]==]"))))
		return NULL;
	if (asprintf(&code, "pcall(package.loadlib([==[%s]==],'luaopen_valktrace_agent'));%s%s%s", info.dli_fname,
	             is_file ? "dofile[==[" : "", user ? user + is_file : "", is_file ? "]==]" : "") < 0)
		return NULL;
	return code;
}

static bool enter_by_init(void)
{
	const char *user = getenv("LUA_INIT_5_4");

	program.variable = user || !(user = getenv("LUA_INIT")) ? "LUA_INIT_5_4" : "LUA_INIT";
	program.before = user ? strdup(user) : NULL;
	char *code = init_code(user);
	if (!code || (user && !program.before) || setenv(program.variable, code, 1) < 0)
		program.variable = NULL;
	free(code);
	return program.variable != NULL;
}

static bool is_program_lua(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return false;
	path[n] = 0;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	return !strcmp(name, "lua") || !strcmp(name, "lua5.4") || !strcmp(name, "lua54");
}

/* ---- the probe ----------------------------------------------------------------------------------- */

static bool attach_program(char *what, size_t size)
{
	if (!is_5_4(RTLD_DEFAULT, what, size))
		return false;
	if (!wanted) {
		vt_source_say(VT_SRC_interp, false, "Lua: its calls are recorded with --category interp");
		return true;
	}
	if (!is_program_lua() || ignores_environment() || !find_functions(RTLD_DEFAULT) || !enter_by_init())
		vt_source_say(VT_SRC_interp, false, "Lua: a program without LUA_INIT, which loads the probe");
	return true;
}

static bool attach(char *what, size_t size)
{
	void *found = dlsym(RTLD_DEFAULT, "lua_newstate"), *ours = NULL;
	lua_State *(*function)(lua_Alloc *, void *) = our_newstate;

	wanted = vt_load_relaxed(&vt_process.file->wanted_mask) >> VT_CAT_interp & 1;
	memcpy(&ours, &function, sizeof(ours));
	if (found && found != ours)
		return attach_program(what, size);
	found = dlsym(RTLD_NEXT, "lua_newstate");
	if (!found || !know_library_of(found, what, size))
		return false;
	if (!wanted)
		vt_source_say(VT_SRC_interp, false, "Lua: its calls are recorded with --category interp");
	return true;
}

const struct vt_probe vt_probe_lua = { .name = "lua", .source = VT_SRC_interp, .attach = attach };
