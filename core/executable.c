/* executable.c - see executable.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/executable.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define OUR_NAME    "x86_64"
#else
#define OUR_MACHINE EM_AARCH64
#define OUR_NAME    "aarch64"
#endif

enum { MOST_HEADERS = 128, MOST_SCRIPTS = 4, LINE = 256 };

/* ---- finding -------------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static void find_in_path(const char *name, char to[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (!path)
		path = "/bin:/usr/bin";         /* as execvp */
	for (const char *at = path; at; ) {
		const char *end = strchrnul(at, ':');
		int n = end == at ? snprintf(to, PATH_MAX, "./%s", name)
		                  : snprintf(to, PATH_MAX, "%.*s/%s", (int)(end - at), at, name);
		if (n > 0 && n < PATH_MAX && is_program(to))
			return;
		at = *end ? end + 1 : NULL;
	}
	*to = 0;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Does the kernel start it with rights that its caller does not have? Then nothing is preloaded. */
static bool is_secure(int fd, const struct stat *st)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return false;
	if ((st->st_mode & S_ISUID) && st->st_uid != getuid())
		return true;
	if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != getgid())
		return true;
	return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static bool read_at(int fd, uint64_t offset, void *to, size_t length)
{
	return offset <= INT64_MAX && pread(fd, to, length, (off_t)offset) == (ssize_t)length;
}

/* The dynamic linker's base name; false: the program names none. */
static bool find_linker(int fd, const Elf64_Ehdr *e, char *to, size_t size)
{
	char path[PATH_MAX];

	if (e->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (unsigned i = 0; i < e->e_phnum && i < MOST_HEADERS; i++) {
		Elf64_Phdr p;
		if (e->e_phoff > INT64_MAX || !read_at(fd, e->e_phoff + i * sizeof(p), &p, sizeof(p)))
			return false;
		if (p.p_type != PT_INTERP)
			continue;
		size_t length = p.p_filesz < sizeof(path) ? (size_t)p.p_filesz : sizeof(path) - 1;
		if (length == 0 || !read_at(fd, p.p_offset, path, length))
			return false;
		path[length] = 0;
		const char *slash = strrchr(path, '/');
		snprintf(to, size, "%.60s", slash ? slash + 1 : path);
		return true;
	}
	return false;
}

static enum vt_loads judge_elf(struct vt_executable *x, int fd, const struct stat *st)
{
	Elf64_Ehdr e;

	/* Class, byte order and machine stand at the same place in 32-bit headers. */
	if (!read_at(fd, 0, &e, sizeof(Elf32_Ehdr)))
		return VT_LOADS_UNKNOWN;
	if (e.e_ident[EI_DATA] != ELFDATA2LSB)
		return VT_LOADS_MACHINE;
	if (e.e_machine != OUR_MACHINE)
		return e.e_machine == EM_386 && OUR_MACHINE == EM_X86_64 ? VT_LOADS_CLASS : VT_LOADS_MACHINE;
	if (e.e_ident[EI_CLASS] != ELFCLASS64)
		return VT_LOADS_CLASS;
	if (!read_at(fd, 0, &e, sizeof(e)))
		return VT_LOADS_UNKNOWN;
	if (!find_linker(fd, &e, x->linker, sizeof(x->linker)))
		return VT_LOADS_STATIC;
	if (is_secure(fd, st))
		return VT_LOADS_SECURE;
	return strncmp(x->linker, "ld-linux", 8) == 0 ? VT_LOADS_AGENT : VT_LOADS_LIBC;
}

/* The interpreter after "#!"; false: none is named. */
static bool interpreter_of(char line[LINE + 1], char to[PATH_MAX])
{
	char *at = line + 2 + strspn(line + 2, " \t");

	at[strcspn(at, " \t\n")] = 0;
	if (!*at)
		return false;
	snprintf(to, PATH_MAX, "%s", at);
	return true;
}

/* Judges one file; true: it is a script, and x->judged is now its interpreter. */
static bool judge(struct vt_executable *x)
{
	char line[LINE + 1] = "";
	struct stat st;
	/* O_NONBLOCK: the name may be a fifo's. */
	int fd = open(x->judged, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	x->loads = VT_LOADS_UNKNOWN;
	if (fd < 0)
		return false;
	ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, line, LINE, 0) : -1;
	bool elf = n >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0, script = false;
	if (elf)
		x->loads = judge_elf(x, fd, &st);
	else if (n > 2 && memcmp(line, "#!", 2) == 0)
		script = interpreter_of(line, x->judged);
	else if (n >= 0)
		x->loads = VT_LOADS_AGENT;      /* execvp gives it to /bin/sh */
	close(fd);
	if (elf && x->judged[0] && strcmp(x->judged, x->path) == 0)
		x->is_elf = true;
	return script;
}

void vt_executable_find(struct vt_executable *x, const char *name)
{
	memset(x, 0, sizeof(*x));
	x->loads = VT_LOADS_UNKNOWN;
	if (strchr(name, '/'))
		snprintf(x->path, sizeof(x->path), "%s", name);
	else if (*name)
		find_in_path(name, x->path);
	memcpy(x->judged, x->path, sizeof(x->judged));
	for (int depth = 0; *x->judged && depth <= MOST_SCRIPTS && judge(x); depth++)
		x->missing = access(x->judged, F_OK) != 0;
}

/* ---- telling -------------------------------------------------------------------------------------- */

bool vt_executable_refuses(const struct vt_executable *x)
{
	return x->loads == VT_LOADS_CLASS || x->loads == VT_LOADS_MACHINE || x->loads == VT_LOADS_LIBC;
}

/* The name's last part, made printable: it goes to a terminal and into a log. */
static void plain_name(const char *path, char to[41])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = 0;

	for (; name[n] && n < 40; n++)
		to[n] = name[n] > ' ' && name[n] < 0x7f ? name[n] : '?';
	to[n] = 0;
}

