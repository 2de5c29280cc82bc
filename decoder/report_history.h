/*
 * report_history.h - what the charts of a page are drawn from: how values went over the time of a run.
 *
 * The memory is the same for any log: the time asked for is VT_HISTORY_BUCKETS equal parts, and each keeps the
 * number, smallest, largest and mean of what falls into it. Values that are few are also kept one by one.
 * vt_history_watch hands over what `summary` counts while it counts it; counter records are read on their own.
 */
#ifndef DECODER_REPORT_HISTORY_H
#define DECODER_REPORT_HISTORY_H

#include "decoder/summary.h"

#define VT_HISTORY_BUCKETS   400u
#define VT_HISTORY_POINTS    1500u       /* kept one by one */
#define VT_HISTORY_ROUNDS    600u        /* times at which counters are known */
#define VT_HISTORY_THREADS   16u         /* those with the most events */
#define VT_HISTORY_SPANS     256u        /* violations and gaps, each */
#define VT_HISTORY_PROCESSES 512u        /* whose counters are followed */
#define VT_HISTORY_WORST     5u          /* longest pauses */

struct vt_sample { uint64_t ns, value; };

struct vt_bucket { uint64_t count, sum, least, most, most_at; };

struct vt_samples {
	uint64_t count;
	struct vt_sample points[VT_HISTORY_POINTS];      /* the first ones; all while count allows */
	struct vt_bucket buckets[VT_HISTORY_BUCKETS];
};

struct vt_worst_pause {
	uint64_t at, time, cycle;       /* at: its end, ns */
	const struct vt_ring_info *ring;
};

struct vt_time_span {
	const struct vt_ring_info *ring;
	uint64_t from, to;
};

struct vt_time_spans {
	unsigned count, missed;         /* missed: beyond VT_HISTORY_SPANS */
	struct vt_time_span items[VT_HISTORY_SPANS];
};

/* All metrics of the run at one time. NaN: not known then, or no rate can be told. */
struct vt_round {
	uint64_t ns;
	float levels[VT_MAX_METRICS];   /* gauges: of the processes that lived, added up, or the largest */
	float rates[VT_MAX_METRICS];    /* counters: a second, since the round before */
};

struct vt_thread_activity {
	const struct vt_ring_info *ring;
	uint64_t events;
	uint32_t buckets[VT_HISTORY_BUCKETS];
};

struct vt_history {
	struct vt_summary *s;
	uint64_t from, to;              /* ns since the start of the run: what was asked for */
	struct vt_samples pauses, heap;
	uint64_t paused[VT_HISTORY_BUCKETS];     /* ns of the bucket in which the world stood still */
	const struct vt_process_info *pausing;  /* the only process with pauses */
	bool several_pausing;
	struct vt_worst_pause worst[VT_HISTORY_WORST];   /* longest first */
	unsigned worst_count;
	struct vt_time_spans violated, lost;
	struct vt_thread_activity threads[VT_HISTORY_THREADS];
	unsigned thread_count;
	uint32_t *slots;                /* of a ring of the run among `threads`, plus 1; by ring id */
	uint32_t slot_count;
	struct vt_round *rounds;
	unsigned round_count;
	struct vt_summary_watch watch;
};

/* Before the summary is collected; sets its watch. 0 or -ENOMEM. */
int vt_history_begin(struct vt_history *series, struct vt_summary *s);

/* Behind it: reads the counter records. 0 or a negative error. */
int vt_history_finish(struct vt_history *series);

void vt_history_free(struct vt_history *series);

/* Begin of a bucket, in ns. */
uint64_t vt_history_bucket_ns(const struct vt_history *series, unsigned bucket);

/* Is there anything to draw of a metric: two rounds with a value? */
bool vt_history_has_rate(const struct vt_history *series, unsigned metric);
bool vt_history_has_level(const struct vt_history *series, unsigned metric);

/* report_rounds.c: the counter records, as rounds. 0 or a negative error. */
int vt_history_read_rounds(struct vt_history *series);

#endif
