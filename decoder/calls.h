/* calls.h - statistics of calls, summed over the processes of a run. */
#ifndef DECODER_CALLS_H
#define DECODER_CALLS_H

#include <valktrace/metrics.h>

#include "decoder/input.h"

#define VT_MOST_CALLS (1u << 20)        /* rows before equal names are joined */

struct vt_call_list {
	struct vt_call_stat *rows;      /* calls of one name and category are one row */
	unsigned count;
	uint64_t missed;
};

/* In order of names, or of total time from the most down. 0 or -ENOMEM; texts belong to the reader. */
int vt_calls_of_run(struct vt_call_list *list, const struct vt_input *in, bool sort_by_time);
void vt_calls_free(struct vt_call_list *list);

#endif
