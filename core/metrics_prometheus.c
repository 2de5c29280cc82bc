/*
 * metrics_prometheus.c - the metrics in the Prometheus text format 0.0.4.
 *
 * First the 15 families of the compatibility set, whose names, types, texts and order are those
 * of this build for ever; then all newer ones by name. Of a log's schema, which may be a
 * stranger's, only what keeps the exposition valid is printed.
 *
 * A dump of several runs has each family once: the runs' sorted rows are merged by family.
 */
#include <valktrace/format.h>
#include <valktrace/metrics.h>

#include <stdlib.h>
#include <string.h>

#include "core/metrics_family.h"
#include "core/metrics_labels.h"
#include "core/metrics_text.h"

#define COMPATIBLE VT_METRIC_COMPATIBLE
#define TIME_DIGITS 6u

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

struct row {
	const char *family;
	const struct special *special;  /* else a metric of the schema */
	const struct vt_metric_desc *desc;
	unsigned metric;
	bool histogram;                 /* a bucket or the sum of one */
};

/* One run while it is printed. */
struct run {
	const struct vt_metrics *m;
	const char *labels;             /* of all its samples, or "" */
	unsigned count, next;           /* rows; the first that is not printed */
	struct row rows[VT_MAX_METRICS + VT_MAX_SOURCES + 8];
	char families[VT_MAX_SOURCES][VT_MAX_NAME + 20];        /* of `availability` */
};

/* ---- labels --------------------------------------------------------------------------------- */

/* name="value" behind what is there already; the run's own label stands in for one of the same name. */
static void put_label(struct vt_text *t, const struct run *r, const char **before, const char *name,
                      const char *value)
{
	if (vt_labels_have(r->labels, name, strlen(name)))
		return;
	vt_text_string(t, *before);
	vt_text_string(t, name);
	vt_text_string(t, "=\"");
	vt_text_escaped(t, value, 1);
	vt_text_string(t, "\"");
	*before = ",";
}

/* The run's labels, and the end of all labels. */
static void end_labels(struct vt_text *t, const struct run *r, const char *before)
{
	if (*r->labels) {
		vt_text_string(t, before);
		vt_text_string(t, r->labels);
		before = ",";
	}
	vt_text_string(t, *before == ',' ? "} " : " ");
}

/* ---- families that are not one metric ------------------------------------------------------- */

static bool put_source(struct vt_text *t, const struct run *r, unsigned source)
{
	const struct vt_metrics *m = r->m;
	const char *reason = "", *before = "{";

	if (!m->schema->sources[source].name)
		return false;
	if (!vt_source_there(m, source))
		reason = m->sources[source].known ? m->sources[source].reason : "not reported";
	vt_text_string(t, "valk_source_available");
	put_label(t, r, &before, "source", m->schema->sources[source].name);
	put_label(t, r, &before, "reason", reason);
	end_labels(t, r, before);
	vt_text_string(t, vt_source_there(m, source) ? "1\n" : "0\n");
	return true;
}

static bool put_complete(struct vt_text *t, const struct run *r, unsigned index)
{
	uint64_t lost = 0;

	(void)index;
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		lost |= r->m->lost[i];
	vt_text_string(t, "valk_trace_complete");
	end_labels(t, r, "{");
	vt_text_string(t, lost == 0 ? "1\n" : "0\n");
	return true;
}

static bool put_info(struct vt_text *t, const struct run *r, unsigned index)
{
	char hex[17];
	struct vt_text run = { hex, sizeof(hex), 0 };
	const char *before = "{";

	(void)index;
	vt_text_hex(&run, r->m->run);
	vt_text_end(&run);
	vt_text_string(t, "valk_trace_info");
	put_label(t, r, &before, "program", r->m->program);
	put_label(t, r, &before, "version", r->m->version);
	put_label(t, r, &before, "run", hex);
	end_labels(t, r, before);
	vt_text_string(t, "1\n");
	return true;
}

