/*
 * nesting.h - which slices fit beside each other on one line of a viewer, where they must nest.
 *
 * A lane gets slices in order of their ends: those that are open, which begin and end at the moment
 * they are told of, and whole ones, which are told of when they are over and began some time
 * before. A whole one fits if it cuts none that is there. Of those that are over, a lane knows at
 * least the last VT_LANE_PAST / 2 one by one; all before them are one block, which nothing may begin
 * within.
 */
#ifndef DECODER_NESTING_H
#define DECODER_NESTING_H

#include <stdbool.h>
#include <stdint.h>

#define VT_LANE_PAST 32u

struct vt_lane_fit {
	uint64_t last;                  /* ns: nothing is told of out of order */
	struct vt_lane_slice { uint64_t from, to; } *past;      /* side by side, earliest first */
	unsigned past_count, past_capacity;
	unsigned most;                  /* of them, if more than VT_LANE_PAST; set it before the first */
	uint64_t *open;                 /* begins of the open ones, outermost first */
	unsigned depth, capacity;
};

/* The time as the lane takes it: never before what was told last. */
static inline uint64_t vt_lane_time(struct vt_lane_fit *f, uint64_t ns)
{
	if (ns > f->last)
		f->last = ns;
	return f->last;
}

/* A slice begins at the lane's last time. False: no memory. */
bool vt_lane_begin(struct vt_lane_fit *f);

/* The innermost open one ends at the lane's last time. */
void vt_lane_end(struct vt_lane_fit *f);

/*
 * A whole slice, over at `to`. False: it does not fit. With `trim` its begin is moved behind
 * whatever it would cut: for slices that are known to nest, where the two clocks that tell so are
 * not read at once.
 */
bool vt_lane_whole(struct vt_lane_fit *f, uint64_t *from, uint64_t to, bool trim);

void vt_lane_free(struct vt_lane_fit *f);

#endif
