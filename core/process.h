/*
 * process.h - the producer's side of this process: its gate, its ring file, its threads.
 *
 * Owned by core/thread.c; core/strings.c adds names and types, collectors declare metrics. Everything
 * here works in the agent as well: libc and pthreads only.
 */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <pthread.h>

#include "core/ring_file.h"

enum { VT_WANTED_NAMES = 512 };

struct vt_process {
	struct vt_gate *gate;           /* of this library; who joined us has one of his own */
	struct vt_ring_file *file;      /* NULL: not attached */
	struct vt_ring_place place;
	struct vt_geometry geometry;
	uint32_t *bell;                 /* futex that wakes the recorder: in the file, or the run's own */
	const uint32_t *closed;         /* not 0 once the run of `record` is over; or NULL */
	uint32_t pid;                   /* of the process that may claim slots: no child of vfork may */
	bool follow_fork;               /* forked children make a ring file of their own */
	bool detached_child;            /* forked, and no ring file yet */
	pthread_mutex_t *lock;          /* tables of strings and types, snapshots; never taken by an emit */
	char wanted_names[VT_WANTED_NAMES];     /* categories to switch on once they are registered: "a,b" */
	const struct vt_outer *outer;   /* whom we joined: the attachment is theirs; NULL: our own */
	struct vt_process *joined;      /* who joined us, and sees a change of file; NULL: nobody */
	struct vt_run_failures *failures;       /* where to count that there is no ring file; or NULL */
};

/*
 * One process, one tracer: a host's library that finds the agent of `record` joins it, and both write the
 * same rings. They have no variable in common, each is linked with its own copy of this code; the agent's
 * one exported symbol, valktrace_agent_1, is the way from one to the other.
 */
struct vt_outer {
	uint32_t abi;                   /* VT_ABI: of every structure behind it */
	struct vt_process *process;
	/* The calling thread's ring, claimed if need be; *theirs follows it from then on. */
	struct vt_ring *(*claim)(struct vt_ring **theirs);
};

/* Joins another library's attachment. 0, or -ENOTCONN if it has none. */
int vt_process_join(const struct vt_outer *outer);

/* Leaves it: this library's emits go quiet, theirs go on. */
void vt_process_leave(void);

/* For struct vt_outer. */
struct vt_ring *vt_thread_claim_for(struct vt_ring **theirs);

extern struct vt_process vt_process;

/*
 * Makes the ring file in `directory` for `run` and opens the gate. `bell` NULL: the one in the file.
 * 0 or a negative error; then nothing is recorded.
 */
int vt_process_attach(const char *directory, uint64_t run, const struct vt_geometry *g,
                      uint64_t mask, uint32_t *bell, bool follow_fork);

/* Counts for the recorder that this process has no ring file, and why. False: there is no recorder to tell. */
bool vt_process_failed(int error);

/* The recorder looks for files once more after it has set `closed`: it has seen ours, or we see that. */
static inline bool vt_run_is_over(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vt_process.closed && vt_load_relaxed(vt_process.closed);
}

/* Is this process recorded now? Not in a child that has its parent's memory but no ring file. */
static inline bool vt_process_recording(void)
{
	return vt_process.file && vt_load_relaxed(&vt__gate.counting);
}

/* Closes the gate: threads go quiet. The file stays mapped, for a thread may be inside an emit. */
void vt_process_detach(void);

/* After a recording: takes the ring file's name out of the run's, for the next recording to use. */
void vt_process_put_away(void);

/* Refreshes the private mask from the file's wanted_mask. */
void vt_process_refresh_mask(void);

/* Rings the recorder's bell if it sleeps. Async-signal-safe, keeps errno. */
void vt_process_wake(void);

/* Copies the system's name of the calling thread into its entry. */
void vt_thread_refresh_name(void);

/* This thread's slot number, or -1. */
int vt_thread_slot(void);

/* Declares that a metric has a writer: 0 then means 0. */
void vt_metric_declare(enum vt_metric_id metric);

/* Sets a GAUGE: last value, one a process. */
void vt_gauge_set(enum vt_metric_id metric, uint64_t value);

/* Adds to a GAUGE that several threads change; it never falls below 0. */
void vt_gauge_add(enum vt_metric_id metric, int64_t n);

/* The value last set; 0 if none. */
uint64_t vt_gauge(enum vt_metric_id metric);

/*
 * Called when what was counted so far no longer counts: for a new recording of this process, and by
 * vt_reset. For who keeps more than cells. NULL: nobody does.
 */
extern void (*vt_process_on_reset)(void);

/* Says that a source feeds this process, or why it does not. */
void vt_source_say(enum vt_source_id source, bool available, const char *reason);

/* Words of a record of this type after the first, without a TEXT field's bytes; < 0: no such type. */
int vt_record_words(unsigned id, bool *has_text);

#endif
