/*
 * why.h - the last counters of a run, and why something is not in it: absent is not zero.
 */
#ifndef DECODER_WHY_H
#define DECODER_WHY_H

#include <valktrace/metrics.h>

#include "decoder/input.h"
#include "decoder/out.h"

/*
 * Fills `m` as vt_metrics_read fills it in the host (metrics_of in core/tracer.c): out of one
 * record both print the same bytes.
 *
 * Sums the counter records of all processes into one: the last of each if `which` < 0, else
 * those with that sequence number. GAUGE and COUNTER are summed, MAX is the maximum. Returns how
 * many records there were, or a negative error.
 */
int vt_metrics_of_run(struct vt_metrics *m, const struct vt_input *in, int64_t which);

/* The source that tells of a category: that of its name, else the kernel one for the kernel's. */
unsigned vt_source_of_category(const struct vt_schema *schema, unsigned category);

/* One phrase on why the run has no event of this category. */
void vt_why_no_events(struct vt_sink *out, const struct vt_input *in, unsigned category);

#endif
