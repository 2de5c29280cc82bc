/* coverage.h - what of a selection was lost, and how much of the time of its threads is known. */
#ifndef DECODER_COVERAGE_H
#define DECODER_COVERAGE_H

#include <valktrace/reader.h>

#include "decoder/filter.h"
#include "decoder/input.h"

struct vt_hidden {                      /* ns: something was lost between the two */
	uint64_t from, to;
};

struct vt_coverage {
	uint64_t lost[VT_MAX_CATEGORIES];       /* of the selected ones, in the selected time */
	uint64_t lost_all;
	uint64_t lived, covered;        /* ns from first to last event of threads; less the gaps */
	struct vt_hidden *gaps;         /* in order, none touching another; over all threads */
	size_t gap_count, gap_capacity;
};

/*
 * Of the selection that `filter` makes, whatever it says of types and values: nobody knows those
 * of what was lost. The reader's selection is changed. Damage is known once the sections were
 * decoded. 0 or a negative error; vt_coverage_free in any case.
 */
int vt_coverage_find(struct vt_coverage *c, const struct vt_input *in,
                     const struct vt_filter *filter, const struct vt_selection *selection);
void vt_coverage_free(struct vt_coverage *c);

#endif
