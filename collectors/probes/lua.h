/* lua.h - between lua.c, which finds a Lua 5.4 and gets into it, and lua_hook.c, which follows its calls. */
#ifndef COLLECTORS_PROBES_LUA_H
#define COLLECTORS_PROBES_LUA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- of lua.h of 5.4 ----------------------------------------------------------------------------- */

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
struct lua {
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
};
extern struct lua vt_lua;

/* ---- ours ---------------------------------------------------------------------------------------- */

/* One lua_State: the frames that are open, as far as we saw them begin, and the program's own hook. */
struct vt_lua_coroutine {
	lua_State *L, *simple;          /* `simple`: L while the program has no hook of its own in it, else NULL */
	uint64_t number, mark;          /* for vt_coroutine */
	/*
	 * Addresses of open frames, and BUILTIN in the lowest bit; those from `top` on are stale. One before the
	 * first, and one behind the last that fits, are 0, which is the address of none.
	 */
	uintptr_t *frames, *top;
	struct vt_lua_name *names;      /* of the thread that runs it */
	uint32_t capacity;
	uint32_t beyond;                /* frames that did not fit */
	lua_Hook *hook;
	int mask, count;
};

/* Finds it, or makes it if `add` is set. NULL: none, or no memory. */
struct vt_lua_coroutine *vt_lua_coroutine(lua_State *L, bool add);

/* From now on the program's hook is this, and ours calls it. */
void vt_lua_chain(struct vt_lua_coroutine *c, lua_Hook *theirs, int mask, int count);

/*
 * Sets our hook in a new lua_State; what an older one at this address was is over. `parent` made it and
 * hands on the program's hook; NULL: nobody did.
 */
void vt_lua_watch(lua_State *L, const struct vt_lua_coroutine *parent);

#endif
