/*
 * record_child.h - the recorded command as our child: started with all that it would have had without
 * us, passed the signals that are meant for it, stopped and gone on with, and its end copied.
 *
 * All signals that may concern it are blocked from before its start to our end and read from a signalfd:
 * so none is lost before there is a child, and none kills us before the log is closed. A signal of the
 * terminal (SI_KERNEL) has reached the whole foreground group and is not sent on; one that a process sent
 * is. We stop when the command stops at a signal of job control, and only then.
 */
#ifndef CORE_RECORD_CHILD_H
#define CORE_RECORD_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <uv.h>

#include "core/clock.h"

struct vt_child {
	pid_t pid;                      /* 0: none yet */
	int status;                     /* of wait, once `ended` */
	bool ended, stopped;
	struct vt_anchor begin, end;
	struct rusage usage;            /* once `ended`: of the command and the children it waited for */
	long memory_before;             /* KiB: what ru_maxrss has of us, from before the exec */
	void (*on_end)(struct vt_child *c);     /* it is a zombie still, so that /proc knows it */
	/* A signal that came after the end, when there is still something we wait for; may be NULL. */
	void (*on_late_signal)(struct vt_child *c);
	uv_poll_t poll;
	int signals;                    /* signalfd */
	sigset_t mask_before;
	struct sigaction chld_before;
};

/* Blocks and watches the signals, on `loop`. Before anything is opened that a signal must not leave behind. */
int vt_child_hold_signals(struct vt_child *c);
int vt_child_watch(struct vt_child *c, uv_loop_t *loop);

/* Gives the signals back, for a failure before the start: those that waited act now. */
void vt_child_release_signals(struct vt_child *c);

/* Has a signal come that would have ended us, so that the command must not be started any more? */
bool vt_child_must_not_start(void);

/*
 * Starts argv with the environment as it is now; `path` is what to execute, NULL: as execvp finds it. 0; a
 * negative error: no process could be made; a positive errno: exec failed.
 */
int vt_child_start(struct vt_child *c, const char *path, char **argv);

/* Ends this process as the command ended: the same exit status, or the same signal without a core. */
int vt_child_end_alike(const struct vt_child *c);

#endif
