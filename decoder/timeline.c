/* timeline.c - see timeline.h. */
#include "decoder/timeline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "decoder/memory.h"

#define CLOCK_ANCHORS   (1u << 20)
#define NS_A_SECOND     1000000000u

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

/* Of samples of many processes in one round the first will do: the error of reading two clocks is the smaller. */
static bool is_near(const struct vt_timeline *c, uint64_t ticks)
{
	uint64_t distance = ticks > c->newest ? ticks - c->newest : c->newest - ticks;

	return c->count > 0 && distance < c->hz / 100;
}

int vt_timeline_add(struct vt_timeline *c, uint64_t ticks, uint64_t monotonic)
{
	if (c->count >= CLOCK_ANCHORS || is_near(c, ticks))
		return 0;
	if (!vt_array_grow(&c->anchors, &c->capacity, c->count, sizeof *c->anchors, CLOCK_ANCHORS))
		return -ENOMEM;
	c->anchors[c->count++] = (struct vt_anchor){ ticks, monotonic };
	c->newest = ticks;
	return 0;
}

static int by_ticks(const void *left, const void *right)
{
	const struct vt_anchor *a = left, *b = right;

	if (a->ticks != b->ticks)
		return a->ticks < b->ticks ? -1 : 1;
	return (a->monotonic > b->monotonic) - (a->monotonic < b->monotonic);
}

static uint64_t slope_of(uint64_t ns, uint64_t ticks)
{
	u128 slope = ((u128)ns << VT_TIMELINE_SHIFT) / ticks;

	return slope > UINT64_MAX ? UINT64_MAX : (uint64_t)slope;
}

/* Keeps anchors that rise in both times; the same moment told twice is no contradiction. */
static void keep_rising(struct vt_timeline *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct vt_anchor a = c->anchors[i];
		if (kept > 0 && a.ticks == c->anchors[kept - 1].ticks) {
			c->rejected += a.monotonic != c->anchors[kept - 1].monotonic;
			continue;
		}
		if (kept > 0 && a.monotonic <= c->anchors[kept - 1].monotonic) {
			c->rejected++;
			continue;
		}
		c->anchors[kept++] = a;
	}
	c->count = kept;
}

static int64_t clamp_i64(i128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

/* Only the first line is ever asked for what precedes it. */
static int64_t line_ns(const struct vt_timeline *c, const struct vt_line *l, uint64_t ticks)
{
	if (ticks >= l->ticks)
		return clamp_i64(l->ns + (i128)((u128)(ticks - l->ticks) * l->slope >> VT_TIMELINE_SHIFT));
	return clamp_i64(l->ns - (i128)((u128)(l->ticks - ticks) * c->outside >> VT_TIMELINE_SHIFT));
}

static const struct vt_line *find_line(const struct vt_timeline *c, uint64_t ticks)
{
	size_t low = 0, high = c->line_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (c->lines[middle].ticks <= ticks)
			low = middle;
		else
			high = middle;
	}
	return &c->lines[low];
}

/* How far the anchors are from one straight line. */
static uint64_t largest_error(const struct vt_timeline *c)
{
	const struct vt_anchor *first = &c->anchors[0], *last = &c->anchors[c->count - 1];
	uint64_t worst = 0;

	if (c->count < 3)
		return 0;
	uint64_t slope = slope_of(last->monotonic - first->monotonic, last->ticks - first->ticks);
	for (size_t i = 1; i + 1 < c->count; i++) {
		const struct vt_anchor *a = &c->anchors[i];
		u128 line = first->monotonic + ((u128)(a->ticks - first->ticks) * slope >> VT_TIMELINE_SHIFT);
		u128 error = line > a->monotonic ? line - a->monotonic : a->monotonic - line;
		if (error > worst)
			worst = error > UINT64_MAX ? UINT64_MAX : (uint64_t)error;
	}
	return worst;
}

/* What holds before the first anchor and after the last: two that are near each other say little about the rest. */
static uint64_t outside_slope(const struct vt_timeline *c)
{
	const struct vt_anchor *first = &c->anchors[0], *last = &c->anchors[c->count - 1];
	uint64_t hz = c->hz ? c->hz : NS_A_SECOND;

	if (last->ticks - first->ticks < hz)
		return slope_of(NS_A_SECOND, hz);
	return slope_of(last->monotonic - first->monotonic, last->ticks - first->ticks);
}

int vt_timeline_finish(struct vt_timeline *c, uint64_t start)
{
	if (c->count == 0 && vt_timeline_add(c, start, 0) < 0)
		return -ENOMEM;
	qsort(c->anchors, c->count, sizeof *c->anchors, by_ticks);
	keep_rising(c);
	c->lines = calloc(c->count, sizeof *c->lines);
	if (!c->lines)
		return -ENOMEM;
	c->line_count = c->count;
	c->outside = outside_slope(c);
	uint64_t origin = c->anchors[0].monotonic;
	for (size_t i = 0; i < c->count; i++) {
		const struct vt_anchor *a = &c->anchors[i];
		struct vt_line *l = &c->lines[i];
		l->ticks = a->ticks;
		l->ns = clamp_i64(a->monotonic - origin);
		if (i + 1 < c->count)
			l->slope = slope_of(a[1].monotonic - a->monotonic, a[1].ticks - a->ticks);
		else
			l->slope = c->outside;
	}
	c->error_ns = largest_error(c);
	/* Lines start at the first anchor; shift them so that the run's start is 0. */
	int64_t zero = line_ns(c, find_line(c, start), start);
	for (size_t i = 0; i < c->line_count; i++)
		c->lines[i].ns = clamp_i64((i128)c->lines[i].ns - zero);
	return 0;
}

uint64_t vt_timeline_ns(const struct vt_timeline *c, uint64_t ticks)
{
	int64_t ns = line_ns(c, find_line(c, ticks), ticks);

	return ns < 0 ? 0 : (uint64_t)ns;
}

/* Remembers a line for as many ticks as its results are positive and do not overflow. */
static void remember(struct vt_clock *c, const struct vt_line *l)
{
	const struct vt_line *end = c->timeline->lines + c->timeline->line_count;

	c->line = *l;
	c->span = l + 1 < end ? l[1].ticks - l->ticks : UINT64_MAX - l->ticks;
	if (l->ns < 0)
		c->span = 0;
	u128 limit = l->slope ? ((u128)(INT64_MAX / 2) << VT_TIMELINE_SHIFT) / l->slope : c->span;
	if (l->ns > INT64_MAX / 2)
		c->span = 0;
	else if (limit < c->span)
		c->span = (uint64_t)limit;
}

uint64_t vt_clock_find(struct vt_clock *c, uint64_t ticks)
{
	const struct vt_line *l = find_line(c->timeline, ticks);
	int64_t ns = line_ns(c->timeline, l, ticks);

	remember(c, l);
	return ns < 0 ? 0 : (uint64_t)ns;
}

void vt_timeline_free(struct vt_timeline *c)
{
	free(c->anchors);
	free(c->lines);
	*c = (struct vt_timeline){ 0 };
}
