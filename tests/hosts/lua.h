/* lua.h - between lua.c, which is a Lua like any other, and lua_trace.c, which records it. */
#ifndef LUA_H
#define LUA_H

#include <lua.h>

/* The allocator for lua_newstate. */
void *trace_allocate(void *unused, void *block, size_t old, size_t size);

/* Once the standard libraries are there: takes over the collector, pcall and xpcall. May throw. */
void trace_open(lua_State *L);

/* Around the program, on the main thread. */
void trace_begin(lua_State *L);
void trace_end(lua_State *L);

#endif
