/*
 * total.h - a counter of the kernel as a total since the recording began, and as a rate.
 *
 * What is not known is not invented: after a reset (the counter went down) or a gap the total goes on from where
 * it was, and the interval has no rate. No value is ever negative, none wraps.
 */
#ifndef COLLECTORS_TOTAL_H
#define COLLECTORS_TOTAL_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing was read yet. */
struct vt_total {
	uint64_t before, total;         /* last reading; sum of what was added, times the scale */
	bool known;                     /* `before` is */
};

static inline uint64_t vt_times(uint64_t a, uint64_t b)
{
	uint64_t product;
	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* a * b / c, at most UINT64_MAX. */
static inline uint64_t vt_share(uint64_t a, uint64_t b, uint64_t c)
{
	__extension__ unsigned __int128 v = (unsigned __int128)a * b;

	v = c ? v / c : 0;
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

/* Adds a reading. False: it is the first, or the counter went down, so that nothing could be added. */
static inline bool vt_total_add(struct vt_total *t, uint64_t now, uint64_t scale)
{
	bool grew = t->known && now >= t->before;

	if (grew) {
		uint64_t more = vt_times(now - t->before, scale);
		t->total = more > UINT64_MAX - t->total ? UINT64_MAX : t->total + more;
	}
	t->before = now;
	t->known = true;
	return grew;
}

#endif
