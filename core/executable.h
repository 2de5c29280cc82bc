/*
 * executable.h - what a command's name leads to, judged by reading its file: can the agent be loaded
 * into it, and if not, why. The kernel's exec stays the judge of whether it runs.
 *
 * A file is a stranger's: reads are few and bounded, whatever it says of itself.
 */
#ifndef CORE_EXECUTABLE_H
#define CORE_EXECUTABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum vt_loads {
	VT_LOADS_AGENT,         /* dynamically linked, for this machine and the GNU C library */
	VT_LOADS_UNKNOWN,       /* there is no such file, or it cannot be read */
	VT_LOADS_STATIC,        /* has no dynamic linker, so nobody reads LD_PRELOAD */
	VT_LOADS_SECURE,        /* set-uid, set-gid or with capabilities: the linker ignores LD_PRELOAD */
	VT_LOADS_CLASS,         /* a 32-bit program */
	VT_LOADS_MACHINE,       /* of another architecture */
	VT_LOADS_LIBC,          /* another C library's linker, which would fail on the agent */
};

struct vt_executable {
	char path[PATH_MAX];    /* what execvp would run; empty: nothing found */
	char judged[PATH_MAX];  /* of a script, its interpreter (of its interpreter ...); else path */
	char linker[64];        /* base name of the dynamic linker; empty: none */
	bool is_elf;            /* path itself: exec of it must not fall back to the shell */
	bool missing;           /* `judged` is an interpreter that is not there */
	enum vt_loads loads;
};

/* Looks for `name` along PATH, as execvp does, and reads what it finds. */
void vt_executable_find(struct vt_executable *x, const char *name);

/* The name that the process will have: of the file behind all links; printable. */
void vt_executable_name(const struct vt_executable *x, char *to, size_t size);

/* Setting LD_PRELOAD for it would only make its linker complain, or fail. */
bool vt_executable_refuses(const struct vt_executable *x);

/*
 * Why no process of the command was recorded, and what to try: one line each, printable ASCII, with
 * no path in it. `agent`: was there one to load?
 */
void vt_executable_reason(const struct vt_executable *x, bool agent, char *reason, size_t size);
const char *vt_executable_advice(const struct vt_executable *x, bool agent);

#endif
