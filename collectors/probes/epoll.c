/*
 * epoll.c - event loops of unmodified programs, seen where they wait: epoll_wait and its kin cross a PLT
 * in every libuv, shared, linked in or loaded privately, and in most other loops.
 *
 * Nothing is hung into the loop: no handle that would show up in uv_walk or keep uv_loop_close from
 * succeeding. Two ways of counting iterations:
 *
 *   native  a Node.js executable exports its libuv. Its main loop is asked for its own counts on entering
 *           epoll_wait, which is on the loop's thread, as uv_metrics_info wants it. Other loops of that
 *           process (workers, the platform's timers) are left out, so the figures are the program's own.
 *   epoll   any other process: a poll is an iteration. With UV_METRICS_IDLE_TIME libuv polls twice: first
 *           without waiting, then, if there was nothing, waiting. See continues().
 *
 * Per thread one epoll descriptor at a time is followed; what a thread does is never locked.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <valktrace.h>

#include "collectors/probes/probe.h"
#include "core/clock.h"
#include "core/process.h"

#define LAG_NS 10000000u                /* as in collectors/loop.c */

typedef int wait_fn(int, struct epoll_event *, int, int);
typedef int pwait_fn(int, struct epoll_event *, int, int, const sigset_t *);
typedef int pwait2_fn(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

static wait_fn *real_wait;
static pwait_fn *real_pwait;
static pwait2_fn *real_pwait2;

/* What this thread's loop did last. */
static VT_THREAD_LOCAL struct {
	int fd_plus_1;
	bool looked;                    /* the last poll did not wait, and there was nothing */
	bool interrupted;               /* the last poll ended with EINTR */
	bool plain;                     /* the loop is known to poll once an iteration */
	uint64_t taken_as_one;          /* iterations that were counted as part of the one before */
	uint64_t returned;              /* ticks when the last poll ended; 0: none has */
	uint64_t events;                /* of this iteration */
} loop __attribute__((tls_model("initial-exec")));

/* ---- native ------------------------------------------------------------------------------------------- */

static struct {
	/* Decided by the main thread when it first polls. MAYBE: count nobody yet. */
	enum { NO, MAYBE, YES } is;
	pthread_t main;
	void *loop;
	void *(*default_loop)(void);
	int (*backend_fd)(const void *);
	int (*info)(void *, uint64_t *);
	uint64_t last[3];
} native;

static void *symbol(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* Node.js runs uv_default_loop() on its main thread, and says by N-API that it is Node.js. */
static void look_for_native(void)
{
	/* POSIX's way round the missing cast from object to function pointer. */
	*(void **)&native.default_loop = symbol("uv_default_loop");
	*(void **)&native.backend_fd = symbol("uv_backend_fd");
	*(void **)&native.info = symbol("uv_metrics_info");
	native.main = pthread_self();
	if (native.default_loop && native.backend_fd && native.info && symbol("napi_get_uv_event_loop"))
		native.is = MAYBE;
}

/* Is this poll the native loop's? Asked first, as uv_default_loop would make a loop that is not there. */
static bool is_native(int fd)
{
	if (vt_load_relaxed(&native.is) == NO || !pthread_equal(pthread_self(), native.main))
		return false;
	if (native.is == MAYBE) {
		native.loop = native.default_loop();
		vt_store_relaxed(&native.is, native.backend_fd(native.loop) == fd ? YES : NO);
	}
	/* A closed loop has no descriptor: its counts are gone as well. */
	return native.is == YES && native.backend_fd(native.loop) == fd;
}

/* libuv counts what a poll found when that has ended: of the last one before a death nothing is known. */
static uint64_t native_iterations(void)
{
	uint64_t now[64] = { 0 };       /* uv_metrics_t has 16 words; room for what it may become */

	if (native.info(native.loop, now) != 0)
		return 0;
	uint64_t iterations = now[0] - native.last[0];
	loop.events = now[1] - native.last[1];
	vt_count(VT_M_loop_events, loop.events);
	vt_count(VT_M_loop_events_waiting, now[2] - native.last[2]);
	memcpy(native.last, now, sizeof(native.last));
	return iterations;
}

/* ---- a poll ------------------------------------------------------------------------------------------- */

/*
 * Does a poll belong to the iteration of the one before? After EINTR yes: libuv and others poll again.
 * A wait after a look that found nothing may be libuv's second poll, or an iteration of its own. It is
 * taken for the former until the loop has once waited without a look before: then it never looks first,
 * and what was taken as one is made good.
 */
static bool continues(bool waits)
{
	if (!waits)
		return false;
	if (loop.interrupted)
		return true;
	if (!loop.looked) {
		loop.plain = true;
		vt_count(VT_M_loop_iterations, loop.taken_as_one);
		loop.taken_as_one = 0;
	}
	loop.taken_as_one += loop.looked && !loop.plain;
	return loop.looked && !loop.plain;
}

/* A loop that its host watches (loop.h) is counted there. */
static bool host_watches(const struct vt_ring_file *f)
{
	return vt_load_relaxed(&f->gauges[VT_M_loop_prepare]) > 0 ||
	       (vt_load_relaxed(&native.is) != YES && vt_load_relaxed(&f->gauges[VT_M_loop_native]) > 0);
}

/* Once a ring file: a forked child has one of its own. */
static void declare_metrics(struct vt_ring_file *f, bool is_default)
{
	static const struct vt_ring_file *declared;
	static const enum vt_metric_id own[] = {
		VT_M_loop_iterations, VT_M_loop_events, VT_M_loop_idle_time, VT_M_loop_busy_time,
		VT_M_loop_lag_max,
	};
	if (vt_load_relaxed(&declared) == f)
		return;
	vt_store_relaxed(&declared, f);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		vt_metric_declare(own[i]);
	if (is_default) {
		vt_metric_declare(VT_M_loop_events_waiting);
		vt_gauge_set(VT_M_loop_native, 1);
	}
	vt_source_say(VT_SRC_loop, true, NULL);
	vt_fact("loop", is_default ? "default (native)" : "epoll", VT_FIELD_PUBLIC);
}

static void count_iterations(int fd, bool waits, bool is_default)
{
	bool is_new = loop.fd_plus_1 != fd + 1;

	if (is_new) {
		uint64_t returned = loop.returned;
		if (loop.fd_plus_1 == 0 && !is_default)
			vt_gauge_add(VT_M_loop_epoll, 1);
		memset(&loop, 0, sizeof(loop));
		loop.returned = returned;
		loop.fd_plus_1 = fd + 1;
	}
	uint64_t n = is_default ? native_iterations() : !continues(waits);
	vt_count(VT_M_loop_iterations, n);
	if (n > 0) {
		VT_EMIT(loop, iteration, .events = loop.events);
		loop.events = 0;
	}
}

static void count_busy(uint64_t now)
{
	if (!loop.returned)
		return;
	uint64_t busy = vt_ticks_to_ns(now - loop.returned);
	vt_count(VT_M_loop_busy_time, busy);
	vt_count_max(VT_M_loop_lag_max, busy);
	if (busy >= LAG_NS)
		VT_EMIT(loop, lag, .time = busy);
}

struct poll { bool counted, is_default, waits; uint64_t begun; };

static struct poll begin(int fd, bool waits)
{
	struct poll p = { .waits = waits };
	int saved = errno;

	if (!vt_process_recording())
		return p;
	vt_count(VT_M_loop_iterations, 0);      /* a forked child makes its ring file here */
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording() || host_watches(f))
		return p;
	p.is_default = is_native(fd);
	p.counted = p.is_default || vt_load_relaxed(&native.is) == NO;
	if (p.counted) {
		p.begun = vt_ticks();
		declare_metrics(f, p.is_default);
		count_busy(p.begun);
		count_iterations(fd, waits, p.is_default);
		/* A handler may leave by longjmp, or the thread be cancelled: then nothing has returned. */
		loop.returned = 0;
		p.begun = vt_ticks();
	}
	errno = saved;
	return p;
}

static int end(const struct poll *p, int n)
{
	int saved = errno;

	if (!p->counted)
		return n;
	loop.returned = vt_ticks();
	loop.looked = !p->waits && n == 0;
	loop.interrupted = n < 0 && saved == EINTR;
	if (p->waits) {
		uint64_t idle = vt_ticks_to_ns(loop.returned - p->begun);
		vt_count(VT_M_loop_idle_time, idle);
		VT_EMIT(loop, idle, .time = idle);
	}
	if (n > 0 && !p->is_default) {
		vt_count(VT_M_loop_events, (uint64_t)n);
		loop.events += (uint64_t)n;
	}
	errno = saved;
	return n;
}

/* ---- what is interposed ------------------------------------------------------------------------- */

static void find_real(void)
{
	/* Before the constructor has run another library's may have called: each finds the same. */
	*(void **)&real_wait = dlsym(RTLD_NEXT, "epoll_wait");
	*(void **)&real_pwait = dlsym(RTLD_NEXT, "epoll_pwait");
	*(void **)&real_pwait2 = dlsym(RTLD_NEXT, "epoll_pwait2");
}

VT_API int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	if (vt_unlikely(!real_wait))
		find_real();
	struct poll p = begin(fd, timeout != 0);
	return end(&p, real_wait(fd, events, max, timeout));
}

VT_API int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout, const sigset_t *signals)
{
	if (vt_unlikely(!real_pwait))
		find_real();
	struct poll p = begin(fd, timeout != 0);
	return end(&p, real_pwait(fd, events, max, timeout, signals));
}

VT_API int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *signals)
{
	if (vt_unlikely(!real_pwait2))
		find_real();
	if (!real_pwait2) {
		errno = ENOSYS;
		return -1;
	}
	struct poll p = begin(fd, !timeout || timeout->tv_sec != 0 || timeout->tv_nsec != 0);
	return end(&p, real_pwait2(fd, events, max, timeout, signals));
}

/* ---- the probe: which libuv it is, as a fact; the loops show up when they first poll ------------- */

static bool attach(char *what, size_t size)
{
	const char *(*version)(void) = NULL;
	void *library = dlopen("libuv.so.1", RTLD_LAZY | RTLD_NOLOAD);

	look_for_native();
	*(void **)&version = dlsym(library ? library : RTLD_DEFAULT, "uv_version_string");
	if (version)
		snprintf(what, size, "libuv %.20s", version());
	if (library)
		dlclose(library);
	return version != NULL;
}

const struct vt_probe vt_probe_epoll = { .name = "libuv", .source = VT_SRC_loop, .attach = attach };
