/* track_counters.c - see track_counters.h. */
#include "decoder/track_counters.h"

#include <errno.h>
#include <stdlib.h>

#include "core/metrics_family.h"
#include "decoder/pointer_map.h"

/*
 * The metrics of a schema that are shown: those of a family together, families in the order of
 * their ids.
 */
struct order {
	uint16_t metrics[VT_MAX_METRICS];
	unsigned count;
};

struct walk {
	const struct vt_export_context *context;
	struct vt_pointer_map orders;   /* by schema */
	int (*each)(void *user, const struct vt_series *series);
	void *user;
	int result;
};

static bool same_family(const struct vt_metric_desc *a, const struct vt_metric_desc *b)
{
	return strcmp(a->family, b->family) == 0;
}

/* `!name` leaves one out; names alone are all that is taken. */
static bool source_wanted(const struct vt_filter *f, const char *source)
{
	bool wanted = true, named = false;

	for (unsigned i = 0; i < f->category_count; i++) {
		const char *name = f->categories[i];
		bool out = *name == '!', same = source && strcmp(name + out, source) == 0;
		if (!out && !named)
			wanted = false;
		named |= !out;
		if (same)
			wanted = !out;
	}
	return wanted;
}

static bool shown(const struct vt_filter *f, const struct vt_schema *schema, unsigned metric)
{
	const struct vt_metric_desc *d = &schema->metrics[metric];

	return d->name && d->family && *d->family && d->kind != VT_METRIC_BUCKET &&
	       source_wanted(f, schema->sources[d->source % VT_MAX_SOURCES].name) &&
	       !vt_family_in_histogram(schema, d->family) && !vt_family_is_histogram(schema, d->family);
}

static struct order *order_of(struct walk *w, const struct vt_schema *schema)
{
	struct order *o = vt_pointer_map_get(&w->orders, schema);
	bool done[VT_MAX_METRICS] = { false };

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o || vt_pointer_map_add(&w->orders, schema, o)) {
		free(o);
		return NULL;
	}
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		if (done[i] || !shown(w->context->filter, schema, i))
			continue;
		for (unsigned k = i; k < VT_MAX_METRICS; k++) {
			if (!schema->metrics[k].name || !schema->metrics[k].family ||
			    !same_family(&schema->metrics[i], &schema->metrics[k]))
				continue;
			done[k] = true;
			o->metrics[o->count++] = (uint16_t)k;
		}
	}
	return o;
}

static struct vt_series_value value_of(const struct vt_schema *schema, unsigned metric, uint64_t value)
{
	static const double units[] = {
		[VT_UNIT_NS] = 1e9, [VT_UNIT_MILLI] = 1e3, [VT_UNIT_PPM] = 1e6,
	};
	struct vt_series_value v = { .desc = &schema->metrics[metric], .metric = metric, .number = value };
	double unit = v.desc->unit < sizeof(units) / sizeof(*units) ? units[v.desc->unit] : 0;

	v.whole = unit == 0;
	v.real = unit == 0 ? (double)value : (double)value / unit;
	return v;
}

static bool wanted(const struct vt_filter *f, const struct vt_counters *c, uint64_t ns)
{
	bool pid = f->pid_count == 0;

	for (unsigned i = 0; i < f->pid_count; i++)
		pid |= f->pids[i] == c->process->pid;
	return pid && !(f->since_set && ns < f->since_ns) && !(f->until_set && ns >= f->until_ns);
}

static int on_record(void *user, const struct vt_counters *c)
{
	struct walk *w = user;
	const struct vt_schema *schema = c->process->schema;
	struct vt_series_value values[VT_MAX_METRICS];
	struct vt_series s = { .process = c->process, .values = values };
	const struct order *o = order_of(w, schema);

	s.ns = vt_reader_ns(w->context->in->reader, c->ticks);
	if (!o)
		w->result = -ENOMEM;
	if (!o || !wanted(w->context->filter, c, s.ns))
		return !o;
	for (unsigned i = 0; i < o->count && !w->result; i++) {
		unsigned metric = o->metrics[i];
		if (c->metrics[metric].present)
			values[s.count++] = value_of(schema, metric, c->metrics[metric].value);
		bool last = i + 1 == o->count || !same_family(&schema->metrics[metric],
		                                              &schema->metrics[o->metrics[i + 1]]);
		if (!last || s.count == 0)
			continue;
		s.family = schema->metrics[metric].family;
		w->result = w->each(w->user, &s);
		s.count = 0;
	}
	return w->result != 0;
}

int vt_series_each(const struct vt_export_context *context,
                   int (*each)(void *user, const struct vt_series *series), void *user)
{
	const struct vt_filter *f = context->filter;
	struct walk w = { .context = context, .each = each, .user = user };

	if (f->event_count || f->where_count || f->min_duration_ns || f->tid_count || f->thread)
		return 0;
	int n = vt_reader_counters(context->in->reader, 0, on_record, &w);
	vt_pointer_map_free(&w.orders, free);
	return w.result ? w.result : n < 0 ? n : 0;
}

void vt_series_label(struct vt_sink *out, const struct vt_metric_desc *desc)
{
	for (const char *p = desc->labels ? desc->labels : ""; *p; p++)
		if (*p != '"')
			vt_sink_char(out, *p);
}
