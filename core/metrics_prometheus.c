/*
 * metrics_prometheus.c - the metrics in the Prometheus text format 0.0.4.
 *
 * First the 15 families of the compatibility set, whose names, types, texts and order are those
 * of this build for ever; then all newer ones by name. Of a log's schema, which may be a
 * stranger's, only what keeps the exposition valid is printed.
 */
#include <valktrace/metrics.h>

#include <string.h>

#include "core/metrics_text.h"

#define COMPATIBLE 15u          /* metric ids below it are the compatibility set */
#define TIME_DIGITS 6u

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* ---- families that are not one metric ------------------------------------------------------- */

static void put_label(struct vt_text *t, const char *before, const char *value)
{
	vt_text_string(t, before);
	vt_text_escaped(t, value, 1);
	vt_text_string(t, "\"");
}

/* A source that nobody reported on is known by its metrics alone. */
static bool is_available(const struct vt_metrics *m, unsigned source)
{
	if (m->sources[source].known)
		return m->sources[source].available;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *desc = &m->schema->metrics[i];
		if (m->present[i] && desc->name && desc->source == source)
			return true;
	}
	return false;
}

static bool put_source(struct vt_text *t, const struct vt_metrics *m, unsigned source)
{
	const char *reason = "";

	if (!m->schema->sources[source].name)
		return false;
	if (!is_available(m, source))
		reason = m->sources[source].known ? m->sources[source].reason : "not reported";
	put_label(t, "valk_source_available{source=\"", m->schema->sources[source].name);
	put_label(t, ",reason=\"", reason);
	vt_text_string(t, is_available(m, source) ? "} 1\n" : "} 0\n");
	return true;
}

static bool put_complete(struct vt_text *t, const struct vt_metrics *m, unsigned index)
{
	uint64_t lost = 0;

	(void)index;
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		lost |= m->lost[i];
	vt_text_string(t, lost == 0 ? "valk_trace_complete 1\n" : "valk_trace_complete 0\n");
	return true;
}

static bool put_info(struct vt_text *t, const struct vt_metrics *m, unsigned index)
{
	(void)index;
	put_label(t, "valk_trace_info{program=\"", m->program);
	put_label(t, ",version=\"", m->version);
	vt_text_string(t, ",run=\"");
	vt_text_hex(t, m->run);
	vt_text_string(t, "\"} 1\n");
	return true;
}

/* A category counts when its loss is reported, and in any case when it has one. */
static bool put_lost(struct vt_text *t, const struct vt_metrics *m, unsigned category)
{
	const char *name = m->schema->categories[category].name;

	if ((m->wanted >> category & 1) == 0 && m->lost[category] == 0)
		return false;
	vt_text_string(t, "valk_trace_lost_events_total{category=\"");
	if (name) {
		vt_text_escaped(t, name, 1);
	} else {
		vt_text_string(t, "#");
		vt_text_number(t, category);
	}
	vt_text_string(t, "\"} ");
	vt_text_number(t, m->lost[category]);
	vt_text_string(t, "\n");
	return true;
}

static const struct special {
	const char *family, *type, *help;
	unsigned count;                 /* calls of `put`, with 0, 1, 2 ... */
	/* Appends one sample; false: there is none of this index. */
	bool (*put)(struct vt_text *t, const struct vt_metrics *m, unsigned index);
} specials[] = {
	{ "valk_source_available", "gauge", "Whether a source of metrics was there, and why not",
	  VT_MAX_SOURCES, put_source },
	{ "valk_trace_complete", "gauge", "1 if no event was lost", 1, put_complete },
	{ "valk_trace_info", "gauge", "What was recorded", 1, put_info },
	{ "valk_trace_lost_events_total", "counter", "Events lost by category",
	  VT_MAX_CATEGORIES, put_lost },
};

/* ---- what a schema may say ------------------------------------------------------------------ */

static bool is_name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9' && !first);
}

static bool is_family(const char *s)
{
	bool good = *s != '\0';

	for (const char *p = s; *p; p++)
		good = good && (is_name_byte(*p, p == s) || *p == ':');
	return good;
}

