/*
 * metrics_prometheus.c - the metrics in the Prometheus text format 0.0.4, and over time as OpenMetrics 1.0.
 *
 * First the 15 families of the compatibility set, whose names, types, texts and order are those
 * of this build for ever; then all newer ones by name. Of a log's schema, which may be a
 * stranger's, only what keeps the exposition valid is printed.
 *
 * A dump of several runs has each family once: the runs' sorted rows are merged by family.
 *
 * Both formats give a sample the same name and labels, so that what was scraped from a running host and what
 * was filled in from its log are one series. They differ in heads, times and the end.
 */
#include <valktrace/format.h>
#include <valktrace/metrics.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics_dump.h"
#include "core/metrics_family.h"
#include "core/metrics_labels.h"

#define COMPATIBLE VT_METRIC_COMPATIBLE
#define TIME_DIGITS 6u

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- moments -------------------------------------------------------------------------------- */

void vt_dump_rewind(struct vt_dump_run *r)
{
	r->shown = false;
	if (r->series)
		vt_series_rewind(r->series);
}

void vt_dump_want(struct vt_dump_run *r, unsigned column)
{
	if (r->series)
		vt_series_want(r->series, column);
}

bool vt_dump_next(struct vt_dump_run *r)
{
	bool more = r->series ? vt_series_next(r->series) : !r->shown;

	r->shown = true;
	return more;
}

/* ---- heads ---------------------------------------------------------------------------------- */

static bool ends_in(const char *s, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length > n && strncmp(s + length - n, end, n) == 0;
}

/* Is there a family of this name? */
static bool is_family(const struct vt_dump *d, const char *name, size_t length)
{
	const char *family;

	for (unsigned i = 0; i < COMPATIBLE; i++) {
		family = vt_schema_builtin()->metrics[i].family;
		if (strncmp(family, name, length) == 0 && family[length] == '\0')
			return true;
	}
	for (unsigned k = 0; k < d->count; k++)
		for (unsigned i = 0; i < d->runs[k].count; i++) {
			family = d->runs[k].rows[i].family;
			if (strncmp(family, name, length) == 0 && family[length] == '\0')
				return true;
		}
	return false;
}

static void put_line(struct vt_dump *d, const char *what, size_t length)
{
	vt_text_string(&d->text, what);
	vt_text_bytes(&d->text, d->head.family, length);
	vt_text_string(&d->text, " ");
}

/*
 * In OpenMetrics a counter's samples are named after its family with _total behind it, those of an info
 * with _info. What has no such name, or whose family's name is another's, is of a type unknown: the names of
 * samples are the same in both formats. A unit may be told only if the name ends in it.
 */
static void put_open_head(struct vt_dump *d)
{
	static const char *const units[] = { "seconds", "bytes", "ratio" };
	size_t length = strlen(d->head.family), stem = length;
	const char *type = d->head.type;
	bool counter = strcmp(type, "counter") == 0, info = strcmp(type, "info") == 0;

	if (counter || info) {
		stem -= strlen(counter ? "_total" : "_info");
		if (!ends_in(d->head.family, length, counter ? "_total" : "_info") ||
		    is_family(d, d->head.family, stem)) {
			stem = length;
			type = "unknown";
		}
	}
	put_line(d, "# TYPE ", stem);
	vt_text_string(&d->text, type);
	for (unsigned i = 0; i < LENGTH(units); i++) {
		size_t n = strlen(units[i]);
		if (!ends_in(d->head.family, stem, units[i]) || d->head.family[stem - n - 1] != '_')
			continue;
		put_line(d, "\n# UNIT ", stem);
		vt_text_string(&d->text, units[i]);
	}
	put_line(d, "\n# HELP ", stem);
	vt_text_escaped(&d->text, d->head.help, 1);
	vt_text_string(&d->text, "\n");
}

static void put_head(struct vt_dump *d)
{
	size_t length = strlen(d->head.family);

	put_line(d, d->text.length > 0 ? "\n# HELP " : "# HELP ", length);
	vt_text_escaped(&d->text, d->head.help, 0);
	put_line(d, "\n# TYPE ", length);
	vt_text_string(&d->text, strcmp(d->head.type, "info") == 0 ? "gauge" : d->head.type);
	vt_text_string(&d->text, "\n");
}

/* A family without a sample is left out, head and all: it is printed by the first one. */
static void announce(struct vt_dump *d, const char *family, const char *type, const char *help)
{
	d->head.family = family;
	d->head.type = type;
	d->head.help = help;
}

