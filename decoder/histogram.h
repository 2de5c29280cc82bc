/*
 * histogram.h - log-linear histogram: every power of two in 64 equal steps. A percentile is off
 * by at most 1/128 of its value (0.8 %); count, sum, smallest and largest are exact. Histograms
 * add up.
 */
#ifndef DECODER_HISTOGRAM_H
#define DECODER_HISTOGRAM_H

#include <stdint.h>

#define VT_HISTOGRAM_STEP_BITS  6u
#define VT_HISTOGRAM_BUCKETS    ((65u - VT_HISTOGRAM_STEP_BITS) << VT_HISTOGRAM_STEP_BITS)
#define VT_HISTOGRAM_ERROR      "+-0.8 %"

struct vt_histogram {
	uint64_t count, sum, least, most;       /* sum stops at 2^64 - 1 */
	uint64_t buckets[VT_HISTOGRAM_BUCKETS];
};

static inline unsigned vt_histogram_bucket(uint64_t v)
{
	if (v < 1u << VT_HISTOGRAM_STEP_BITS)
		return (unsigned)v;
	unsigned shift = 63 - (unsigned)__builtin_clzll(v) - VT_HISTOGRAM_STEP_BITS;
	return (shift << VT_HISTOGRAM_STEP_BITS) + (unsigned)(v >> shift);
}

static inline void vt_histogram_add(struct vt_histogram *h, uint64_t v)
{
	h->buckets[vt_histogram_bucket(v)]++;
	if (__builtin_add_overflow(h->sum, v, &h->sum))
		h->sum = UINT64_MAX;
	h->least = h->count == 0 || v < h->least ? v : h->least;
	h->most = v > h->most ? v : h->most;
	h->count++;
}

void vt_histogram_merge(struct vt_histogram *to, const struct vt_histogram *from);

/* The value that `parts` of `of` values do not exceed: 99 of 100, 999 of 1000. 0 if there is none. */
uint64_t vt_histogram_percentile(const struct vt_histogram *h, uint64_t parts, uint64_t of);

uint64_t vt_histogram_mean(const struct vt_histogram *h);

#endif
