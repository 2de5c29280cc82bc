/*
 * libc.c - counts the calls of the C library that cross a PLT, and reports them as events when asked to.
 *
 * It has the table core/calls.def; a wrapper is made of each row. What a wrapper may not do: allocate, take
 * a lock, change errno, keep anything on the stack that must be undone (the call may be left by longjmp,
 * cancellation or an exception), or call the library on its own. A call in a child of vfork counts for the
 * parent, whose memory and thread it runs in. Direct system calls, calls inside the C library, and those
 * bound at link time are not seen: these are library calls, not system calls.
 *
 * While nothing is recorded, and in what this library itself calls (vt_thread_inside), a wrapper is one
 * branch and the call.
 */
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <valktrace/emit.h>

#include "collectors/probes/libc.h"
#include "core/call_table.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/thread.h"

/* Declared only with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
ssize_t __read_chk(int fd, void *to, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *to, size_t n, size_t size, int flags);
int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size);

enum {
#define VT_CALL_ROW(id, category, name, failed, tally, type, parameters, arguments) C_##name = id,
#define VT_CALL_OWN(id, category, name)     C_##name = id,
#define VT_CALL_HEAP(id, category, name)    C_##name = id,
#include "core/calls.def"
};

enum tally { NONE, READ, WRITTEN, SPAWNED, REAPED, SENT };

static bool on;                         /* this process counts: written once, before its threads are */
static uint64_t ns_per_tick;            /* times 2^32 */
static uint64_t names[VT_HOST_CALLS];   /* string ids, for events: made if some are wanted */

/* ---- the next one of this name --------------------------------------------------------------------- */

typedef void function(void);
static function *next[VT_HOST_CALLS];

static long no_such_call(void)
{
	errno = ENOSYS;
	return -1;
}

/* Twice the same in two threads does no harm. */
static VT_COLD function *resolve(unsigned call)
{
	function *f = NULL;
	int saved = errno;

	vt_thread_inside++;
	*(void **)&f = dlsym(RTLD_NEXT, vt_call_table[call].name);
	vt_thread_inside--;
	if (!f)
		f = (function *)no_such_call;
	errno = saved;
	__atomic_store_n(&next[call], f, __ATOMIC_RELAXED);
	return f;
}

static inline function *next_of(unsigned call)
{
	function *f = __atomic_load_n(&next[call], __ATOMIC_RELAXED);
	return vt_likely(f != NULL) ? f : resolve(call);
}
#define NEXT(name) ((__typeof__(&name))next_of(C_##name))

/* ---- what a call counts ---------------------------------------------------------------------------- */

static inline bool is_off(void)
{
	return vt_unlikely(!on) || vt_unlikely(!vt_load_relaxed(&vt__gate.counting)) ||
	       vt_unlikely(vt_thread_inside);
}

static VT_COLD void emit(unsigned call, int64_t result, bool failed, int error, uint64_t bytes,
                         uint64_t ticks)
{
	const uint64_t words[5] = { names[call], (uint64_t)result, failed ? (uint64_t)error : 0, bytes,
	                            (uint64_t)((vt_u128)ticks * ns_per_tick >> 32) };

	vt__emit((unsigned)vt_call_table[call].category << 8 | (vt_call_table[call].category == VT_CAT_memory ? 2 : 1),
	         words, 5);
}

static VT_COLD void add(enum tally tally, uint64_t n)
{
	static const uint8_t metric[] = {
		[READ] = VT_M_libc_read, [WRITTEN] = VT_M_libc_written, [SPAWNED] = VT_M_libc_spawned,
		[REAPED] = VT_M_libc_reaped, [SENT] = VT_M_libc_signals_sent,
	};

	vt_count_in_handler(metric[tally], n);
}

static inline __attribute__((always_inline)) void note(unsigned call, unsigned category, uint64_t begin,
                                                       int64_t result, bool failed, enum tally tally)
{
	uint64_t end = vt_ticks(), ticks = end > begin ? end - begin : 0;
	uint64_t bytes = !failed && (tally == READ || tally == WRITTEN) ? (uint64_t)result : 0;

	vt__count_call(call, failed, ticks);
	if (tally == READ || tally == WRITTEN) {
		if (bytes)
			vt_count_in_handler(tally == READ ? VT_M_libc_read : VT_M_libc_written, bytes);
	} else if (tally != NONE && !failed) {
		add(tally, 1);
	}
	if (vt_unlikely(vt_load_relaxed(&vt__gate.mask) >> category & 1))
		emit(call, result, failed, errno, bytes, ticks);
}

