/* why.c - counter records to one set of metrics, and reasons for what is missing. */
#include "decoder/why.h"

#include <stdlib.h>
#include <string.h>

static uint64_t add(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static const char *fact(const struct vt_process_info *p, const char *key)
{
	for (unsigned i = 0; i < p->fact_count; i++)
		if (strcmp(p->facts[i].key, key) == 0)
			return p->facts[i].value;
	return NULL;
}

struct gather {
	struct vt_metrics *m;
	const struct vt_input *in;
	unsigned records;
};

static void add_values(struct vt_metrics *m, const struct vt_counters *c)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		if (!c->metrics[i].present)
			continue;
		const struct vt_metric_desc *d = &c->process->schema->metrics[i];
		/* Ratios and rates do not add up: the newest record's stands. */
		if (d->kind == VT_METRIC_GAUGE && (d->unit == VT_UNIT_PPM || d->unit == VT_UNIT_MILLI))
			m->values[i] = c->monotonic >= m->monotonic ? c->metrics[i].value : m->values[i];
		else
			m->values[i] = d->kind == VT_METRIC_MAX ? most(m->values[i], c->metrics[i].value)
			                                        : add(m->values[i], c->metrics[i].value);
		m->present[i] = true;
	}
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		m->lost[i] = add(m->lost[i], c->lost[i]);
	/* A source is there if it is there in one process; else the first reason stands. */
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		if (!c->sources[i].known || m->sources[i].available)
			continue;
		if (m->sources[i].known && !c->sources[i].available)
			continue;
		m->sources[i].known = true;
		m->sources[i].available = c->sources[i].available;
		m->sources[i].reason = c->sources[i].reason ? c->sources[i].reason : "";
	}
}

/* How long the process had run: for records that do not tell how long it was traced. */
static uint64_t since_start(const struct gather *g, const struct vt_counters *c)
{
	uint64_t start = vt_reader_ns(g->in->reader, c->process->start);
	uint64_t now = vt_reader_ns(g->in->reader, c->ticks);

	return now > start ? now - start : 0;
}

static int gather_one(void *user, const struct vt_counters *c)
{
	struct gather *g = user;
	struct vt_metrics *m = g->m;
	const struct vt_process_info *p = c->process;
	const char *program = fact(p, "program"), *version = fact(p, "version");
	if (g->records++ == 0) {
		m->program = program ? program : p->program;
		m->version = version ? version : "";
		m->schema = p->schema;
		m->sequence = c->sequence;
	} else {
		m->sequence = 0;
	}
	m->uptime = most(m->uptime, c->metrics[VT_M_trace_uptime].present
	                            ? c->metrics[VT_M_trace_uptime].value : since_start(g, c));
	m->enabled |= c->metrics[VT_M_trace_enabled].value != 0;
	m->buffered = add(m->buffered, c->metrics[VT_M_trace_events].value);
	add_values(m, c);
	m->realtime = most(m->realtime, c->realtime);
	m->monotonic = most(m->monotonic, c->monotonic);
	return 0;
}

int vt_metrics_of_run(struct vt_metrics *m, const struct vt_input *in, int64_t which)
{
	struct gather g = { m, in, 0 };

	*m = (struct vt_metrics){ .run = in->run->run, .program = "", .version = "",
	                          .schema = in->run->process_count > 0
	                                    ? in->run->processes[0]->schema : vt_schema_builtin() };
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		m->sources[i].reason = "";
	int err = vt_reader_counters(in->reader, which, gather_one, &g);
	if (err < 0)
		return err;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		m->wanted |= m->lost[c] > 0 ? 1ull << c : 0;
	return (int)g.records;
}

unsigned vt_source_of_category(const struct vt_schema *schema, unsigned category)
{
	const char *name = schema->categories[category].name;

	for (unsigned i = 0; name && i < VT_MAX_SOURCES; i++)
		if (schema->sources[i].name && strcmp(schema->sources[i].name, name) == 0)
			return i;
	return category < VT_CAT_gc ? VT_SRC_kernel : VT_MAX_SOURCES;
}

static bool only_bulk(const struct vt_schema *schema, unsigned category)
{
	bool any = false;

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];
		if (!desc || desc->category != category)
			continue;
		any = true;
		if (!(desc->flags & VT_EVENT_BULK))
			return false;
	}
	return any;
}

void vt_why_no_events(struct vt_sink *out, const struct vt_input *in, unsigned category)
{
	struct vt_metrics *m = calloc(1, sizeof(*m));
	uint64_t lost = vt_lost_of(in->run->lost, category);

	if (m && vt_metrics_of_run(m, in, -1) >= 0) {
		unsigned source = vt_source_of_category(m->schema, category);
		bool known = source < VT_MAX_SOURCES && m->sources[source].known;
		if (lost > 0) {
			vt_sink_printf(out, "all %llu events of it were lost", (unsigned long long)lost);
		} else if (known && !m->sources[source].available) {
			const char *reason = m->sources[source].reason;
			vt_sink_escaped(out, reason, strlen(reason), VT_KEEP_BLANKS);
		} else if (only_bulk(m->schema, category)) {
			vt_sink_string(out, "its events are many and recorded only when named "
			                    "(record --category ");
			const char *name = m->schema->categories[category].name;
			vt_sink_escaped(out, name ? name : "", name ? strlen(name) : 0, VT_ESCAPE_ALL);
			vt_sink_char(out, ')');
		} else {
			vt_sink_string(out, "nothing in this run emitted it");
		}
	}
	free(m);
}
