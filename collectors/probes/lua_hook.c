/*
 * lua_hook.c - follows the calls, returns, tail calls, errors and coroutines of a Lua 5.4 by its hook.
 *
 * Lua tells nothing of calls that an error leaves, and nothing of a switch of coroutines. So the frames
 * that are open are kept: a return from, or a call by, one that is not the innermost has left the others.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/interp.h>

#include "collectors/probes/lua.h"

struct lua vt_lua;

/* ---- coroutines ---------------------------------------------------------------------------------- */

enum { MOST_FRAMES = 1 << 20, MOST_COROUTINES = 1 << 16, NAMES = 4096, BUILTIN = 1 };

/* What a function is called, by what it is known by: see struct key. */
struct vt_lua_name { uintptr_t where; uint64_t lines, id; };

/* Found by L: open addressing. Never shrinks: a dead coroutine's address comes again. */
static struct {
	struct vt_lua_coroutine **slots;
	size_t size, used;
	uint64_t numbers;
	char lock;
} all;

static uintptr_t no_frames[2];          /* the two zeros, and nothing between them */

/* Of the thread: whom it runs, and the names of functions that it has met. */
static struct vt_lua_coroutine nobody;
static VT_THREAD_LOCAL struct vt_lua_coroutine *running __attribute__((tls_model("initial-exec"))) = &nobody;
static VT_THREAD_LOCAL struct vt_lua_name *names __attribute__((tls_model("initial-exec")));
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

static size_t slot_of(struct vt_lua_coroutine *const *slots, size_t size, const lua_State *L)
{
	size_t at = ((uintptr_t)L * 0x9e3779b97f4a7c15u) >> 32 & (size - 1);

	while (slots[at] && slots[at]->L != L)
		at = (at + 1) & (size - 1);
	return at;
}

