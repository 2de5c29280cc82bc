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

enum { MOST_FRAMES = 1 << 20, MOST_COROUTINES = 1 << 16, BUILTIN = 1 };

/* Found by L: open addressing. Never shrinks: a dead coroutine's address comes again. */
static struct {
	struct vt_lua_coroutine **slots;
	size_t size, used;
	uint64_t numbers;
	char lock;
} all;

/* Of the thread: whom it runs. */
static VT_THREAD_LOCAL struct vt_lua_coroutine *running __attribute__((tls_model("initial-exec")));
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
		all.slots[at] = c;
		all.used++;
	}
	return c;
}

struct vt_lua_coroutine *vt_lua_coroutine(lua_State *L, bool add)
{
	if (running && running->L == L)
		return running;
	if (!lock())
		return NULL;
	struct vt_lua_coroutine *c = find_or_add(L, add);
	unlock();
	return c;
}

/* The thread goes on with c. The first that a thread runs is its number 0. */
static void go_on(struct vt_lua_coroutine *c)
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
static void leave(struct vt_lua_coroutine *c, uint32_t depth)
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
static int64_t find_frame(const struct vt_lua_coroutine *c, const void *frame)
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
static VT_COLD void ask_caller(struct vt_lua_coroutine *c, lua_State *L)
{
	struct lua_Debug caller;

	if (c->beyond > 0)
		return;
	int64_t at = vt_lua.getstack(L, 1, &caller) ? find_frame(c, caller.frame) : -1;
	if (at + 1 < c->depth)
		leave(c, (uint32_t)(at + 1));
}

static inline void check_caller(struct vt_lua_coroutine *c, lua_State *L, const void *frame)
{
	if (vt_unlikely(c->depth >= c->capacity) ||
	    vt_unlikely((c->frames[c->depth] & ~(uintptr_t)BUILTIN) != (uintptr_t)frame))
		ask_caller(c, L);
}

static VT_COLD void push_slowly(struct vt_lua_coroutine *c, uintptr_t frame)
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

static inline void push(struct vt_lua_coroutine *c, const void *frame, bool builtin)
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
	return *ar->what != 'C' && key->lines == ((uint64_t)(unsigned)ar->lastlinedefined << 32 |
	                                          (unsigned)ar->linedefined);
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

static inline void on_call(struct vt_lua_coroutine *c, lua_State *L, struct lua_Debug *ar)
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

static inline void on_return(struct vt_lua_coroutine *c, const void *frame)
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

static VT_COLD struct vt_lua_coroutine *find_coroutine(lua_State *L)
{
	int saved = errno;
	struct vt_lua_coroutine *c = vt_lua_coroutine(L, true);

	errno = saved;
	return c;
}

static void hook(lua_State *L, struct lua_Debug *ar)
{
	static const int masks[] = { [HOOK_CALL] = MASK_CALL, [HOOK_RETURN] = MASK_RETURN,
	                             [HOOK_LINE] = MASK_LINE, [HOOK_COUNT] = MASK_COUNT,
	                             [HOOK_TAIL_CALL] = MASK_CALL };
	struct vt_lua_coroutine *c = running;

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

static void set_hook(struct vt_lua_coroutine *c)
{
	vt_lua.sethook(c->L, hook, MASK_CALL | MASK_RETURN | (c->hook ? c->mask : 0), c->hook ? c->count : 0);
}

void vt_lua_chain(struct vt_lua_coroutine *c, lua_Hook *theirs, int mask, int count)
{
	c->hook = mask ? theirs : NULL;
	c->mask = c->hook ? mask : 0;
	c->count = count;
	set_hook(c);
}

void vt_lua_watch(lua_State *L, const struct vt_lua_coroutine *parent)
{
	struct vt_lua_coroutine *c = vt_lua_coroutine(L, true);

	if (!c)
		return;
	if (c != running) {
		c->depth = c->beyond = 0;
		c->mark = 0;
		c->number = UINT64_MAX;
	}
	if (parent)
		vt_lua_chain(c, parent->hook, parent->mask, parent->count);
	else
		vt_lua_chain(c, NULL, 0, 0);
}