/* The end of one name="value" of printable ASCII, or NULL. */
static const char *skip_label(const char *s)
{
	const char *name = s;

	while (is_name_byte(*s, s == name))
		s++;
	if (s == name || strncmp(s, "=\"", 2) != 0)
		return NULL;
	for (s += 2; *s != '"'; s++) {
		if (*s == '\\' && *++s != '\\' && *s != '"' && *s != 'n')
			return NULL;
		if (*s < ' ' || *s > '~')
			return NULL;
	}
	return s + 1;
}

static bool are_labels(const char *s)
{
	if (*s == '\0')
		return true;
	while ((s = skip_label(s)) && *s == ',')
		s++;
	return s && *s == '\0';
}

/* ---- the families in order ------------------------------------------------------------------ */

struct row {
	const char *family;
	const struct special *special;  /* else a metric of the schema */
	const struct vt_metric_desc *desc;
	unsigned metric;
};

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
	return false;
}

static bool is_printable(const struct vt_metric_desc *d)
{
	return d->name && d->family && d->labels && is_family(d->family) && are_labels(d->labels) &&
	       !is_taken(d->family);
}

static unsigned collect(struct row *rows, const struct vt_metrics *m)
{
	unsigned count = 0;

	for (unsigned i = COMPATIBLE; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *desc = &m->schema->metrics[i];
		if (m->present[i] && is_printable(desc))
			insert(rows, count++, (struct row){ desc->family, NULL, desc, i });
	}
	for (unsigned i = 0; i < LENGTH(specials); i++)
		insert(rows, count++, (struct row){ specials[i].family, &specials[i], NULL, 0 });
	return count;
}

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

static void put_metric_head(struct vt_text *t, const struct vt_metric_desc *d)
{
	put_head(t, d->family, d->kind == VT_METRIC_COUNTER ? "counter" : "gauge", d->help);
}

static void put_metric(struct vt_text *t, const struct vt_metric_desc *d, uint64_t value)
{
	vt_text_string(t, d->family);
	if (*d->labels) {
		vt_text_string(t, "{");
		vt_text_string(t, d->labels);
		vt_text_string(t, "}");
	}
	vt_text_string(t, " ");
	if (d->unit == VT_UNIT_NS)
		vt_text_ratio(t, value, 1000000000, TIME_DIGITS);
	else
		vt_text_number(t, value);
	vt_text_string(t, "\n");
}

/* A family without a sample is left out, head and all. */
static void put_special(struct vt_text *t, const struct vt_metrics *m, const struct special *s)
{
	struct vt_text before = *t;
	bool any = false;

	put_head(t, s->family, s->type, s->help);
	for (unsigned i = 0; i < s->count; i++)
		any |= s->put(t, m, i);
	if (!any)
		*t = before;
}

/* `rows[i]` is one of the family that begins at `first`: does an earlier one have its labels? */
static bool is_repeated(const struct row *rows, unsigned first, unsigned i)
{
	for (unsigned k = first; k < i; k++)
		if (strcmp(rows[k].desc->labels, rows[i].desc->labels) == 0)
			return true;
	return false;
}

size_t vt_metrics_prometheus(const struct vt_metrics *m, char *to, size_t size)
{
	const struct vt_schema *builtin = vt_schema_builtin();
	struct vt_text t = { to, size, 0 };
	struct row rows[VT_MAX_METRICS + LENGTH(specials)];
	unsigned count = collect(rows, m), first = 0;

	for (unsigned i = 0; i < COMPATIBLE; i++) {
		if (!m->present[i])
			continue;
		put_metric_head(&t, &builtin->metrics[i]);
		put_metric(&t, &builtin->metrics[i], m->values[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		if (rows[i].special) {
			put_special(&t, m, rows[i].special);
			continue;
		}
		if (i == 0 || strcmp(rows[i].family, rows[i - 1].family) != 0) {
			first = i;
			put_metric_head(&t, rows[i].desc);
		}
		if (!is_repeated(rows, first, i))
			put_metric(&t, rows[i].desc, m->values[rows[i].metric]);
	}
	return vt_text_end(&t);
}
