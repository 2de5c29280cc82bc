/*
 * perf_child.h - a perf that runs beside the recording, on the recorder's loop.
 *
 * Its numbers come on descriptor 3, a pipe of our own, its messages on another; its standard input and output
 * are /dev/null. It has a process group of its own (a ^C of the terminal is not for it), default signals, and
 * an environment without what would record it too. It is seen to end by a pidfd, not by SIGCHLD, whose handler
 * is the host's or, in `record`, a signalfd's: uv_spawn would take it away from them, or wait for ever.
 * When the recorder dies perf dies of SIGPIPE.
 */
#ifndef COLLECTORS_PERF_CHILD_H
#define COLLECTORS_PERF_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct uv_loop_s;
struct uv_poll_s;

struct vt_perf_child {
	/* Set these three before the start. `exited` may start the next one. status: as of waitpid, -1 unknown. */
	void (*bytes)(void *user, const char *bytes, size_t count);
	void (*exited)(void *user, int status);
	void *user;
	pid_t pid;                      /* 0: none runs */
	int ended, numbers, messages;   /* descriptors */
	struct uv_poll_s *polls[3];     /* of them */
	char said[1024];                /* the beginning of its messages */
	size_t said_length;
};

/* Runs argv[0], searched for in PATH. 0 or a negative error; then none runs, and `exited` is not called. */
int vt_perf_child_start(struct vt_perf_child *c, struct uv_loop_s *loop, const char *const argv[]);

/* Interrupts it, and waits until it has ended and all that it printed is read; at most `ms`. */
void vt_perf_child_finish(struct vt_perf_child *c, int ms);

/* Kills it, if it runs, and forgets it: `exited` is not called. Its handles are freed by the loop. */
void vt_perf_child_kill(struct vt_perf_child *c);

#endif