void vt_libc_heap(unsigned call, bool failed, uint64_t size, uint64_t begin)
{
	if (is_off())
		return;
	int saved = errno;
	uint64_t end = vt_ticks(), ticks = end > begin ? end - begin : 0;

	/* A thread's first: what is claimed for it may allocate. */
	vt_thread_inside = 1;
	vt__count_call(call, failed, ticks);
	if (vt_load_relaxed(&vt__gate.mask) >> VT_CAT_memory & 1)
		emit(call, failed ? -1 : 0, failed, saved, size, ticks);
	vt_thread_inside = 0;
	errno = saved;
}

/* ---- wrappers made of the table -------------------------------------------------------------------- */

#define FAILED_NEGATIVE(result) ((int64_t)(result) < 0)
#define FAILED_NOTHING(result)  (!(intptr_t)(result))
#define FAILED_NOWHERE(result)  ((intptr_t)(result) == -1)
#define FAILED_NUMBER(result)   ((intptr_t)(result) != 0)
#define FAILED_NEVER(result)    ((void)(result), false)
#define VALUE_NEGATIVE(result)  (int64_t)(result)
#define VALUE_NOTHING(result)   ((result) ? 0 : -1)
#define VALUE_NOWHERE(result)   ((intptr_t)(result) == -1 ? -1 : 0)
#define VALUE_NUMBER(result)    (int64_t)(result)
#define VALUE_NEVER(result)     0