void vt_executable_name(const struct vt_executable *x, char *to, size_t size)
{
	char whole[PATH_MAX], name[41];

	plain_name(realpath(x->judged, whole) ? whole : x->judged, name);
	snprintf(to, size, "%s", name);
}

void vt_executable_reason(const struct vt_executable *x, bool agent, char *reason, size_t size)
{
	char name[41], linker[41];

	plain_name(x->judged, name);
	plain_name(x->linker, linker);
	if (!agent) {
		snprintf(reason, size, "the agent could not be loaded: no libvalktrace-agent.so");
		return;
	}
	switch (x->loads) {
	case VT_LOADS_STATIC:
		snprintf(reason, size, "%s is statically linked: it loads no agent", name);
		break;
	case VT_LOADS_SECURE:
		snprintf(reason, size, "%s is set-uid, set-gid or privileged: it loads no agent", name);
		break;
	case VT_LOADS_CLASS:
		snprintf(reason, size, "%s is a 32-bit program, the agent is for " OUR_NAME, name);
		break;
	case VT_LOADS_MACHINE:
		snprintf(reason, size, "%s is for another machine, the agent for " OUR_NAME, name);
		break;
	case VT_LOADS_LIBC:
		snprintf(reason, size, "%s uses another C library (%s)", name, linker);
		break;
	case VT_LOADS_AGENT:
	case VT_LOADS_UNKNOWN:
		snprintf(reason, size, "%s made no ring file: other user or root, full disk, ulimit",
		         name);
		break;
	}
}

const char *vt_executable_advice(const struct vt_executable *x, bool agent)
{
	if (!agent)
		return "install libvalktrace-agent.so beside valktrace (make install)";
	switch (x->loads) {
	case VT_LOADS_STATIC:
		return "link it dynamically, or link libvalktrace and call vt_start";
	case VT_LOADS_SECURE:
		return "record it as the user that it becomes (root: sudo valktrace ...)";
	case VT_LOADS_CLASS:
	case VT_LOADS_MACHINE:
		return "build it for " OUR_NAME;
	case VT_LOADS_LIBC:
		return "link it with the GNU C library, or link libvalktrace";
	default:
		return "give --ringdir a directory that the command may write";
	}
}