static bool widen(void)
{
	size_t size = all.size ? 2 * all.size : 64;
	struct vt_lua_coroutine **slots = calloc(size, sizeof(*slots));

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

static struct vt_lua_coroutine *find_or_add(lua_State *L, bool add)
{
	if (2 * (all.used + 1) > all.size && !widen())
		return NULL;
	size_t at = slot_of(all.slots, all.size, L);
	if (all.slots[at] || !add || all.used == MOST_COROUTINES)
		return all.slots[at];
	struct vt_lua_coroutine *c = calloc(1, sizeof(*c));
	if (c) {
		c->L = L;
		c->number = UINT64_MAX;
		c->frames = c->top = no_frames + 1;
		all.slots[at] = c;
		all.used++;
	}
	return c;
}

struct vt_lua_coroutine *vt_lua_coroutine(lua_State *L, bool add)
{
	if (running->L == L)
		return running;
	if (!lock())
		return NULL;
	struct vt_lua_coroutine *c = find_or_add(L, add);
	unlock();
	return c;
}

static struct vt_lua_name no_names[NAMES];      /* stays empty: for a thread that has no memory */

/* The thread goes on with c. The first that a thread runs is its number 0. */
static void go_on(struct vt_lua_coroutine *c)
{
	if (c == running)
		return;
	if (!names)
		names = calloc(NAMES, sizeof(*names));
	c->names = names ? names : no_names;
	if (c->number == UINT64_MAX)
		c->number = ran ? __atomic_add_fetch(&all.numbers, 1, __ATOMIC_RELAXED) : 0;
	if (ran || c->number != 0) {
		uint64_t mark = vt_coroutine(c->number, c->mark);
		if (running != &nobody)
			running->mark = mark;
	}
	ran = true;
	running = c;
}

/* ---- frames -------------------------------------------------------------------------------------- */

static uint32_t depth_of(const struct vt_lua_coroutine *c)
{
	return (uint32_t)(c->top - c->frames);
}

/* Frames above `depth` were left by an error. */
static void leave(struct vt_lua_coroutine *c, uint32_t depth)
{
	uint64_t mark = vt_mark();

	mark -= c->beyond * ((1ull << 32) + 1);
	c->beyond = 0;
	while (depth_of(c) > depth) {
		bool builtin = *--c->top & BUILTIN;
		mark -= builtin ? 1 : (1ull << 32) + 1;
	}
	vt_unwind(mark);
}

/* The innermost frame at this address, or -1. */
static int64_t find_frame(const struct vt_lua_coroutine *c, const void *frame)
{
	for (uint32_t i = depth_of(c); i-- > 0;)
		if ((c->frames[i] & ~(uintptr_t)BUILTIN) == (uintptr_t)frame)
			return i;
	return -1;
}

/*
 * A call says who calls: what is above the caller was left by an error. Lua uses the frame at one depth
 * again, so that a frame which was here before needs no question.
 */
static VT_COLD void ask_caller(struct vt_lua_coroutine *c, lua_State *L)
{
	struct lua_Debug caller;

	if (c->beyond > 0)
		return;
	int64_t at = vt_lua.getstack(L, 1, &caller) ? find_frame(c, caller.frame) : -1;
	if (at + 1 < depth_of(c))
		leave(c, (uint32_t)(at + 1));
}

/* Is this frame at `entry`? 0 or BUILTIN, which the entry has; more: it is another one. */
static inline uintptr_t differs(uintptr_t entry, const void *frame)
{
	return entry ^ (uintptr_t)frame;
}

static bool widen_frames(struct vt_lua_coroutine *c)
{
	uint32_t capacity = c->capacity ? 2 * c->capacity : 16, depth = depth_of(c);
	uintptr_t *old = c->capacity ? c->frames - 1 : NULL;
	uintptr_t *grown = c->capacity < MOST_FRAMES ? realloc(old, (capacity + 2) * sizeof(*grown)) : NULL;

	if (!grown)
		return false;
	size_t had = old ? c->capacity + 1 : 0;         /* without the zero at the end */
	memset(grown + had, 0, (capacity + 2 - had) * sizeof(*grown));
	c->frames = grown + 1;
	c->top = c->frames + depth;
	c->capacity = capacity;
	return true;
}

static VT_COLD void push_slowly(struct vt_lua_coroutine *c, uintptr_t frame)
{
	int saved = errno;

	if (c->beyond > 0 || (depth_of(c) == c->capacity && !widen_frames(c)))
		c->beyond++;
	else
		*c->top++ = frame;
	errno = saved;
}

/* ---- names --------------------------------------------------------------------------------------- */

/*
 * What a function is known by. A C function: its address. Another: in `lines` where its text begins and
 * ends, and in `where` its prototype, or its source, whose address may come again for another text: so some
 * of that is in `lines`, too.
 */
struct key {
	uintptr_t where;
	uint64_t lines;
	bool builtin;
};

static inline struct vt_lua_name *place_of_name(struct vt_lua_name *names_of_thread, uintptr_t where, uint64_t lines)
{
	return &names_of_thread[(where * 0xff51afd7ed558ccdu ^ lines) >> 52];
}

/*
 * Asking Lua (key_by_lua) takes longer than all else that a call costs, so it is asked once for each
 * function, and then the memory of a frame is looked into: a CallInfo begins with its function's place on
 * the stack, a closure has its prototype or C function behind three words. That is no promise of Lua's:
 * each new key is checked against Lua's answers, and at the first difference it is asked each time.
 */
static bool may_look = true;
enum { TAG_LUA = 0x46, TAG_C = 0x16, TAG_C_CLOSURE = 0x66, CLOSURE_TARGET = 24 };
enum { PROTOTYPE_SIZES = 16, PROTOTYPE_LINES = 44 };

static inline uint64_t prototype_lines(const char *prototype)
{
	uint64_t lines;

	memcpy(&lines, prototype + PROTOTYPE_LINES, sizeof(lines));
	return lines;
}

/* How many upvalues, constants, instructions and lines it has: what is collected leaves its address to others. */
static inline uint64_t prototype_shape(const char *prototype)
{
	uint64_t sizes[2];

	memcpy(sizes, prototype + PROTOTYPE_SIZES, sizeof(sizes));
	return (sizes[0] * 31 + sizes[1]) * 0x9e3779b97f4a7c15u;
}

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
		lines = prototype_lines(target) + prototype_shape(target);
	else if (vt_unlikely(tag != TAG_C && tag != TAG_C_CLOSURE))
		return false;
	*key = (struct key){ (uintptr_t)target, lines, tag != TAG_LUA };
	return true;
}

