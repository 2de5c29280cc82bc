/*
 * timeline.h - ticks to nanoseconds as format.h says: straight lines between clock anchors, in integers, so
 * that every machine gets the same result, and never going backwards.
 */
#ifndef DECODER_TIMELINE_H
#define DECODER_TIMELINE_H

#include <stdint.h>
#include <stddef.h>

#define VT_TIMELINE_SHIFT 40u   /* slopes up to 2^24 ns a tick, exact to 1e-12 of it */

struct vt_anchor {
	uint64_t ticks, monotonic;
};

struct vt_line {                 /* from `ticks` on, until the next line */
	uint64_t ticks;
	int64_t ns;                 /* since the run's start */
	uint64_t slope;             /* ns a tick, VT_TIMELINE_SHIFT fraction bits */
};

struct vt_timeline {
	struct vt_anchor *anchors;
	size_t count, capacity;
	struct vt_line *lines;
	size_t line_count;
	uint64_t hz;                /* ticks a second, nominally: set it before the first anchor */
	uint64_t newest;            /* ticks of the anchor added last */
	uint64_t outside;           /* slope before the first and after the last */
	uint64_t error_ns;          /* farthest anchor from the line through the first and the last */
	uint64_t rejected;          /* anchors that contradict those before */
};

/*
 * 0 or -ENOMEM. An anchor within 10 ms of the one added before is none; beyond a million of them (eleven days of
 * one a second) later ones are left out.
 */
int vt_timeline_add(struct vt_timeline *c, uint64_t ticks, uint64_t monotonic);

/* Sorts the anchors and fits the lines. t_ns 0 is at `start`. */
int vt_timeline_finish(struct vt_timeline *c, uint64_t start);

/* ns since the start; 0 for what is before it. Changes nothing: any thread may ask. */
uint64_t vt_timeline_ns(const struct vt_timeline *c, uint64_t ticks);

/* Asks for one event after another: remembers the line it used last. One thread's own. */
struct vt_clock {
	const struct vt_timeline *timeline;
	struct vt_line line;        /* results are positive for `span` ticks from its start on */
	uint64_t span;
};

/* The general case of the call below. */
uint64_t vt_clock_find(struct vt_clock *c, uint64_t ticks);

static inline uint64_t vt_clock_ns(struct vt_clock *c, uint64_t ticks)
{
	__extension__ typedef unsigned __int128 u128;
	uint64_t distance = ticks - c->line.ticks;

	if (__builtin_expect(distance >= c->span, 0))
		return vt_clock_find(c, ticks);
	return (uint64_t)c->line.ns +
	       (uint64_t)((u128)distance * c->line.slope >> VT_TIMELINE_SHIFT);
}

void vt_timeline_free(struct vt_timeline *c);

#endif
