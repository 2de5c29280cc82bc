/*
 * track_counters.h - the counter records of a run as series over time: a chart for each family of
 * metrics of each process.
 */
#ifndef DECODER_TRACK_COUNTERS_H
#define DECODER_TRACK_COUNTERS_H

#include "decoder/export.h"

struct vt_series_value {
	const struct vt_metric_desc *desc;
	unsigned metric;
	bool whole;                     /* `number` is exact */
	uint64_t number;
	double real;                    /* in the unit that Prometheus has: seconds, bytes, a ratio */
};

struct vt_series {                      /* the values of one family in one record */
	const struct vt_process_info *process;
	uint64_t ns;                    /* since the run's start */
	const char *family;
	const struct vt_series_value *values;   /* one a set of labels */
	unsigned count;
};

/*
 * Each family of each record, in order of time, as far as the filter says: `--since`, `--until` and
 * `--pid` count, a filter of categories takes the sources of the same names, and one that picks
 * threads or single events takes none. Histograms are left out: a chart of them says nothing. 0,
 * what `each` returned if that is not 0, or a negative error.
 */
int vt_series_each(const struct vt_export_context *context,
                   int (*each)(void *user, const struct vt_series *series), void *user);

/* The labels that tell a series from the others of its family, without quotation marks. */
void vt_series_label(struct vt_sink *out, const struct vt_metric_desc *desc);

#endif