static void announce_metric(struct vt_dump *d, const struct vt_metric_desc *desc, bool histogram)
{
	const char *type = histogram ? "histogram" : desc->kind == VT_METRIC_COUNTER ? "counter" : "gauge";

	announce(d, desc->family, type, desc->help);
}

/* ---- samples -------------------------------------------------------------------------------- */

void vt_dump_begin(struct vt_dump *d, const char *family, const char *suffix)
{
	if (d->head.family && d->write)
		put_open_head(d);
	else if (d->head.family)
		put_head(d);
	d->head.family = NULL;
	vt_text_string(&d->text, family);
	vt_text_string(&d->text, suffix);
}

void vt_dump_label(struct vt_dump *d, const struct vt_dump_run *r, const char **before, const char *name,
                   const char *value)
{
	if (vt_labels_have(r->labels, name, strlen(name)))
		return;
	vt_text_string(&d->text, *before);
	vt_text_string(&d->text, name);
	vt_text_string(&d->text, "=\"");
	vt_text_escaped(&d->text, value, 1);
	vt_text_string(&d->text, "\"");
	*before = ",";
}

void vt_dump_labels(struct vt_dump *d, const char **before, const char *labels, size_t length)
{
	if (length == 0)
		return;
	vt_text_string(&d->text, *before);
	vt_text_bytes(&d->text, labels, length);
	*before = ",";
}

void vt_dump_labelled(struct vt_dump *d, const struct vt_dump_run *r, const char *before)
{
	if (*r->labels) {
		vt_text_string(&d->text, before);
		vt_text_string(&d->text, r->labels);
		before = ",";
	}
	vt_text_string(&d->text, *before == ',' ? "} " : " ");
}

void vt_dump_value(struct vt_dump *d, const struct vt_metric_desc *desc, uint64_t value)
{
	if (desc->unit == VT_UNIT_NS)
		vt_text_ratio(&d->text, value, 1000000000, TIME_DIGITS);
	else if (desc->unit == VT_UNIT_MILLI)
		vt_text_ratio(&d->text, value, 1000, 3);
	else if (desc->unit == VT_UNIT_PPM)
		vt_text_ratio(&d->text, value, 1000000, 6);
	else
		vt_text_number(&d->text, value);
}

/* What is complete is handed on, so that the text of a series needs no more room than a few lines. */
static void drain(struct vt_dump *d)
{
	if (!d->write || d->text.length <= d->text.size / 2)
		return;
	d->cut |= d->text.length > d->text.size;
	if (!d->cut)
		d->write(d->user, d->text.to, d->text.length);
	d->text.length = 0;
}

void vt_dump_end(struct vt_dump *d, const struct vt_dump_run *r)
{
	if (r->series) {
		vt_text_string(&d->text, " ");
		vt_text_ratio(&d->text, r->series->ms, 1000, 3);
	}
	vt_text_string(&d->text, "\n");
	drain(d);
}

/* ---- families --------------------------------------------------------------------------------- */

static void put_metric(struct vt_dump *d, struct vt_dump_run *r, const struct vt_metric_desc *desc,
                       unsigned metric)
{
	vt_dump_rewind(r);
	vt_dump_want(r, metric);
	while (vt_dump_next(r)) {
		const char *before = "{";
		if (!r->m->present[metric])
			continue;
		vt_dump_begin(d, desc->family, "");
		vt_dump_labels(d, &before, desc->labels, strlen(desc->labels));
		vt_dump_labelled(d, r, before);
		vt_dump_value(d, desc, r->m->values[metric]);
		vt_dump_end(d, r);
	}
}

/* `rows[i]` is one of the family that begins at `first`: does an earlier one have its labels? */
static bool is_repeated(const struct vt_dump_row *rows, unsigned first, unsigned i)
{
	for (unsigned k = first; k < i; k++)
		if (vt_labels_same(rows[k].desc->labels, strlen(rows[k].desc->labels),
		                   rows[i].desc->labels, strlen(rows[i].desc->labels)))
			return true;
	return false;
}

/* The rows of one run that belong to the family, which are the next ones if there are any. */
static void put_rows(struct vt_dump *d, struct vt_dump_run *r, const struct vt_dump_row *family)
{
	unsigned end = r->next;

	while (end < r->count && strcmp(r->rows[end].family, family->family) == 0)
		end++;
	/* Of a run whose schema says something else of this name nothing can be printed. */
	bool fits = end > r->next && r->rows[r->next].histogram == family->histogram;
	if (fits && family->histogram)
		vt_dump_histograms(d, r, end);
	for (unsigned i = r->next; i < end && fits && !family->histogram; i++)
		if (!r->rows[i].special && !is_repeated(r->rows, r->next, i))
			put_metric(d, r, r->rows[i].desc, r->rows[i].metric);
	r->next = end;
}