#define VT_CALL_ROW(id, category, name, failed, tally, type, parameters, arguments) \
VT_API type name parameters \
{ \
	if (is_off()) \
		return NEXT(name) arguments; \
	const uint64_t begin = vt_ticks(); \
	type result = NEXT(name) arguments; \
	note(id, VT_CAT_##category, begin, VALUE_##failed(result), FAILED_##failed(result), tally); \
	return result; \
}
#include "core/calls.def"

/* ---- open, fcntl: an argument that is there or not -------------------------------------------------- */

static inline bool needs_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPEN(name, parameters, arguments) \
VT_API int name parameters \
{ \
	mode_t mode = 0; \
	if (needs_mode(flags)) { \
		va_list list; \
		va_start(list, flags); \
		mode = va_arg(list, mode_t); \
		va_end(list); \
	} \
	if (is_off()) \
		return NEXT(name) arguments; \
	const uint64_t begin = vt_ticks(); \
	int result = NEXT(name) arguments; \
	note(C_##name, VT_CAT_file, begin, result, result < 0, NONE); \
	return result; \
}
OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

/* As the library's own: whatever stands in the place of a third argument is handed on. */
#define FCNTL(name) \
VT_API int name(int fd, int command, ...) \
{ \
	va_list list; \
	va_start(list, command); \
	void *argument = va_arg(list, void *); \
	va_end(list); \
	if (is_off()) \
		return NEXT(name)(fd, command, argument); \
	const uint64_t begin = vt_ticks(); \
	int result = NEXT(name)(fd, command, argument); \
	note(C_##name, VT_CAT_file, begin, result, result == -1, NONE); \
	return result; \
}
FCNTL(fcntl)
FCNTL(fcntl64)

/* ---- processes ------------------------------------------------------------------------------------- */

/* The child makes a ring file of its own when it counts something. */
VT_API pid_t fork(void)
{
	if (is_off())
		return NEXT(fork)();
	const uint64_t begin = vt_ticks();
	pid_t pid = NEXT(fork)();
	if (pid != 0)
		note(C_fork, VT_CAT_process, begin, pid, pid < 0, SPAWNED);
	return pid;
}

/* Counted before: a success does not return. Its time is not known then. */
static inline int64_t before_exec(unsigned call, bool counted)
{
	if (counted)
		vt__count_call(call, false, 0);
	return (int64_t)vt_ticks();
}

static void after_exec(unsigned call, bool counted)
{
	const struct vt_slot *slot = (const struct vt_slot *)(void *)vt__ring;

	/* It is a failure that has been counted. */
	if (counted && slot && slot->calls > VT_NO_CALLS)
		vt__add_whole(&((struct vt_calls *)(uintptr_t)slot->calls)->cells[call].errors, 1);
}

#define EXEC(name, parameters, arguments) \
VT_API int name parameters \
{ \
	const bool counted = !is_off(); \
	before_exec(C_##name, counted); \
	int result = NEXT(name) arguments; \
	after_exec(C_##name, counted); \
	return result; \
}
EXEC(execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
EXEC(execv, (const char *path, char *const argv[]), (path, argv))
EXEC(execvp, (const char *file, char *const argv[]), (file, argv))
EXEC(execvpe, (const char *file, char *const argv[], char *const envp[]), (file, argv, envp))
EXEC(fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))

/* A list of arguments becomes an array, as in the library: the call that takes an array does the rest. */
#define EXEC_LIST(name, first, with_array, environment, call) \
VT_API int name(const char *first, const char *argument, ...) \
{ \
	const bool counted = !is_off(); \
	size_t count = 1; \
	va_list list; \
	va_start(list, argument); \
	while (va_arg(list, const char *)) \
		count++; \
	va_end(list); \
	char *argv[count + 1]; \
	argv[0] = (char *)(uintptr_t)argument; \
	va_start(list, argument); \
	for (size_t i = 1; i <= count; i++) \
		argv[i] = va_arg(list, char *); \
	environment \
	va_end(list); \
	before_exec(C_##name, counted); \
	int result = NEXT(with_array) call; \
	after_exec(C_##name, counted); \
	return result; \
}
EXEC_LIST(execl, path, execv, , (path, argv))
EXEC_LIST(execlp, file, execvp, , (file, argv))
EXEC_LIST(execle, path, execve, char *const *envp = va_arg(list, char *const *);, (path, argv, envp))

static inline bool has_ended(int status)
{
	return WIFEXITED(status) || WIFSIGNALED(status);
}

/* A child that stopped or went on has not ended. The caller may not want the status: we do. */
#define WAIT(name, parameters, arguments) \
VT_API pid_t name parameters \
{ \
	int own = 0; \
	if (is_off()) \
		return NEXT(name) arguments; \
	status = status ? status : &own; \
	const uint64_t begin = vt_ticks(); \
	pid_t pid = NEXT(name) arguments; \
	note(C_##name, VT_CAT_process, begin, pid, pid < 0, pid > 0 && has_ended(*status) ? REAPED : NONE); \
	return pid; \
}
WAIT(wait, (int *status), (status))
WAIT(waitpid, (pid_t child, int *status, int flags), (child, status, flags))
WAIT(wait3, (int *status, int flags, struct rusage *usage), (status, flags, usage))
WAIT(wait4, (pid_t child, int *status, int flags, struct rusage *usage), (child, status, flags, usage))

VT_API int waitid(idtype_t type, id_t id, siginfo_t *info, int flags)
{
	if (is_off())
		return NEXT(waitid)(type, id, info, flags);
	const uint64_t begin = vt_ticks();
	int result = NEXT(waitid)(type, id, info, flags);
	bool ended = result == 0 && info && info->si_pid != 0 && !(flags & WNOWAIT) &&
	             info->si_code != CLD_STOPPED && info->si_code != CLD_CONTINUED;
	note(C_waitid, VT_CAT_process, begin, result, result < 0, ended ? REAPED : NONE);
	return result;
}

VT_API int system(const char *command)
{
	if (is_off() || !command)
		return NEXT(system)(command);
	const uint64_t begin = vt_ticks();
	int result = NEXT(system)(command);
	note(C_system, VT_CAT_process, begin, result, result == -1, SPAWNED);
	if (result != -1)
		add(REAPED, 1);
	return result;
}

static void (*next_exit)(int);

static void find_exit(void)
{
	*(void **)&next_exit = dlsym(RTLD_NEXT, "_exit");
}

/* Not counted: it does not return. But what a forked child has counted must not go with it. */
VT_API _Noreturn void _exit(int status)
{
	if (!is_off())
		vt_calls_settle();
	if (!next_exit)
		find_exit();
	next_exit(status);
	__builtin_unreachable();
}

static int (*next_prctl)(int, ...);

static void find_prctl(void)
{
	*(void **)&next_prctl = dlsym(RTLD_NEXT, "prctl");
}

/*
 * Not counted, but it shuts the doors: a filter may kill for a system call that the program itself never makes,
 * so ours of a thread's first count come before (libseccomp, too, sets NO_NEW_PRIVS by this call). Behind strict
 * seccomp even reading the time stamp counter is SIGSEGV: nothing of this thread is counted from then on.
 */
VT_API int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;
	va_start(list, option);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	if (!next_prctl)
		find_prctl();
	if ((option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS) && !is_off())
		vt_calls_make_ready();
	const bool strict = option == PR_SET_SECCOMP && a[0] == SECCOMP_MODE_STRICT;
	vt_thread_inside += strict;
	int result = next_prctl(option, a[0], a[1], a[2], a[3]);
	if (strict && result != 0)
		vt_thread_inside--;
	return result;
}

/* ---- signals --------------------------------------------------------------------------------------- */

/*
 * Handlers run through ours, which counts. The program never sees ours: it is told its own. In a child of
 * vfork the table is its parent's, so it is left alone.
 */
typedef void handler(int number, siginfo_t *info, void *context);
static handler *handlers[NSIG];

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct vt_ring_file *f = vt_process.file;
	int saved = errno;

	/* No claim: the stack may be a small one. */
	if (on && vt_load_relaxed(&vt__gate.counting)) {
		if (vt__ring)
			vt_count_in_handler(VT_M_libc_signals_handled, 1);
		else if (f)
			vt_add_relaxed(&f->overflow[VT_M_libc_signals_handled], 1);
	}
	errno = saved;
	__atomic_load_n(&handlers[number], __ATOMIC_ACQUIRE)(number, info, context);
}

static bool is_replaceable(int number, handler *wanted)
{
	return number > 0 && number < NSIG && wanted != on_signal && (uintptr_t)wanted > 1 &&
	       (intptr_t)wanted != -1 && !is_off() && (uint32_t)getpid() == vt_process.pid;
}

VT_API int sigaction(int number, const struct sigaction *restrict to, struct sigaction *restrict old)
{
	bool counted = !is_off(), replaced = to && is_replaceable(number, to->sa_sigaction);
	handler *before = number > 0 && number < NSIG ? handlers[number] : NULL;
	struct sigaction ours;

	if (replaced) {
		ours = *to;
		__atomic_store_n(&handlers[number], to->sa_sigaction, __ATOMIC_RELEASE);
		ours.sa_sigaction = on_signal;
	}
	const uint64_t begin = vt_ticks();
	int result = NEXT(sigaction)(number, replaced ? &ours : to, old);
	if (counted)
		note(C_sigaction, VT_CAT_signal, begin, result, result < 0, NONE);
	if (replaced && result < 0)
		__atomic_store_n(&handlers[number], before, __ATOMIC_RELEASE);
	if (result == 0 && old && old->sa_sigaction == on_signal)
		old->sa_sigaction = before;
	return result;
}

VT_API sighandler_t signal(int number, sighandler_t to)
{
	bool counted = !is_off(), replaced = is_replaceable(number, (handler *)(function *)to);
	handler *before = number > 0 && number < NSIG ? handlers[number] : NULL;

	if (replaced)
		__atomic_store_n(&handlers[number], (handler *)(function *)to, __ATOMIC_RELEASE);
	const uint64_t begin = vt_ticks();
	sighandler_t old = NEXT(signal)(number, replaced ? (sighandler_t)(function *)on_signal : to);
	if (counted)
		note(C_signal, VT_CAT_signal, begin, old == SIG_ERR ? -1 : 0, old == SIG_ERR, NONE);
	if (replaced && old == SIG_ERR)
		__atomic_store_n(&handlers[number], before, __ATOMIC_RELEASE);
	return old == (sighandler_t)(function *)on_signal ? (sighandler_t)(function *)before : old;
}

/* ---- the probe ------------------------------------------------------------------------------------- */

void vt_libc_prepare(void)
{
	for (unsigned i = 1; i < VT_HOST_CALLS; i++)
		if (vt_call_table[i].name && !vt_call_table[i].heap)
			next_of(i);
	find_exit();
	find_prctl();
}

void vt_libc_attach(void)
{
	uint64_t hz = vt_process.file->tick_hz;

	ns_per_tick = hz ? (uint64_t)(((vt_u128)1000000000u << 32) / hz) : 0;
	for (unsigned i = 1; i < VT_HOST_CALLS; i++)
		if (vt_call_table[i].name && vt_load_relaxed(&vt__gate.mask) >> vt_call_table[i].category & 1)
			names[i] = vt_string(vt_call_table[i].name);
	for (unsigned m = VT_M_libc_read; m <= VT_M_libc_signals_handled; m++)
		vt_metric_declare(m);
	vt_source_say(VT_SRC_kernel, true, "");
	on = true;
}
