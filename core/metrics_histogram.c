/* metrics_histogram.c - buckets and sums of a schema as Prometheus' histograms. */
#include "core/metrics_dump.h"

#include <string.h>

#include "core/metrics_labels.h"

#define LE "le=\""

/* A sample of a series: FAMILY_bucket{x="1",le="0.1"}, and without le the others. */
static void begin(struct vt_dump *d, const struct vt_dump_run *r, const struct vt_dump_row *series,
                  const char *suffix, size_t length, const char *le)
{
	const char *before = "{";

	vt_dump_begin(d, series->family, suffix);
	vt_dump_labels(d, &before, series->desc->labels, length);
	if (le)
		vt_dump_labels(d, &before, le, strlen(le));
	vt_dump_labelled(d, r, before);
}

static void put_number(struct vt_dump *d, const struct vt_dump_run *r, vt_u128 value)
{
	vt_text_ratio(&d->text, value, 1, 0);
	vt_dump_end(d, r);
}

/* Length of the labels before le, without the comma; SIZE_MAX: it is no bucket. */
static size_t series_length(const struct vt_dump_row *row)
{
	const char *labels = row->desc->labels;
	const char *le = row->desc->kind == VT_METRIC_BUCKET ? vt_labels_le(labels) : NULL;

	if (!le || vt_label_bound(le) == 0)
		return SIZE_MAX;
	return le > labels ? (size_t)(le - labels) - 1 : 0;
}

static bool same_series(const struct vt_dump_row *a, const struct vt_dump_row *b)
{
	size_t length = series_length(a);

	return length != SIZE_MAX && length == series_length(b) &&
	       vt_labels_same(a->desc->labels, length, b->desc->labels, length);
}

/* The row of its sum; NULL: it has none. */
static const struct vt_dump_row *find_sum(const struct vt_dump_run *r, const struct vt_dump_row *first,
                                          unsigned end)
{
	size_t length = series_length(first);

	for (unsigned k = r->next; k < end; k++) {
		const struct vt_metric_desc *desc = r->rows[k].desc;
		if (desc->kind == VT_METRIC_COUNTER &&
		    vt_labels_same(desc->labels, strlen(desc->labels), first->desc->labels, length))
			return &r->rows[k];
	}
	return NULL;
}

/*
 * The series that begins with rows[i] of those before `end`. Each bucket counts its own, the text those
 * below it too; the count is the sum of the buckets, all out of one record.
 */
static void put_moment(struct vt_dump *d, const struct vt_dump_run *r, unsigned i, unsigned end)
{
	const struct vt_dump_row *first = &r->rows[i], *sum = find_sum(r, first, end);
	size_t length = series_length(first);
	uint64_t last = 0;
	vt_u128 count = 0;

	for (unsigned k = i; k < end; k++) {
		const struct vt_dump_row *row = &r->rows[k];
		if (!same_series(first, row))
			continue;
		const char *le = vt_labels_le(row->desc->labels);
		count += r->m->values[row->metric];
		if (vt_label_bound(le) <= last || vt_label_bound(le) == UINT64_MAX)
			continue;
		last = vt_label_bound(le);
		begin(d, r, first, "_bucket", length, le);
		put_number(d, r, count);
	}
	begin(d, r, first, "_bucket", length, LE "+Inf\"");
	put_number(d, r, count);
	if (sum) {
		begin(d, r, first, "_sum", length, NULL);
		vt_dump_value(d, sum->desc, r->m->values[sum->metric]);
		vt_dump_end(d, r);
	}
	/* OpenMetrics has both of them or none. */
	if (sum || !d->write) {
		begin(d, r, first, "_count", length, NULL);
		put_number(d, r, count);
	}
}

static bool any_present(const struct vt_dump_run *r, unsigned end)
{
	for (unsigned k = r->next; k < end; k++)
		if (r->m->present[r->rows[k].metric])
			return true;
	return false;
}

static void put_one(struct vt_dump *d, struct vt_dump_run *r, unsigned i, unsigned end)
{
	vt_dump_rewind(r);
	for (unsigned k = r->next; k < end; k++)
		vt_dump_want(r, r->rows[k].metric);
	while (vt_dump_next(r))
		if (any_present(r, end))
			put_moment(d, r, i, end);
}

void vt_dump_histograms(struct vt_dump *d, struct vt_dump_run *r, unsigned end)
{
	for (unsigned i = r->next; i < end; i++) {
		bool again = series_length(&r->rows[i]) == SIZE_MAX;
		for (unsigned k = r->next; k < i; k++)
			again |= same_series(&r->rows[k], &r->rows[i]);
		if (!again)
			put_one(d, r, i, end);
	}
}