/* A category counts when its loss is reported, and in any case when it has one. */
static bool put_lost(struct vt_text *t, const struct run *r, unsigned category)
{
	const struct vt_metrics *m = r->m;
	const char *name = m->schema->categories[category].name, *before = "{";
	char spare[8];

	if ((m->wanted >> category & 1) == 0 && m->lost[category] == 0)
		return false;
	if (!name) {
		struct vt_text number = { spare, sizeof(spare), 0 };
		vt_text_string(&number, "#");
		vt_text_number(&number, category);
		vt_text_end(&number);
	}
	vt_text_string(t, "valk_trace_lost_events_total");
	put_label(t, r, &before, "category", name ? name : spare);
	end_labels(t, r, before);
	vt_text_number(t, m->lost[category]);
	vt_text_string(t, "\n");
	return true;
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* One of the three families of vt_call_stat. */
static bool put_call(struct vt_text *t, const struct run *r, unsigned index, const char *family, uint64_t value,
                     bool is_time)
{
	const struct vt_call_stat *c = &r->m->calls[index];
	const char *before = "{";

	vt_text_string(t, family);
	put_label(t, r, &before, "call", c->call);
	put_label(t, r, &before, "category", c->category);
	end_labels(t, r, before);
	if (is_time)
		vt_text_ratio(t, value, 1000000000, TIME_DIGITS);
	else
		vt_text_number(t, value);
	vt_text_string(t, "\n");
	return true;
}

static bool put_call_count(struct vt_text *t, const struct run *r, unsigned i)
{
	return i < r->m->call_count && put_call(t, r, i, "valk_calls_total", r->m->calls[i].count, false);
}

static bool put_call_errors(struct vt_text *t, const struct run *r, unsigned i)
{
	return i < r->m->call_count && put_call(t, r, i, "valk_call_errors_total", r->m->calls[i].errors, false);
}

static bool put_call_time(struct vt_text *t, const struct run *r, unsigned i)
{
	return i < r->m->call_count && put_call(t, r, i, "valk_call_seconds_total", r->m->calls[i].time, true);
}

static const struct special {
	const char *family, *type, *help;
	unsigned count;                 /* calls of `put`, with 0, 1, 2 ... */
	/* Appends one sample; false: there is none of this index. */
	bool (*put)(struct vt_text *t, const struct run *r, unsigned index);
} specials[] = {
	{ "valk_call_errors_total", "counter", "Calls that failed", VT_MAX_CALL_TOTALS, put_call_errors },
	{ "valk_call_seconds_total", "counter", "Time in calls, failed ones included", VT_MAX_CALL_TOTALS,
	  put_call_time },
	{ "valk_calls_total", "counter", "Calls, failed ones included", VT_MAX_CALL_TOTALS, put_call_count },
	{ "valk_source_available", "gauge", "Whether a source of metrics was there, and why not",
	  VT_MAX_SOURCES, put_source },
	{ "valk_trace_complete", "gauge", "1 if no event was lost", 1, put_complete },
	{ "valk_trace_info", "gauge", "What was recorded", 1, put_info },
	{ "valk_trace_lost_events_total", "counter", "Events lost by category",
	  VT_MAX_CATEGORIES, put_lost },
};

/*
 * Sources of which some metrics may be there and others not, by what their collector said of each:
 * valk_SOURCE_available, with the labels that the metrics have.
 */
static const struct special availability = {
	NULL, "gauge", "Which of these can be had, and why not", VT_MAX_METRICS, NULL
};

#define AVAILABLE_FRONT "valk_"
#define AVAILABLE_END   "_available"

static void put_state(struct vt_text *t, const struct run *r, const char *family, unsigned metric)
{
	const struct vt_metric_desc *d = &r->m->schema->metrics[metric];
	const char *before = "{";

	vt_text_string(t, family);
	if (*d->labels) {
		vt_text_string(t, "{");
		vt_text_string(t, d->labels);
		before = ",";
	}
	put_label(t, r, &before, "reason", d->reason ? d->reason : "");
	end_labels(t, r, before);
	vt_text_string(t, d->state == VT_METRIC_AVAILABLE ? "1\n" : "0\n");
}

/* ---- the families in order ------------------------------------------------------------------ */

/* Keeps the rows sorted by family; rows of one family stay in the order of their ids. */
static void insert(struct row *rows, unsigned count, struct row row)
{
	for (; count > 0 && strcmp(rows[count - 1].family, row.family) > 0; count--)
		rows[count] = rows[count - 1];
	rows[count] = row;
}

/* No family twice: names of the compatibility set and of `specials` are taken. */
static bool is_taken(const char *family)
{
	const struct vt_schema *builtin = vt_schema_builtin();

	for (unsigned i = 0; i < COMPATIBLE; i++)
		if (strcmp(builtin->metrics[i].family, family) == 0)
			return true;
	for (unsigned i = 0; i < LENGTH(specials); i++)
		if (strcmp(specials[i].family, family) == 0)
			return true;
	/* Those of `availability` are made of names of sources. */
	size_t length = strlen(family), end = strlen(AVAILABLE_END);
	return strncmp(family, AVAILABLE_FRONT, strlen(AVAILABLE_FRONT)) == 0 && length > end &&
	       strcmp(family + length - end, AVAILABLE_END) == 0;
}

static bool is_printable(const struct vt_metric_desc *d, const char *labels)
{
	return d->name && d->family && d->labels && vt_family_valid(d->family) && vt_labels_valid(d->labels) &&
	       !is_taken(d->family) && !vt_labels_meet(d->labels, labels);
}

/* Told of, with labels that are good and are no other's. */
static bool has_state(const struct run *r, unsigned metric, unsigned source)
{
	const struct vt_metric_desc *all = r->m->schema->metrics, *d = &all[metric];

	if (!d->name || !d->labels || d->state == VT_METRIC_UNTOLD || d->source != source ||
	    !vt_labels_valid(d->labels) || vt_labels_have(d->labels, "reason", 6) ||
	    vt_labels_meet(d->labels, r->labels))
		return false;
	for (unsigned i = 0; i < metric; i++)
		if (all[i].name && all[i].labels && all[i].state != VT_METRIC_UNTOLD && all[i].source == source &&
		    strcmp(all[i].labels, d->labels) == 0)
			return false;
	return true;
}

static void collect_states(struct run *r)
{
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		const char *name = r->m->schema->sources[i].name;
		bool any = false;
		for (unsigned m = 0; name && m < VT_MAX_METRICS && !any; m++)
			any = has_state(r, m, i);
		/* A source of an earlier one's name would say things twice. */
		for (unsigned k = 0; k < i && any; k++)
			any = !*r->families[k] || strcmp(r->m->schema->sources[k].name, name) != 0;
		if (!any || !vt_family_valid(name) || strlen(name) > VT_MAX_NAME ||
		    strcmp(name, "source") == 0)
			continue;
		strcat(strcat(strcpy(r->families[i], AVAILABLE_FRONT), name), AVAILABLE_END);
		insert(r->rows, r->count++, (struct row){ r->families[i], &availability, NULL, 0, false });
	}
}

