/*
 * moments.h - the metrics of a run as they were at one moment, or at all of them: counter records, summed
 * over processes as they come.
 *
 * At a moment each process has the values of its last record. Counters, maxima and losses of a process that
 * has ended stay in, so that none ever falls when one ends; its gauges do not: it holds no memory any more.
 */
#ifndef DECODER_MOMENTS_H
#define DECODER_MOMENTS_H

#include <valktrace/metrics.h>

#include "core/metrics_series.h"
#include "decoder/calls.h"
#include "decoder/input.h"

/* For the values of processes, and for a series: more is -E2BIG. */
#define VT_MOMENTS_MEMORY ((size_t)64 << 20)

/*
 * As vt_metrics_of_run (why.h), but at `ns` after the run's start: of records up to then. `calls`, if it is
 * not NULL, becomes the calls up to then, by name; to be freed in any case. Returns how many records there
 * were, or a negative error.
 */
int vt_metrics_at(struct vt_metrics *m, const struct vt_input *in, uint64_t ns, struct vt_call_list *calls);

/*
 * The calls that go with record number `record` of each process that has one, by name; to be freed in any
 * case. A snapshot that the host took itself has none: its own text had none either. 0 or a negative error.
 */
int vt_calls_at(struct vt_call_list *calls, const struct vt_input *in, uint64_t record);

/* What vt_series_of_run takes. */
struct vt_moments_choice {
	uint64_t step;                  /* ns: the last moment in each such window from the start; 0: all */
	bool until_set;
	uint64_t since_ns, until_ns;    /* since the start, since <= t < until */
};

/*
 * All moments of a run, a millisecond at least between two. `s` is all zeros, and to be freed in any case;
 * its texts are the reader's. *room is what is left for all series, of VT_MOMENTS_MEMORY at first. Returns as
 * vt_metrics_at; -E2BIG: no room for so many.
 */
int vt_series_of_run(struct vt_series *s, const struct vt_input *in, const struct vt_moments_choice *choice,
                     size_t *room);

#endif
