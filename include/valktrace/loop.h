/*
 * loop.h - watch a libuv event loop: iterations, events, events waiting, idle time.
 *
 * libuv 1.45 and later count events themselves (uv_metrics_info, found at run time); with an older
 * one iterations are counted by a prepare handle and events are absent, not 0. Idle time needs
 * UV_METRICS_IDLE_TIME, which makes libuv poll twice an iteration: it is opt-in.
 */
#ifndef VALKTRACE_LOOP_H
#define VALKTRACE_LOOP_H

#include <valktrace/compiler.h>

struct uv_loop_s;

enum vt_loop_flags {
	VT_LOOP_IDLE_TIME = 1,      /* measure idle time; call it before the loop first runs */
};

VT_BEGIN_DECLS

/*
 * Watches a loop under a name. The handles are unreferenced: the loop ends when it would have.
 * Return: 0, or a negative error (libuv's or errno's). Context: the loop's thread.
 */
VT_CALL int vt_loop_watch_with(struct uv_loop_s *loop, const char *name, unsigned flags)
	VT_DISABLED(return 0;)
#define vt_loop_watch(loop, name) vt_loop_watch_with((loop), (name), 0)

/* Before uv_loop_close: closes the handles; run the loop once more (uv_run) to let them close. */
VT_CALL void vt_loop_unwatch(struct uv_loop_s *loop) VT_DISABLED()

VT_END_DECLS

#endif