static void collect(struct run *r)
{
	for (unsigned i = COMPATIBLE; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *desc = &r->m->schema->metrics[i];
		if (!is_printable(desc, r->labels) || vt_family_in_histogram(r->m->schema, desc->family))
			continue;
		bool histogram = vt_family_is_histogram(r->m->schema, desc->family);
		if (vt_metric_present(r->m, i, histogram))
			insert(r->rows, r->count++, (struct row){ desc->family, NULL, desc, i, histogram });
	}
	for (unsigned i = 0; i < LENGTH(specials); i++)
		insert(r->rows, r->count++, (struct row){ specials[i].family, &specials[i], NULL, 0, false });
	collect_states(r);
}
VT_STATIC_ASSERT(LENGTH(specials) + VT_MAX_SOURCES + VT_MAX_METRICS <= LENGTH(((struct run *)0)->rows),
                 "room for all");

/* ---- printing ------------------------------------------------------------------------------- */

static void put_head(struct vt_text *t, const char *family, const char *type, const char *help)
{
	vt_text_string(t, t->length > 0 ? "\n# HELP " : "# HELP ");
	vt_text_string(t, family);
	vt_text_string(t, " ");
	vt_text_escaped(t, help, 0);
	vt_text_string(t, "\n# TYPE ");
	vt_text_string(t, family);
	vt_text_string(t, " ");
	vt_text_string(t, type);
	vt_text_string(t, "\n");
}

static void put_metric_head(struct vt_text *t, const struct vt_metric_desc *d, bool histogram)
{
	put_head(t, d->family, histogram ? "histogram" :
	                       d->kind == VT_METRIC_COUNTER ? "counter" : "gauge", d->help);
}

/* The value of a sample, by the unit of its metric. */
static void put_value(struct vt_text *t, const struct vt_metric_desc *d, uint64_t value)
{
	if (d->unit == VT_UNIT_NS)
		vt_text_ratio(t, value, 1000000000, TIME_DIGITS);
	else if (d->unit == VT_UNIT_MILLI)
		vt_text_ratio(t, value, 1000, 3);
	else if (d->unit == VT_UNIT_PPM)
		vt_text_ratio(t, value, 1000000, 6);
	else
		vt_text_number(t, value);
	vt_text_string(t, "\n");
}

