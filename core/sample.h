/* sample.h - one counter record out of a ring file: the cells of all threads, summed. */
#ifndef CORE_SAMPLE_H
#define CORE_SAMPLE_H

#include "core/ring_view.h"

/* Reads cells, gauges, losses. Sequence, process and flags are the caller's. */
void vt_sample(struct vt_ring_view *v, struct vt_counter_sample *s);

/* What the process counted of calls in this recording; times in ns. */
struct vt_call_sample {
	uint64_t missed;
	unsigned count;
	struct vt_call_total totals[VT_MAX_CALLS];      /* `count` of them, by call */
};
void vt_sample_calls(struct vt_ring_view *v, struct vt_call_sample *s);

/* The sources of metrics, as the process stated them; reasons point into the ring file. */
void vt_sample_sources(const struct vt_ring_view *v, struct vt_counter_sample *s);

#endif
