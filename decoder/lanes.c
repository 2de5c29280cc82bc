/* lanes.c - see lanes.h. */
#include "decoder/lanes.h"

#include <stdlib.h>
#include <string.h>

bool vt_lane_begin(struct vt_lane_fit *f)
{
	if (f->depth == f->capacity) {
		unsigned capacity = f->capacity ? 2 * f->capacity : 16;
		uint64_t *open = realloc(f->open, capacity * sizeof(*open));
		if (!open)
			return false;
		f->open = open;
		f->capacity = capacity;
	}
	f->open[f->depth++] = f->last;
	return true;
}

/* Those that began within the new one are inside it: it stands for them from now on. */
static void remember(struct vt_lane_fit *f, uint64_t from, uint64_t to)
{
	while (f->past_count > 0 && f->past[f->past_count - 1].from >= from &&
	       f->past[f->past_count - 1].to > from)
		f->past_count--;
	/* The two oldest become one: what contains both still fits, what begins within them does not. */
	if (f->past_count == VT_LANE_PAST) {
		f->past[1].from = f->past[0].from;
		memmove(f->past, f->past + 1, (VT_LANE_PAST - 1) * sizeof(*f->past));
		f->past_count--;
	}
	f->past[f->past_count].from = from;
	f->past[f->past_count++].to = to;
}

void vt_lane_end(struct vt_lane_fit *f)
{
	if (f->depth > 0)
		remember(f, f->open[--f->depth], f->last);
}

bool vt_lane_whole(struct vt_lane_fit *f, uint64_t *from, uint64_t to, bool trim)
{
	uint64_t start = *from, least = f->depth > 0 ? f->open[f->depth - 1] : 0;
	unsigned i = f->past_count;

	if (start < least && !trim)
		return false;
	start = start < least ? least : start;
	while (i > 0 && f->past[i - 1].from > start)
		i--;
	/*
	 * The one before is over by then, or is cut, or began at once: a viewer could not tell
	 * which is inside.
	 */
	if (i > 0 && f->past[i - 1].to > start) {
		if (!trim)
			return false;
		for (i--; i < f->past_count && f->past[i].from <= start; i++)
			start = f->past[i].to > start ? f->past[i].to : start;
	}
	if (start > to)
		return false;
	*from = start;
	remember(f, start, to);
	f->last = to > f->last ? to : f->last;
	return true;
}

void vt_lane_free(struct vt_lane_fit *f)
{
	free(f->open);
}