static void put_metric(struct vt_text *t, const struct run *r, const struct vt_metric_desc *d,
                       uint64_t value)
{
	const char *before = "{";

	vt_text_string(t, d->family);
	if (*d->labels) {
		vt_text_string(t, "{");
		vt_text_string(t, d->labels);
		before = ",";
	}
	end_labels(t, r, before);
	put_value(t, d, value);
}

/* A family without a sample is left out, head and all. */
static void put_special(struct vt_text *t, const struct run *runs, unsigned count, const struct special *s)
{
	struct vt_text before = *t;
	bool any = false;

	put_head(t, s->family, s->type, s->help);
	for (unsigned k = 0; k < count; k++)
		for (unsigned i = 0; i < s->count; i++)
			any |= s->put(t, &runs[k], i);
	if (!any)
		*t = before;
}

/* Of all runs that have a source of this family's name. */
static void put_states(struct vt_text *t, const struct run *runs, unsigned count, const char *family)
{
	put_head(t, family, availability.type, availability.help);
	for (unsigned k = 0; k < count; k++)
		for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
			for (unsigned m = 0; strcmp(runs[k].families[i], family) == 0 && m < VT_MAX_METRICS; m++)
				if (has_state(&runs[k], m, i))
					put_state(t, &runs[k], family, m);
}

/* ---- histograms ------------------------------------------------------------------------------ */

#define LE "le=\""

/* A sample of a series: FAMILY_bucket{x="1",le="0.1"}, and without le the others. */
static void put_series(struct vt_text *t, const struct run *r, const char *family, const char *suffix,
                       const char *series, size_t length, const char *le)
{
	const char *before = "{";

	vt_text_string(t, family);
	vt_text_string(t, suffix);
	if (length > 0) {
		vt_text_string(t, before);
		vt_text_bytes(t, series, length);
		before = ",";
	}
	if (le) {
		vt_text_string(t, before);
		vt_text_string(t, le);
		before = ",";
	}
	end_labels(t, r, before);
}

/* Length of the labels before le, without the comma; SIZE_MAX: it is no bucket. */
static size_t series_length(const struct row *row)
{
	const char *labels = row->desc->labels;
	const char *le = row->desc->kind == VT_METRIC_BUCKET ? vt_labels_le(labels) : NULL;

	if (!le || vt_label_bound(le) == 0)
		return SIZE_MAX;
	return le > labels ? (size_t)(le - labels) - 1 : 0;
}

static bool same_series(const struct row *a, const struct row *b)
{
	size_t length = series_length(a);

	return length != SIZE_MAX && length == series_length(b) &&
	       strncmp(a->desc->labels, b->desc->labels, length) == 0;
}

/*
 * The series that begins with rows[i] of those before `end`. Each bucket counts its own, the text those
 * below it too; the count is the sum of the buckets, all out of one record.
 */
static void put_one_histogram(struct vt_text *t, const struct run *r, unsigned i, unsigned end)
{
	const struct row *first = &r->rows[i];
	const char *series = first->desc->labels, *family = first->family;
	size_t length = series_length(first);
	uint64_t last = 0;
	vt_u128 count = 0;

	for (unsigned k = i; k < end; k++) {
		const struct row *row = &r->rows[k];
		if (!same_series(first, row))
			continue;
		const char *le = vt_labels_le(row->desc->labels);
		count += r->m->values[row->metric];
		if (vt_label_bound(le) <= last || vt_label_bound(le) == UINT64_MAX)
			continue;
		last = vt_label_bound(le);
		put_series(t, r, family, "_bucket", series, length, le);
		vt_text_ratio(t, count, 1, 0);
		vt_text_string(t, "\n");
	}
	put_series(t, r, family, "_bucket", series, length, LE "+Inf\"");
	vt_text_ratio(t, count, 1, 0);
	vt_text_string(t, "\n");
	for (unsigned k = r->next; k < end; k++) {
		const struct vt_metric_desc *d = r->rows[k].desc;
		if (d->kind != VT_METRIC_COUNTER || strlen(d->labels) != length ||
		    strncmp(d->labels, series, length) != 0)
			continue;
		put_series(t, r, family, "_sum", series, length, NULL);
		put_value(t, d, r->m->values[r->rows[k].metric]);
		break;
	}
	put_series(t, r, family, "_count", series, length, NULL);
	vt_text_ratio(t, count, 1, 0);
	vt_text_string(t, "\n");
}