static lua_CFunction *function_on_top(lua_State *L, struct lua_Debug *ar)
{
	vt_lua.getinfo(L, "f", ar);
	lua_CFunction *function = vt_lua.tocfunction(L, -1);
	vt_lua.settop(L, -2);
	return function;
}

static VT_COLD struct key key_by_lua(lua_State *L, struct lua_Debug *ar)
{
	uint64_t head = 0, tail = 0;

	vt_lua.getinfo(L, "S", ar);
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
	vt_lua.getinfo(L, "S", ar);
	if (key->builtin)
		return *ar->what == 'C' && (uintptr_t)function_on_top(L, ar) == key->where;
	uint64_t lines = (uint64_t)(unsigned)ar->lastlinedefined << 32 | (unsigned)ar->linedefined;
	return *ar->what != 'C' && prototype_lines((const char *)key->where) == lines;
}

/* As it is first called, and its line; the file is a path, which is nobody's business. */
static uint64_t make_name(lua_State *L, struct lua_Debug *ar)
{
	char text[128];

	vt_lua.getinfo(L, "nS", ar);
	const char *name = ar->name && *ar->name ? ar->name : NULL;
	if (*ar->what == 'C')
		snprintf(text, sizeof(text), "%.100s", name ? name : "(C function)");
	else if (*ar->what == 'm')
		snprintf(text, sizeof(text), "(main chunk)");
	else
		snprintf(text, sizeof(text), "%.100s:%d", name ? name : "function", ar->linedefined);
	return vt_string(text);
}

static VT_COLD uint64_t new_name(lua_State *L, struct lua_Debug *ar, struct vt_lua_name *n, struct key *key)
{
	int saved = errno;

	if (may_look && !is_right(L, ar, key)) {
		may_look = false;
		*key = key_by_lua(L, ar);
	}
	uint64_t id = make_name(L, ar);
	if (names)
		*n = (struct vt_lua_name){ key->where, key->lines, id };
	errno = saved;
	return id;
}

static uint64_t name_of(const struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar, struct key *key)
{
	if (vt_unlikely(!key_by_look(key, ar)))
		*key = key_by_lua(L, ar);
	struct vt_lua_name *n = place_of_name(c->names, key->where, key->lines);
	return n->where == key->where && n->lines == key->lines ? n->id : new_name(L, ar, n, key);
}

/* ---- the hook ------------------------------------------------------------------------------------ */

static VT_COLD void on_tail_call(struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar)
{
	int64_t at = find_frame(c, ar->frame);
	struct key key;

	if (at >= 0 && at + 1 < depth_of(c))
		leave(c, (uint32_t)(at + 1));
	vt_tail_call(name_of(c, L, ar, &key));
}

static __attribute__((noinline)) void on_other_call(struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar)
{
	bool known = differs(*c->top, ar->frame) <= BUILTIN;
	struct key key;

	if (vt_unlikely(!known))
		ask_caller(c, L);
	uint64_t name = name_of(c, L, ar, &key);
	uintptr_t entry = (uintptr_t)ar->frame | (key.builtin ? BUILTIN : 0);
	if (vt_likely(known))
		*c->top++ = entry;
	else
		push_slowly(c, entry);
	if (key.builtin)
		vt_builtin(name);
	else
		vt_call(name);
}

/*
 * The same for a function of Lua, of a name that this thread knows, in a frame that was here before. Out of line,
 * so that a return does not save the registers that only a call needs.
 */
