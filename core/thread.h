/* thread.h - slots of threads: claimed at a thread's first emit, given back at its end. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <valktrace/ring.h>

/* A slot for the calling thread, which has none; NULL: none to be had. Sets vt__ring. */
struct vt_slot *vt_thread_claim(void);

/*
 * Not 0 while this thread runs code of ours that calls the C library: what interposes calls looks at it,
 * so that ours are not counted as the program's.
 */
extern VT_THREAD_LOCAL unsigned vt_thread_inside __attribute__((tls_model("initial-exec")));

/* In a forked child: its parent's are not its own. */
void vt_calls_forget(void);

/* Before a process ends: what it has counted so far without a ring file goes into one. */
void vt_calls_settle(void);

/* Makes what the calling thread counts into now: its later calls make no system call of ours. */
void vt_calls_make_ready(void);

/* What was counted of calls so far is the base of a new recording. */
void vt_calls_rebase(struct vt_ring_file *f, struct vt_slot *slot);

/*
 * Puts a ring's private words right after an emit that ended anywhere inside entering a segment:
 * commit is the truth. For its thread, or its next owner.
 */
void vt_ring_restore(struct vt_ring *ring);

#endif
