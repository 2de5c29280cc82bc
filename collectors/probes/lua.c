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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/interp.h>

#include "collectors/probes/lua.h"
#include "collectors/probes/probe.h"
#include "core/process.h"
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
	vt_lua = found;
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

static __typeof__(vt_lua.newstate) real_newstate;
static __typeof__(vt_lua.newthread) real_newthread;
static __typeof__(vt_lua.sethook) real_sethook;
static __typeof__(vt_lua.gethook) real_gethook;
static __typeof__(vt_lua.gethookmask) real_gethookmask;
static __typeof__(vt_lua.gethookcount) real_gethookcount;

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
	if (L && shall_watch() && (vt_lua.newstate || know_library_of(real, NULL, 0))) {
		attach_interpreter();
		vt_lua_watch(L, NULL);
	}
	errno = saved;
	return L;
}

static lua_State *our_newthread(lua_State *L)
{
	REAL(real_newthread, "lua_newthread");
	lua_State *new = real_newthread(L);
	struct vt_lua_coroutine *parent = wanted ? vt_lua_coroutine(L, false) : NULL;
	if (parent)
		vt_lua_watch(new, parent);
	return new;
}

static void our_sethook(lua_State *L, lua_Hook *theirs, int mask, int count)
{
	struct vt_lua_coroutine *c = wanted ? vt_lua_coroutine(L, false) : NULL;

	REAL(real_sethook, "lua_sethook");
	if (c)
		vt_lua_chain(c, theirs, mask, count);
	else
		real_sethook(L, theirs, mask, count);
}

static lua_Hook *our_gethook(lua_State *L)
{
	struct vt_lua_coroutine *c = wanted ? vt_lua_coroutine(L, false) : NULL;

	REAL(real_gethook, "lua_gethook");
	return c ? c->hook : real_gethook(L);
}

static int our_gethookmask(lua_State *L)
{
	struct vt_lua_coroutine *c = wanted ? vt_lua_coroutine(L, false) : NULL;

	REAL(real_gethookmask, "lua_gethookmask");
	return c ? c->mask : real_gethookmask(L);
}

static int our_gethookcount(lua_State *L)
{
	struct vt_lua_coroutine *c = wanted ? vt_lua_coroutine(L, false) : NULL;

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
	return vt_lua.type(L, 1) == LUA_THREAD ? vt_lua.tothread(L, 1) : L;
}

/* Calls Lua's own, in this frame, so that its errors name the caller's function. */
static int debug_sethook(lua_State *L)
{
	lua_State *of = first_thread(L);
	int results = program.sethook(L);
	struct vt_lua_coroutine *c = vt_lua_coroutine(of, true);

	if (!c)
		return results;
	if (vt_lua.gethook(of))
		program.hook = vt_lua.gethook(of);
	vt_lua_chain(c, vt_lua.gethook(of), vt_lua.gethookmask(of), vt_lua.gethookcount(of));
	return results;
}

/* The function that the program set for a thread: the library keeps it in the registry. */
static void push_hook_function(lua_State *L, lua_State *of)
{
	if (vt_lua.getfield(L, LUA_REGISTRY, "_HOOKKEY") != LUA_TABLE || !vt_lua.checkstack(of, 1))
		return;
	vt_lua.pushthread(of);
	vt_lua.xmove(of, L, 1);
	vt_lua.rawget(L, -2);
	vt_lua.rotate(L, -2, 1);
	vt_lua.settop(L, -2);
}

/* As Lua's own would answer without us. It cannot be asked: to change the hook begins its count anew. */
static int debug_gethook(lua_State *L)
{
	lua_State *of = first_thread(L);
	struct vt_lua_coroutine *c = vt_lua_coroutine(of, false);
	char mask[4] = "";

	if (!c || !c->hook) {
		vt_lua.pushnil(L);
		return 1;
	}
	if (c->hook == program.hook)
		push_hook_function(L, of);
	else
		vt_lua.pushstring(L, "external hook");
	strcat(mask, c->mask & MASK_CALL ? "c" : "");
	strcat(mask, c->mask & MASK_RETURN ? "r" : "");
	strcat(mask, c->mask & MASK_LINE ? "l" : "");
	vt_lua.pushstring(L, mask);
	vt_lua.pushinteger(L, c->count);
	return 3;
}

static lua_CFunction *replace_in_debug(lua_State *L, const char *name, lua_CFunction *ours)
{
	vt_lua.getfield(L, -1, name);
	lua_CFunction *theirs = vt_lua.tocfunction(L, -1);
	vt_lua.settop(L, -2);
	if (!theirs || theirs == ours)
		return NULL;
	vt_lua.pushcclosure(L, ours, 0);
	vt_lua.setfield(L, -2, name);
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
	if (vt_lua.getglobal(L, "debug") == LUA_TABLE) {
		program.sethook = replace_in_debug(L, "sethook", debug_sethook);
		replace_in_debug(L, "gethook", debug_gethook);
	}
	vt_lua.settop(L, -2);
	attach_interpreter();
	vt_lua_watch(L, NULL);
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
