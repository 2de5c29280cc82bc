/* thread.h - slots of threads: claimed at a thread's first emit, given back at its end. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <valktrace/ring.h>

/* A slot for the calling thread, which has none; NULL: none to be had. Sets vt__ring. */
struct vt_slot *vt_thread_claim(void);

/*
 * Puts a ring's private words right after an emit that ended anywhere inside entering a segment:
 * commit is the truth. For its thread, or its next owner.
 */
void vt_ring_restore(struct vt_ring *ring);

#endif