static void put_family(struct vt_dump *d, const struct vt_dump_row *family)
{
	const struct vt_dump_row row = *family;

	announce_metric(d, row.desc, row.histogram);
	for (unsigned i = 0; i < d->count; i++)
		put_rows(d, &d->runs[i], &row);
}

static void put_special(struct vt_dump *d, const struct vt_dump_row *row)
{
	const struct vt_special *s = row->special;
	const char *family = row->family;

	announce(d, family, s->type, s->help);
	if (s == &vt_availability)
		vt_dump_states(d, family);
	for (unsigned k = 0; k < d->count; k++) {
		struct vt_dump_run *r = &d->runs[k];
		for (unsigned i = 0; s->put && i < s->count; i++)
			s->put(d, r, i);
		r->next += r->next < r->count && strcmp(r->rows[r->next].family, family) == 0;
	}
}

/* The row whose family comes next, over all runs; NULL: that was all. */
static const struct vt_dump_row *next_family(const struct vt_dump_run *runs, unsigned count)
{
	const struct vt_dump_row *next = NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct vt_dump_row *row = &runs[i].rows[runs[i].next];
		if (runs[i].next < runs[i].count && (!next || strcmp(row->family, next->family) < 0))
			next = row;
	}
	return next;
}

static void put_compatible(struct vt_dump *d, unsigned metric)
{
	const struct vt_metric_desc *desc = &vt_schema_builtin()->metrics[metric];

	announce_metric(d, desc, false);
	for (unsigned i = 0; i < d->count; i++)
		if (!vt_labels_meet(desc->labels, d->runs[i].labels))
			put_metric(d, &d->runs[i], desc, metric);
}

static void render(struct vt_dump *d)
{
	const struct vt_dump_row *row;

	for (unsigned i = 0; i < d->count; i++)
		vt_dump_collect(&d->runs[i]);
	for (unsigned i = 0; i < COMPATIBLE; i++)
		put_compatible(d, i);
	while ((row = next_family(d->runs, d->count))) {
		if (row->special)
			put_special(d, row);
		else
			put_family(d, row);
	}
}

/* ---- all of it -------------------------------------------------------------------------------- */

size_t vt_metrics_prometheus(const struct vt_metrics *m, char *to, size_t size)
{
	struct vt_dump_run run = { .m = m, .labels = "" };
	struct vt_dump d = { .text = { to, size, 0 }, .runs = &run, .count = 1 };

	render(&d);
	return vt_text_end(&d.text);
}

size_t vt_metrics_prometheus_all(const struct vt_labelled *runs, unsigned count, char *to, size_t size)
{
	struct vt_dump d = {
		.text = { to, size, 0 }, .runs = calloc(count, sizeof(*d.runs)), .count = count,
	};

	if (!d.runs)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		d.runs[i].m = runs[i].metrics;
		d.runs[i].labels = runs[i].labels;
	}
	render(&d);
	free(d.runs);
	return vt_text_end(&d.text);
}

/* Room for the longest line: a sample with all its labels, three bytes for one that is none. */
#define LINE (4 * 3 * VT_MAX_STRING)

int vt_metrics_open(const struct vt_series_labelled *runs, unsigned count,
                    void (*write)(void *user, const char *bytes, size_t length), void *user)
{
	size_t line = LINE;

	for (unsigned i = 0; i < count; i++)
		line = line > LINE + strlen(runs[i].labels) ? line : LINE + strlen(runs[i].labels);
	struct vt_dump d = {
		.text = { malloc(2 * line), 2 * line, 0 }, .runs = calloc(count, sizeof(*d.runs)),
		.count = count, .write = write, .user = user,
	};
	for (unsigned i = 0; d.runs && i < count; i++) {
		struct vt_series *s = runs[i].series;
		d.runs[i].m = &s->now;
		d.runs[i].series = s;
		d.runs[i].labels = runs[i].labels;
		/* Which families there are: those that have a sample at any moment. */
		for (unsigned m = 0; m < VT_MAX_METRICS; m++)
			s->now.present[m] = vt_series_ever(s, m);
	}
	int err = d.text.to && d.runs ? 0 : -ENOMEM;
	if (!err) {
		render(&d);
		vt_text_string(&d.text, "# EOF\n");
		d.cut |= d.text.length > d.text.size;
		if (!d.cut)
			write(user, d.text.to, d.text.length);
		err = d.cut ? -E2BIG : 0;
	}
	free(d.text.to);
	free(d.runs);
	return err;
}
