/*
 * recorder_thread.h - the recorder inside a host: on a libuv loop and a thread of its own. One a process.
 *
 * Everything here is called by one thread at a time (the tracer's lock).
 */
#ifndef CORE_RECORDER_THREAD_H
#define CORE_RECORDER_THREAD_H

#include "core/options.h"
#include "core/wire.h"

/*
 * Can it run? In a process that carries a libuv of another minor than we were compiled with (Node has its
 * own, and its symbols come first) loops and handles have other sizes and rules: false, and why.
 */
bool vt_recorder_thread_possible(char *why, size_t size);

struct vt_recorder_user {
	void (*on_loss)(void *user, uint64_t lost);     /* NULL: nobody asks */
	void *user;
};

/* Opens the log at `path` and records the process that is attached (core/process.h). 0 or an error. */
int vt_recorder_thread_start(const struct vt_settings *s, const char *path, uint64_t run,
                             const struct vt_recorder_user *user);

/* Returns when all that was in the rings is in the log, or with the recorder's error. */
int vt_recorder_thread_flush(void);

/* Drains all, says how the process ended, closes the log, ends the thread. 0 or the log's first error. */
int vt_recorder_thread_stop(enum vt_ending ending, uint32_t status);

#endif
