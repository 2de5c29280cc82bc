/*
 * gc_history.h - the last cycles of a collector, written and read by any number of threads at once.
 *
 * A writer takes a ticket, which names its slot and never comes again, and marks the slot as being written
 * by the odd number 2 * ticket + 1; the even 2 * ticket + 2 says that it is whole. A reader looks at that
 * number before and after it copies: a slot that changed in between, or that is of another lap, is left
 * out. Nobody waits for anybody.
 */
#ifndef COLLECTORS_GC_HISTORY_H
#define COLLECTORS_GC_HISTORY_H

#include <valktrace/gc.h>

enum { VT_CYCLE_WORDS = sizeof(struct vt_gc_cycle) / 8 };

struct vt_gc_slot {
	uint64_t sequence;              /* 0: never written */
	uint64_t words[VT_CYCLE_WORDS];
};

struct vt_gc_history {
	uint64_t next;                  /* ticket of the next cycle */
	uint64_t base;                  /* the first that counts: see vt_gc_history_forget */
	uint64_t dropped;               /* their slot was still being written by one a lap older */
	unsigned count;                 /* slots */
	struct vt_gc_slot *slots;
};

void vt_gc_history_push(struct vt_gc_history *h, const struct vt_gc_cycle *cycle);

/*
 * Steps back from the newest cycle: *ticket is where to go on, UINT64_MAX at first. False: no more. A
 * cycle that cannot be had is skipped.
 */
bool vt_gc_history_step(const struct vt_gc_history *h, uint64_t *ticket, struct vt_gc_cycle *to);

/* What was recorded up to now is no longer told. */
void vt_gc_history_forget(struct vt_gc_history *h);

#endif
