/*
 * tracer.h - the state of a host that records itself, between core/tracer.c (start, stop, what is on),
 * core/tracer_metrics.c (live metrics) and core/dump.c.
 */
#ifndef CORE_TRACER_H
#define CORE_TRACER_H

#include <pthread.h>
#include <sys/types.h>

#include <valktrace.h>

#include "core/options.h"

/* Where the events of this process go. */
enum vt_tracing {
	VT_TRACING_OFF,
	VT_TRACING_JOINED,              /* into the log of `valktrace record` */
	VT_TRACING_RECORDER,            /* a recorder runs on a thread of ours */
	VT_TRACING_RING,                /* into the ring file alone, as was asked for */
	VT_TRACING_RING_FALLBACK,       /* ... as no recorder can run here: vt_stop writes the log */
};

struct vt_tracer {
	pthread_mutex_t lock;           /* of vt_start, vt_stop, vt_flush, vt_dump, vt_metrics_read */
	enum vt_tracing state;
	pid_t pid;                      /* of the process that runs: a forked child has no recorder */
	uint64_t run;
	struct vt_settings settings;
	struct vt_resolved resolved;
	char log_path[PATH_MAX];        /* %p and %t expanded at the start */
	char output[PATH_MAX];          /* as given */
	char program[64], version[64];  /* for live metrics: as in the log */
	uint64_t snapshots_taken;       /* the recorder has those up to this number for certain */
};

extern struct vt_tracer vt_tracer;

/* Is this process (not its parent) recording? */
bool vt_tracer_on(void);

/* Waits until the recorder has drained what is in the rings now. Under the lock. */
int vt_tracer_flush(void);

#endif
