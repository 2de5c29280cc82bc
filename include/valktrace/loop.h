/*
 * loop.h - watch a libuv event loop: iterations, events, idle time, lag, handles, thread-pool jobs.
 *
 *   vt_loop_watch(uv_default_loop(), "main");
 *   uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *   vt_loop_unwatch(uv_default_loop());
 *
 * libuv 1.45 and later count iterations and events themselves (uv_metrics_info, found at run time:
 * source "native"); with an older one iterations are counted by a prepare handle (source "prepare") and
 * events are absent, not 0. The two counts are not comparable: before 1.45 timers run before the poll,
 * and take an iteration more. Timers are no events for libuv, and a loop without an active handle has no
 * iteration.
 *
 * Idle time needs UV_METRICS_IDLE_TIME, which makes libuv poll twice an iteration: it is opt-in. Only
 * with it there are an idle share and lag. Lag is the time from the end of a wait to the begin of the
 * next: so long an event or a timer may have to wait before it is served.
 */
#ifndef VALKTRACE_LOOP_H
#define VALKTRACE_LOOP_H

#include <valktrace/compiler.h>

struct uv_loop_s;

enum vt_loop_flags {
	VT_LOOP_IDLE_TIME = 1,      /* measure idle time; call it before the loop first runs */
};

/* A job of a thread pool. The host's, one a job; its fields are ours. */
struct vt_loop_work {
	uint64_t vt__queued, vt__begun;
};

VT_BEGIN_DECLS

/*
 * Watches a loop under a name. The handles are unreferenced: the loop ends when it would have.
 * Return: 0, or a negative error (libuv's or errno's). Context: the loop's thread.
 */
VT_CALL int vt_loop_watch_with(struct uv_loop_s *loop, const char *name, unsigned flags)
	VT_DISABLED(return 0;);
#define vt_loop_watch(loop, name) vt_loop_watch_with((loop), (name), 0)

/*
 * Counts what has happened since the iteration began, so that metrics which are read next are those of
 * this moment; without it they are those of the last time the loop came round. Context: the loop's thread.
 */
VT_CALL void vt_loop_update(struct uv_loop_s *loop) VT_DISABLED();

/* Before uv_loop_close: closes the handles; run the loop once more (uv_run) to let them close. */
VT_CALL void vt_loop_unwatch(struct uv_loop_s *loop) VT_DISABLED();

/*
 * A job of libuv's thread pool, or of any other: queued where uv_queue_work is called, begin and end in
 * the function that it runs, cancelled where its status is UV_ECANCELED. Any thread.
 */
VT_CALL void vt_loop_work_queued(struct vt_loop_work *w) VT_DISABLED();
VT_CALL void vt_loop_work_begin(struct vt_loop_work *w) VT_DISABLED();
VT_CALL void vt_loop_work_end(struct vt_loop_work *w) VT_DISABLED();
VT_CALL void vt_loop_work_cancelled(struct vt_loop_work *w) VT_DISABLED();

VT_END_DECLS

#endif
