/*
 * merge.h - all selected events of a log in one order: ticks, process index, ring id; a gap comes before
 * an event at the same place.
 *
 * One cursor leads and delivers as long as its events come before `bound`, the next moment at which
 * anything else may have its turn. The others wait in a binary heap; sections not begun yet wait in the
 * log, sorted by their first event, and are decompressed when they lead for the first time.
 */
#ifndef DECODER_MERGE_H
#define DECODER_MERGE_H

#include "decoder/cursor.h"

struct vt_waiting {                     /* the cursor's key stands beside it: most comparisons need no more */
	uint64_t key;
	struct vt_cursor *cursor;
};

struct vt_merge {
	struct vt_log *log;
	const struct vt_selection *selection;
	struct vt_clock clock;
	struct vt_cursor *lead;
	struct vt_waiting *heap;
	size_t heap_count, heap_capacity;
	size_t next_section, next_gap;
	uint64_t outside;               /* when the next section or gap that is not in the heap begins */
	uint64_t bound;                 /* the smaller of it and the first key of the heap */
	size_t open_bytes;              /* memory of open cursors */
	struct vt_event event;
	struct vt_gap gap;
};

void vt_merge_start(struct vt_merge *m, struct vt_log *log, const struct vt_selection *s);

/* 1, m->event is the next one; 0: the end; -ENOMEM. */
int vt_merge_next(struct vt_merge *m);

void vt_merge_stop(struct vt_merge *m);

#endif
