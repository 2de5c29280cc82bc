/* histogram.c - reading and adding up of log-linear histograms. */
#include "decoder/histogram.h"

#include "decoder/units.h"

void vt_histogram_merge(struct vt_histogram *to, const struct vt_histogram *from)
{
	if (from->count == 0)
		return;
	for (unsigned i = 0; i < VT_HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	if (__builtin_add_overflow(to->sum, from->sum, &to->sum))
		to->sum = UINT64_MAX;
	to->least = to->count == 0 || from->least < to->least ? from->least : to->least;
	to->most = from->most > to->most ? from->most : to->most;
	to->count += from->count;
}

/* The middle of a bucket: no value in it is farther away than half its width. */
static uint64_t middle(unsigned bucket)
{
	if (bucket < 2u << VT_HISTOGRAM_STEP_BITS)
		return bucket;
	unsigned shift = (bucket >> VT_HISTOGRAM_STEP_BITS) - 1;
	uint64_t step = bucket - (shift << VT_HISTOGRAM_STEP_BITS);
	return (step << shift) + ((1ull << shift) >> 1);
}

uint64_t vt_histogram_percentile(const struct vt_histogram *h, uint64_t parts, uint64_t of)
{
	uint64_t rank = (uint64_t)(((vt_u128)h->count * parts + of - 1) / of), seen = 0;

	if (h->count == 0)
		return 0;
	if (rank >= h->count)
		return h->most;
	rank = rank == 0 ? 1 : rank;
	for (unsigned i = 0; i < VT_HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen < rank)
			continue;
		/* The ends are known exactly: nothing is outside of them. */
		uint64_t v = middle(i);
		return v < h->least ? h->least : v > h->most ? h->most : v;
	}
	return h->most;
}

uint64_t vt_histogram_mean(const struct vt_histogram *h)
{
	return h->count > 0 ? h->sum / h->count : 0;
}
