/* nesting.c - see nesting.h. */
#include "decoder/nesting.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/memory.h"

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

/*
 * Room for one more. The older half becomes one block when there is none: what contains it still fits, what
 * begins within does not. The same when there is no memory.
 */
static void make_room(struct vt_lane_fit *f)
{
	size_t capacity = f->past_capacity, most = f->most > VT_LANE_PAST ? f->most : VT_LANE_PAST;
	unsigned half = f->past_count / 2;

	if (vt_array_grow(&f->past, &capacity, f->past_count, sizeof(*f->past), most)) {
		f->past_capacity = (unsigned)capacity;
		return;
	}
	if (half == 0)
		return;
	f->past[0].to = f->past[half - 1].to;
	f->past_count -= half - 1;
	memmove(f->past + 1, f->past + half, (f->past_count - 1) * sizeof(*f->past));
}

/* Those that began within the new one are inside it: it stands for them from now on. */
static void remember(struct vt_lane_fit *f, uint64_t from, uint64_t to)
{
	while (f->past_count > 0 && f->past[f->past_count - 1].from >= from &&
	       f->past[f->past_count - 1].to > from)
		f->past_count--;
	make_room(f);
	if (f->past_count < f->past_capacity)
		f->past[f->past_count++] = (struct vt_lane_slice){ from, to };
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
	free(f->past);
	free(f->open);
}