/* All series of the family whose rows are those from r->next to before `end`. */
static void put_histograms(struct vt_text *t, const struct run *r, unsigned end)
{
	for (unsigned i = r->next; i < end; i++) {
		bool again = series_length(&r->rows[i]) == SIZE_MAX;
		for (unsigned k = r->next; k < i; k++)
			again |= same_series(&r->rows[k], &r->rows[i]);
		if (!again)
			put_one_histogram(t, r, i, end);
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* `rows[i]` is one of the family that begins at `first`: does an earlier one have its labels? */
static bool is_repeated(const struct row *rows, unsigned first, unsigned i)
{
	for (unsigned k = first; k < i; k++)
		if (strcmp(rows[k].desc->labels, rows[i].desc->labels) == 0)
			return true;
	return false;
}

/* The rows of one run that belong to the family, which are the next ones if there are any. */
static void put_rows(struct vt_text *t, struct run *r, const struct row *family)
{
	unsigned end = r->next;

	while (end < r->count && strcmp(r->rows[end].family, family->family) == 0)
		end++;
	/* Of a run whose schema says something else of this name nothing can be printed. */
	bool fits = end > r->next && r->rows[r->next].histogram == family->histogram;
	if (fits && family->histogram)
		put_histograms(t, r, end);
	for (unsigned i = r->next; i < end && fits && !family->histogram; i++)
		if (!r->rows[i].special && !is_repeated(r->rows, r->next, i))
			put_metric(t, r, r->rows[i].desc, r->m->values[r->rows[i].metric]);
	r->next = end;
}

/* A histogram without a legal bucket is left out, head and all. */
static void put_family(struct vt_text *t, struct run *runs, unsigned count, const struct row *family)
{
	struct vt_text before = *t;
	const struct row row = *family;

	put_metric_head(t, row.desc, row.histogram);
	size_t length = t->length;
	for (unsigned i = 0; i < count; i++)
		put_rows(t, &runs[i], &row);
	if (t->length == length)
		*t = before;
}

/* The row whose family comes next, over all runs; NULL: that was all. */
static const struct row *next_family(const struct run *runs, unsigned count)
{
	const struct row *next = NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct row *row = runs[i].next < runs[i].count ? &runs[i].rows[runs[i].next] : NULL;
		if (row && (!next || strcmp(row->family, next->family) < 0))
			next = row;
	}
	return next;
}

static void put_compatible(struct vt_text *t, const struct run *runs, unsigned count, unsigned metric)
{
	const struct vt_metric_desc *d = &vt_schema_builtin()->metrics[metric];
	bool begun = false;

	for (unsigned i = 0; i < count; i++) {
		if (!runs[i].m->present[metric] || vt_labels_meet(d->labels, runs[i].labels))
			continue;
		if (!begun)
			put_metric_head(t, d, false);
		begun = true;
		put_metric(t, &runs[i], d, runs[i].m->values[metric]);
	}
}

static size_t render(struct run *runs, unsigned count, char *to, size_t size)
{
	struct vt_text t = { to, size, 0 };
	const struct row *row;

	for (unsigned i = 0; i < count; i++)
		collect(&runs[i]);
	for (unsigned i = 0; i < COMPATIBLE; i++)
		put_compatible(&t, runs, count, i);
	while ((row = next_family(runs, count))) {
		if (!row->special) {
			put_family(&t, runs, count, row);
			continue;
		}
		if (row->special == &availability)
			put_states(&t, runs, count, row->family);
		else
			put_special(&t, runs, count, row->special);
		for (unsigned i = 0; i < count; i++)
			runs[i].next += runs[i].next < runs[i].count &&
			                strcmp(runs[i].rows[runs[i].next].family, row->family) == 0;
	}
	return vt_text_end(&t);
}

size_t vt_metrics_prometheus(const struct vt_metrics *m, char *to, size_t size)
{
	struct run run = { .m = m, .labels = "" };

	return render(&run, 1, to, size);
}

size_t vt_metrics_prometheus_all(const struct vt_labelled *runs, unsigned count, char *to, size_t size)
{
	struct run *all = calloc(count, sizeof(*all));

	if (!all)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		all[i].m = runs[i].metrics;
		all[i].labels = runs[i].labels;
	}
	size_t length = render(all, count, to, size);
	free(all);
	return length;
}
