/*
 * metrics_series.h - the metrics of one run over time, small enough to keep all of it: a column for each
 * metric, of changes only, each as long as its bytes need. Written moment after moment, then read column by
 * column as often as wanted.
 *
 *	vt_series_start(s, &room, NULL, 0);
 *	vt_series_add(s, ms, &metrics) ...
 *	vt_series_rewind(s);
 *	vt_series_want(s, metric) ...
 *	while (vt_series_next(s))
 *		s->now.present[metric], s->now.values[metric], s->ms
 */
#ifndef CORE_METRICS_SERIES_H
#define CORE_METRICS_SERIES_H

#include <valktrace/metrics.h>

/* What vt_series_want takes: a metric, the loss of a category, the state of a source, a number of a call. */
#define VT_SERIES_LOST(category)    (VT_MAX_METRICS + (category))
#define VT_SERIES_SOURCE(source)    (VT_SERIES_LOST(VT_MAX_CATEGORIES) + (source))
#define VT_SERIES_MS                VT_SERIES_SOURCE(VT_MAX_SOURCES)    /* always wanted */
#define VT_SERIES_CALL(i, what)     (VT_SERIES_MS + 1 + VT_SERIES_OF_CALL * (i) + (what))

enum vt_series_of_call { VT_SERIES_COUNT, VT_SERIES_ERRORS, VT_SERIES_TIME, VT_SERIES_OF_CALL };

/* Reasons of one source that are told apart; from then on it is VT_SERIES_OTHER. */
#define VT_SERIES_REASONS 16u
#define VT_SERIES_OTHER   "other reasons"

struct vt_series_column {
	uint8_t *bytes;
	size_t length, capacity;
	uint64_t value;                 /* the last one that was written or read */
	uint32_t moment;                /* of the change that was written last, or will be read next */
	size_t at;                      /* where reading is */
	bool present;
	bool coming;                    /* the change that will be read next is a value, not its end */
};

struct vt_series {
	struct vt_metrics now;          /* at the moment of vt_series_next, as far as it was wanted */
	uint64_t ms;                    /* that moment, since 1970 */
	uint32_t moments, at;
	size_t *room;                   /* bytes that may still be taken */
	unsigned wanted_count;
	uint32_t *wanted;
	struct vt_series_column *columns;
	struct vt_call_stat *calls;     /* those of `now` */
	unsigned reason_count[VT_MAX_SOURCES];
	const char *reasons[VT_MAX_SOURCES][VT_SERIES_REASONS];
};

/*
 * `s` is all zeros; to be freed in any case. *room is counted down, and may be shared by several. The
 * metrics of each moment will have these calls, in this order; their names stay the caller's. 0, -ENOMEM or
 * -E2BIG.
 */
int vt_series_start(struct vt_series *s, size_t *room, const struct vt_call_stat *calls, unsigned call_count);

/*
 * One moment more: all of `m`, whose reasons stay the caller's and must outlive `s`. `ms` is above that of
 * the moment before. 0, -ENOMEM, or -E2BIG when there is no more room.
 */
int vt_series_add(struct vt_series *s, uint64_t ms, const struct vt_metrics *m);

/* Was it there at any moment? */
bool vt_series_ever(const struct vt_series *s, unsigned column);

/* Before the first moment, with nothing wanted. No moment can be added from now on. */
void vt_series_rewind(struct vt_series *s);
void vt_series_want(struct vt_series *s, unsigned column);

/* To the next moment; false: that was the last one. */
bool vt_series_next(struct vt_series *s);

void vt_series_free(struct vt_series *s);

#endif
