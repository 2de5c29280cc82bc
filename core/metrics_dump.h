/*
 * metrics_dump.h - what the files that print families share: metrics_prometheus.c prints heads and plain
 * metrics, metrics_rows.c knows which families a run has, metrics_special.c those that are not one metric,
 * metrics_histogram.c histograms.
 *
 * Each sample is printed for every moment of its run: one, or all of a series. So whoever prints one says what
 * he will look at and asks for moments until there are no more; r->m is then that moment.
 */
#ifndef CORE_METRICS_DUMP_H
#define CORE_METRICS_DUMP_H

#include <valktrace/metrics.h>

#include "core/metrics_series.h"
#include "core/metrics_text.h"

#define VT_SPECIALS 7u

struct vt_dump;
struct vt_dump_run;

/* A family that is not one metric. */
struct vt_special {
	const char *family, *type, *help;
	unsigned count;                 /* calls of `put`, with 0, 1, 2 ... */
	/* Appends the samples of one index, if there are any. */
	void (*put)(struct vt_dump *d, struct vt_dump_run *r, unsigned index);
};

extern const struct vt_special vt_specials[VT_SPECIALS];

/*
 * Sources of which some metrics may be there and others not, by what their collector said of each:
 * valk_SOURCE_available, with the labels that the metrics have. Its `put` is vt_dump_states.
 */
extern const struct vt_special vt_availability;

struct vt_dump_row {
	const char *family;
	const struct vt_special *special;       /* else a metric of the schema */
	const struct vt_metric_desc *desc;
	unsigned metric;
	bool histogram;                 /* a bucket or the sum of one */
};

/* One run while it is printed. */
struct vt_dump_run {
	const struct vt_metrics *m;     /* at the moment that is printed */
	struct vt_series *series;       /* NULL: there is one moment only */
	const char *labels;             /* of all its samples, or "" */
	bool shown;                     /* that only moment was given */
	unsigned count, next;           /* rows; the first that is not printed */
	struct vt_dump_row rows[VT_MAX_METRICS + VT_MAX_SOURCES + VT_SPECIALS];
	char families[VT_MAX_SOURCES][VT_MAX_NAME + 20];        /* of vt_availability, by source */
};

struct vt_dump {
	struct vt_text text;
	struct vt_dump_run *runs;
	unsigned count;
	struct { const char *family, *type, *help; } head;      /* to be printed before the next sample */
	/* OpenMetrics: samples have times, and text goes to `write` as it comes. NULL: text format 0.0.4. */
	void (*write)(void *user, const char *bytes, size_t length);
	void *user;
	bool cut;                       /* a line had no room; nothing is written any more */
};

/* ---- moments (metrics_prometheus.c) ----------------------------------------------------------- */

/* Before the first moment of a run; what will be looked at: as vt_series_want. */
void vt_dump_rewind(struct vt_dump_run *r);
void vt_dump_want(struct vt_dump_run *r, unsigned column);
bool vt_dump_next(struct vt_dump_run *r);

/* ---- samples (metrics_prometheus.c) ------------------------------------------------------------- */

/* The name of one, behind the head of its family if it is the first. */
void vt_dump_begin(struct vt_dump *d, const char *family, const char *suffix);

/*
 * name="value" behind what is there already; the run's own label stands in for one of the same name. *before
 * is "{" at first.
 */
void vt_dump_label(struct vt_dump *d, const struct vt_dump_run *r, const char **before, const char *name,
                   const char *value);

/* Labels as they stand in a schema. */
void vt_dump_labels(struct vt_dump *d, const char **before, const char *labels, size_t length);

/* The run's labels, and the end of all labels. */
void vt_dump_labelled(struct vt_dump *d, const struct vt_dump_run *r, const char *before);

/* The value of a metric, by its unit. */
void vt_dump_value(struct vt_dump *d, const struct vt_metric_desc *desc, uint64_t value);

/* Behind its value: its time, if it has one, and the end of the line. */
void vt_dump_end(struct vt_dump *d, const struct vt_dump_run *r);

/* ---- families ----------------------------------------------------------------------------------- */

/* The rows of a run, sorted by family; those of one family in the order of their ids (metrics_rows.c). */
void vt_dump_collect(struct vt_dump_run *r);

/* States of the metrics of all sources that have a family of this name (metrics_rows.c). */
void vt_dump_states(struct vt_dump *d, const char *family);

/* All series of the family whose rows are those from r->next to before `end` (metrics_histogram.c). */
void vt_dump_histograms(struct vt_dump *d, struct vt_dump_run *r, unsigned end);

#endif
