/*
 * lua.c - a Lua 5.4 that records itself: `lua-host [SCRIPT [ARGUMENT...]]`, of Debian's liblua5.4.
 *
 * Without a script, or with -, the program comes from standard input. Errors go to standard error
 * with a traceback, exit status 1, as lua5.4 does it. What records is in lua_trace.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include <valktrace.h>

#include "tests/hosts/lua.h"

static int add_traceback(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

/* Global `arg` as lua5.4 has it: the script is 0. What follows it are the script's arguments. */
static int push_arguments(lua_State *L, char **argv)
{
	int count = 0;

	lua_newtable(L);
	for (int i = 0; argv[i]; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i - 1);
	}
	lua_setglobal(L, "arg");
	while (argv[0] && argv[1] && argv[2 + count]) {
		luaL_checkstack(L, 1, "too many arguments to script");
		lua_pushstring(L, argv[2 + count++]);
	}
	return count;
}

/* Protected: what runs out of memory in here is an error like any other. */
static int run(lua_State *L)
{
	char **argv = lua_touserdata(L, 1);
	bool is_file = argv[0] && argv[1] && strcmp(argv[1], "-") != 0;

	luaL_openlibs(L);
	trace_open(L);
	lua_pushcfunction(L, add_traceback);
	if (luaL_loadfile(L, is_file ? argv[1] : NULL) != LUA_OK)
		return lua_error(L);
	int count = push_arguments(L, argv);
	trace_begin(L);
	int status = lua_pcall(L, count, 0, 2);
	trace_end(L);
	return status == LUA_OK ? 0 : lua_error(L);
}

int main(int argc, char **argv)
{
	(void)argc;
	vt_start(&(struct vt_options){ .program = "lua", .events = "gc",
		.version = LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE });
	lua_State *L = lua_newstate(trace_allocate, NULL);
	if (!L) {
		fprintf(stderr, "lua-host: not enough memory\n");
		return EXIT_FAILURE;
	}
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, argv);
	int status = lua_pcall(L, 1, 0, 0);
	if (status != LUA_OK)
		fprintf(stderr, "lua-host: %s\n", lua_tostring(L, -1));
	lua_close(L);
	vt_stop();
	return status == LUA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
