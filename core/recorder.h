/*
 * recorder.h - drains the rings of a run into its log, on a libuv loop. One piece of code in two places:
 * on a thread of its own inside the host (core/tracer.c), or in the process `valktrace record`
 * (core/record.c).
 *
 * Everything here is called on the loop's thread. A recorder with nothing to do sleeps: a waiter thread
 * sits on the bell (a futex that producers ring when they enter a segment) and sends a uv_async.
 */
#ifndef CORE_RECORDER_H
#define CORE_RECORDER_H

#include <pthread.h>
#include <semaphore.h>

#include <uv.h>

#include "core/follow.h"
#include "core/log.h"
#include "core/options.h"
#include "core/warn.h"

#define VT_REASON_MAX 128u

/* The command of a run in which no process had a ring: what info and summary tell of it. */
struct vt_untraced {
	uint32_t pid;
	enum vt_ending ending;
	uint32_t status;
	uint64_t start;                 /* ticks */
	struct vt_anchor end;
	char program[64], reason[VT_REASON_MAX];
	const char *advice;
};

struct vt_recorder {
	uv_loop_t *loop;
	uv_async_t *rung;               /* the waiter's; of the size that libuv says, as the timers */
	uv_timer_t *flush_timer, *counters_timer;
	pthread_t waiter;
	sem_t armed;                    /* posted when the waiter may wait again */
	uint32_t *bell;
	bool waiting, stopping;

	struct vt_log log;
	struct vt_splitter *splitter;
	struct vt_collecting *collecting;
	struct vt_settings settings;
	struct vt_warner *warner;       /* NULL: no rule was given */
	struct vt_follow_out out;
	struct vt_followed **processes; /* those that are still followed */
	unsigned process_count, process_room;
	uint32_t next_process, next_ring;
	uint64_t chunks_at_repeat;
	uint64_t events, lost;          /* of processes that are done */
	char options[160];              /* what was asked for, as a line of `info` */
	struct vt_fullest fullest;      /* of the rings of processes that are done */
	uint64_t wakeups, started_ns;
	int error;                      /* of the log, since it last worked */
	bool said;                      /* ... and it was said */
	bool unfinished;                /* a process's rest could not be written: the log must not be closed */
	char missing[VT_REASON_MAX];    /* processes that made no ring file, and why; "" none: a line of `info` */
	const struct rusage *usage;     /* of a process that has ended and is finished now, as wait gives it */
	uint32_t usage_pid;
	void (*problem)(void *user, int error);
	void (*flushed)(void *user);    /* after each timed flush; NULL: nobody asks */
	void *problem_user;             /* of both */
};

/*
 * Opens the log and writes the schema. `bell` is what the processes ring. 0 or a negative error, after
 * which the recorder is as if never opened.
 */
int vt_recorder_open(struct vt_recorder *r, uv_loop_t *loop, const struct vt_settings *settings,
                     const char *path, bool replace, uint64_t run, uint32_t *bell);

/* Starts to follow a process whose ring file is open in `view`. Its index, or a negative error. */
int64_t vt_recorder_add(struct vt_recorder *r, const struct vt_ring_view *view, uint64_t image);

/* The followed process with this index; NULL: done or never there. */
struct vt_followed *vt_recorder_process(struct vt_recorder *r, uint32_t index);

/* Writes the rest of a process and forgets it. */
int vt_recorder_finish(struct vt_recorder *r, uint32_t index, enum vt_ending ending, uint32_t status);

/* Writes that process, its facts, and `reason` for every source. Once, when no process was added. */
int vt_recorder_untraced(struct vt_recorder *r, const struct vt_untraced *u);

/* Drains all that was committed before the call. 0 or the log's error. */
int vt_recorder_flush(struct vt_recorder *r);

/*
 * Closes the log; processes that are still followed are finished with `ending`. A log that lacks the rest
 * of a process gets no tail, so that readers look for its ring file. Then closes the loop's
 * handles: run the loop once more. 0, or the log's error.
 */
int vt_recorder_close(struct vt_recorder *r, enum vt_ending ending);

uint64_t vt_recorder_events(const struct vt_recorder *r);
uint64_t vt_recorder_lost(const struct vt_recorder *r);

#endif