static __attribute__((noinline)) void on_call(struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar)
{
	const char *slot = *(const char *const *)ar->frame;
	struct key key;

	if (vt_unlikely(differs(*c->top, ar->frame) > BUILTIN) || slot[8] != TAG_LUA || !key_by_look(&key, ar)) {
		on_other_call(c, L, ar);
		return;
	}
	const struct vt_lua_name *n = place_of_name(c->names, key.where, key.lines);
	if (vt_unlikely(n->where != key.where || n->lines != key.lines)) {
		on_other_call(c, L, ar);
		return;
	}
	*c->top++ = (uintptr_t)ar->frame;
	vt_call(n->id);
}

/* An error left what was above, or more frames are open than are kept. */
static VT_COLD void on_other_return(struct vt_lua_coroutine *c, const void *frame)
{
	if (c->beyond > 0) {
		c->beyond--;
		vt_return();            /* which kind it was is not kept: so deep it is a function */
		return;
	}
	int64_t at = find_frame(c, frame);
	if (at < 0)
		return;                 /* it was called before the hook was set */
	leave(c, (uint32_t)(at + 1));
	if (*--c->top & BUILTIN)
		vt_builtin_return();
	else
		vt_return();
}

static inline void on_return(struct vt_lua_coroutine *c, const void *frame)
{
	uintptr_t kind = differs(c->top[-1], frame);

	if (vt_unlikely(kind > BUILTIN)) {
		on_other_return(c, frame);
		return;
	}
	c->top--;
	if (vt_unlikely(kind))
		vt_builtin_return();
	else
		vt_return();
}

static inline void on_event(struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar)
{
	if (ar->event == HOOK_RETURN)
		on_return(c, ar->frame);
	else if (vt_likely(ar->event == HOOK_CALL))
		on_call(c, L, ar);
	else if (ar->event == HOOK_TAIL_CALL)
		on_tail_call(c, L, ar);
}

/* Another coroutine than before, or one with a hook of the program's. */
static VT_COLD void other_hook(lua_State *L, struct lua_Debug *ar)
{
	static const int masks[] = { [HOOK_CALL] = MASK_CALL, [HOOK_RETURN] = MASK_RETURN,
	                             [HOOK_LINE] = MASK_LINE, [HOOK_COUNT] = MASK_COUNT,
	                             [HOOK_TAIL_CALL] = MASK_CALL };
	int saved = errno;
	struct vt_lua_coroutine *c = vt_lua_coroutine(L, true);

	errno = saved;
	if (!c)
		return;
	if (ar->event != HOOK_LINE && ar->event != HOOK_COUNT) {
		go_on(c);
		on_event(c, L, ar);
	}
	/* Last: it may yield, or throw. */
	if (c->hook && (c->mask & masks[ar->event]))
		c->hook(L, ar);
}

static void hook(lua_State *L, struct lua_Debug *ar)
{
	struct vt_lua_coroutine *c = running;

	if (vt_unlikely(c->simple != L))
		other_hook(L, ar);
	else
		on_event(c, L, ar);
}

static void set_hook(struct vt_lua_coroutine *c)
{
	vt_lua.sethook(c->L, hook, MASK_CALL | MASK_RETURN | (c->hook ? c->mask : 0), c->hook ? c->count : 0);
}

void vt_lua_chain(struct vt_lua_coroutine *c, lua_Hook *theirs, int mask, int count)
{
	c->hook = mask ? theirs : NULL;
	c->mask = c->hook ? mask : 0;
	c->count = count;
	c->simple = c->hook ? NULL : c->L;
	set_hook(c);
}

void vt_lua_watch(lua_State *L, const struct vt_lua_coroutine *parent)
{
	struct vt_lua_coroutine *c = vt_lua_coroutine(L, true);

	if (!c)
		return;
	if (c != running) {
		c->top = c->frames;
		c->beyond = 0;
		c->mark = 0;
		c->number = UINT64_MAX;
	}
	if (parent)
		vt_lua_chain(c, parent->hook, parent->mask, parent->count);
	else
		vt_lua_chain(c, NULL, 0, 0);
}
