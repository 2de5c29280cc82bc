/* run_sums.c - see run_sums.h. */
#include "decoder/run_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics_series.h"
#include "core/wire.h"
#include "decoder/process_text.h"
#include "decoder/records.h"

/* What is summed, by number: metrics, losses, and three of each call. */
#define PLAIN       VT_SERIES_SOURCE(0)
#define CALL(row)   (PLAIN + VT_SERIES_OF_CALL * (uint32_t)(row))

struct vt_run_sum {
	enum rule {             /* how the values of several processes become one */
		ADD,            /* what was counted stays counted */
		ADD_LIVE,       /* of processes that have not ended */
		MOST,
		NEWEST,         /* ratios and rates do not add up */
	} rule;
	uint32_t holders;       /* how many processes have it */
	bool stale;             /* to be found anew among all processes */
	vt_u128 value;
};

/* ---- setting up --------------------------------------------------------------------------- */

static enum rule rule_of(const struct vt_schema *schema, unsigned id)
{
	const struct vt_metric_desc *d = id < VT_MAX_METRICS ? &schema->metrics[id] : NULL;

	if (!d)
		return ADD;
	if (d->kind == VT_METRIC_GAUGE)
		return d->unit == VT_UNIT_PPM || d->unit == VT_UNIT_MILLI ? NEWEST : ADD_LIVE;
	return d->kind == VT_METRIC_MAX ? MOST : ADD;
}

static int make_sums(struct vt_run_sums *s, bool calls)
{
	int err = calls ? vt_call_rows_make(&s->calls, s->in) : 0;

	if (err)
		return err;
	size_t count = CALL((size_t)s->calls.list.count), bytes = count * sizeof(*s->sums);
	if (bytes > s->room || count > UINT32_MAX)
		return -E2BIG;
	s->sums = calloc(count, sizeof(*s->sums));
	s->scratch = calloc(CALL(VT_MAX_CALL_TOTALS), sizeof(*s->scratch));
	if (!s->sums || !s->scratch)
		return -ENOMEM;
	s->room -= bytes;
	s->sum_count = (uint32_t)count;
	s->m.calls = s->calls.list.rows;
	s->m.call_count = s->calls.list.count;
	for (uint32_t i = 0; i < s->sum_count; i++)
		s->sums[i].rule = rule_of(s->m.schema, i);
	return 0;
}

int vt_run_sums_start(struct vt_run_sums *s, const struct vt_input *in, bool calls, size_t room)
{
	const struct vt_run_info *run = in->run;
	const struct vt_process_info *p = vt_main_process(run);
	const char *program = p ? vt_fact_value(p, "program") : NULL;
	const char *version = p ? vt_fact_value(p, "version") : NULL;

	for (unsigned i = 0; i < run->process_count; i++)
		s->limit = run->processes[i]->index >= s->limit ? run->processes[i]->index + 1u : s->limit;
	s->in = in;
	s->room = room;
	s->m.run = run->run;
	s->m.program = program ? program : p ? p->program : "";
	s->m.version = version ? version : "";
	s->m.schema = p ? p->schema : vt_schema_builtin();
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		s->m.sources[i].reason = "";
	s->entries = calloc(s->limit + 1, sizeof(*s->entries));
	s->open = calloc(s->limit + 1, sizeof(*s->open));
	return s->entries && s->open ? make_sums(s, calls) : -ENOMEM;
}

void vt_run_sums_stop(struct vt_run_sums *s)
{
	for (size_t i = 0; s->entries && i < s->limit; i++) {
		if (s->entries[i])
			free(s->entries[i]->values);
		free(s->entries[i]);
	}
	free(s->entries);
	free(s->open);
	free(s->sums);
	free(s->scratch);
	vt_call_rows_free(&s->calls);
}

/* ---- sums --------------------------------------------------------------------------------- */

static bool counts(const struct vt_run_sums *s, const struct vt_run_entry *e, uint32_t id)
{
	return !e->ended || s->sums[id].rule == ADD || s->sums[id].rule == MOST;
}

/* `old` is in the sums and shall not be. */
static void take_out(struct vt_run_sums *s, const struct vt_run_entry *e, const struct vt_run_value *old)
{
	struct vt_run_sum *sum = &s->sums[old->id];

	sum->holders--;
	if (sum->rule == ADD || sum->rule == ADD_LIVE)
		sum->value -= old->value;
	else
		sum->stale |= sum->rule == NEWEST ? e->ended : old->value == sum->value;
}

static void put_in(struct vt_run_sums *s, const struct vt_run_value *v)
{
	struct vt_run_sum *sum = &s->sums[v->id];
	bool first = sum->holders++ == 0;

	if (sum->rule == ADD || sum->rule == ADD_LIVE) {
		sum->value += v->value;
	} else if (first || sum->rule == NEWEST || v->value >= sum->value) {
		sum->value = v->value;
		sum->stale = false;
	}
}

static const struct vt_run_value *find(const struct vt_run_entry *e, uint32_t id)
{
	unsigned low = 0, high = e->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (e->values[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < e->count && e->values[low].id == id ? &e->values[low] : NULL;
}

/* The largest or the newest of all processes that have it. */
static void find_anew(struct vt_run_sums *s, uint32_t id)
{
	struct vt_run_sum *sum = &s->sums[id];
	uint64_t newest = 0;

	sum->value = 0;
	for (size_t i = 0; i < s->limit; i++) {
		const struct vt_run_entry *e = s->entries[i];
		const struct vt_run_value *v = e && counts(s, e, id) ? find(e, id) : NULL;
		if (!v || (sum->rule == NEWEST ? e->monotonic < newest : v->value < sum->value))
			continue;
		newest = e->monotonic;
		sum->value = v->value;
	}
	sum->stale = false;
}

/* A source is there if it is there in one process; else the first reason stands. */
static void find_sources(struct vt_run_sums *s)
{
	for (unsigned k = 0; k < VT_MAX_SOURCES; k++) {
		s->m.sources[k].known = s->m.sources[k].available = false;
		s->m.sources[k].reason = "";
		for (size_t i = 0; i < s->limit; i++) {
			const struct vt_source_state *one = s->entries[i] ? &s->entries[i]->sources[k] : NULL;
			if (!one || !one->known || (s->m.sources[k].known && !one->available))
				continue;
			s->m.sources[k].known = true;
			s->m.sources[k].available = one->available;
			s->m.sources[k].reason = one->reason;
			if (one->available)
				break;
		}
	}
	s->sources_stale = false;
}

static uint64_t value_of(const struct vt_run_sums *s, uint32_t id)
{
	return s->sums[id].value > UINT64_MAX ? UINT64_MAX : (uint64_t)s->sums[id].value;
}

void vt_run_sums_settle(struct vt_run_sums *s)
{
	for (uint32_t i = 0; i < VT_MAX_METRICS; i++) {
		if (s->sums[i].stale)
			find_anew(s, i);
		s->m.present[i] = s->sums[i].holders > 0;
		s->m.values[i] = s->m.present[i] ? value_of(s, i) : 0;
	}
	for (uint32_t i = 0; i < VT_MAX_CATEGORIES; i++)
		s->m.lost[i] = value_of(s, VT_SERIES_LOST(i));
	for (uint32_t i = 0; i < s->calls.list.count; i++) {
		struct vt_call_stat *c = &s->calls.list.rows[i];
		c->count = value_of(s, CALL(i) + VT_SERIES_COUNT);
		c->errors = value_of(s, CALL(i) + VT_SERIES_ERRORS);
		c->time = value_of(s, CALL(i) + VT_SERIES_TIME);
	}
	if (s->sources_stale)
		find_sources(s);
}

/* ---- records ------------------------------------------------------------------------------ */

/* Processes that had ended before a record came, but for its own: the last one is read when it has ended. */
static void bury(struct vt_run_sums *s, const struct vt_counters *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->open_count; i++) {
		struct vt_run_entry *e = s->entries[s->open[i]];
		if (e->process->end == 0 || e->process->end >= c->ticks || e->process == c->process) {
			s->open[kept++] = s->open[i];
			continue;
		}
		e->ended = true;
		for (unsigned k = 0; k < e->count; k++)
			if (!counts(s, e, e->values[k].id))
				take_out(s, e, &e->values[k]);
	}
	s->open_count = kept;
}

static struct vt_run_entry *entry_of(struct vt_run_sums *s, const struct vt_process_info *p)
{
	struct vt_run_entry *e = s->entries[p->index];

	if (e || sizeof(*e) > s->room)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	s->room -= sizeof(*e);
	e->process = p;
	s->entries[p->index] = e;
	s->open[s->open_count++] = p->index;
	return e;
}

/* Calls of a record; of one that tells of none, those of the record before. */
static unsigned list_calls(const struct vt_run_sums *s, const struct vt_run_entry *e, struct vt_run_value *to)
{
	const struct vt_rec_calls *now = vt_reader_calls_now(s->in->reader);
	struct vt_rec_calls r = now ? *now : (struct vt_rec_calls){ .count = 0 };
	struct vt_call_total t;
	unsigned count = 0;

	for (unsigned i = 0; !now && i < e->count; i++)
		if (e->values[i].id >= PLAIN)
			to[count++] = e->values[i];
	while (vt_rec_calls_entry(&r, &t)) {
		int64_t row = vt_call_row(&s->calls, e->process->index, t.call);
		if (row < 0)
			continue;
		to[count++] = (struct vt_run_value){ CALL(row) + VT_SERIES_COUNT, t.count };
		to[count++] = (struct vt_run_value){ CALL(row) + VT_SERIES_ERRORS, t.errors };
		to[count++] = (struct vt_run_value){ CALL(row) + VT_SERIES_TIME, t.time };
	}
	return count;
}

static unsigned list_values(const struct vt_counters *c, struct vt_run_value *to)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < VT_MAX_METRICS; i++)
		if (c->metrics[i].present)
			to[count++] = (struct vt_run_value){ i, c->metrics[i].value };
	for (uint32_t i = 0; i < VT_MAX_CATEGORIES; i++)
		if (c->lost[i] > 0)
			to[count++] = (struct vt_run_value){ VT_SERIES_LOST(i), c->lost[i] };
	return count;
}

static int keep_values(struct vt_run_sums *s, struct vt_run_entry *e, const struct vt_run_value *values,
                       unsigned count)
{
	if (count > e->capacity) {
		size_t more = (count - e->capacity) * sizeof(*values);
		if (more > s->room)
			return -E2BIG;
		struct vt_run_value *grown = realloc(e->values, count * sizeof(*values));
		if (!grown)
			return -ENOMEM;
		s->room -= more;
		e->values = grown;
		e->capacity = count;
	}
	if (count > 0)
		memcpy(e->values, values, count * sizeof(*values));
	e->count = count;
	return 0;
}

/* How long the process had run: for records that do not tell how long it was traced. */
static uint64_t since_start(const struct vt_run_sums *s, const struct vt_counters *c)
{
	uint64_t began = vt_reader_ns(s->in->reader, c->process->start);
	uint64_t now = vt_reader_ns(s->in->reader, c->ticks);

	return now > began ? now - began : 0;
}

int vt_run_sums_take(struct vt_run_sums *s, const struct vt_counters *c)
{
	bury(s, c);
	struct vt_run_value *values = s->scratch;
	unsigned count = list_values(c, values);
	bool again = s->entries[c->process->index] != NULL;
	struct vt_run_entry *e = entry_of(s, c->process);

	if (!e)
		return sizeof(*e) > s->room ? -E2BIG : -ENOMEM;
	if (s->calls.count > 0)
		count += list_calls(s, e, values + count);
	for (unsigned i = 0; i < e->count; i++)
		if (counts(s, e, e->values[i].id))
			take_out(s, e, &e->values[i]);
	/* What is no longer told of was the newest, perhaps. */
	for (unsigned i = 0; i < e->count; i++)
		s->sums[e->values[i].id].stale |= s->sums[e->values[i].id].rule == NEWEST;
	int err = keep_values(s, e, values, count);
	if (err)
		return err;
	e->monotonic = c->monotonic;
	e->sequence = c->sequence;
	e->live = c->flags & VT_COUNTERS_LIVE;
	e->uptime = c->metrics[VT_M_trace_uptime].present ? c->metrics[VT_M_trace_uptime].value
	                                                  : since_start(s, c);
	e->enabled = c->metrics[VT_M_trace_enabled].value != 0;
	for (unsigned i = 0; i < count; i++)
		if (counts(s, e, values[i].id))
			put_in(s, &values[i]);
	s->sources_stale |= !again || memcmp(e->sources, c->sources, sizeof(e->sources)) != 0;
	memcpy(e->sources, c->sources, sizeof(e->sources));
	s->records++;
	s->m.sequence = s->records == 1 ? c->sequence : 0;
	s->m.realtime = c->realtime > s->m.realtime ? c->realtime : s->m.realtime;
	s->m.monotonic = c->monotonic > s->m.monotonic ? c->monotonic : s->m.monotonic;
	return 0;
}

void vt_run_sums_only(struct vt_run_sums *s, uint64_t record)
{
	for (size_t i = 0; i < s->limit; i++) {
		struct vt_run_entry *e = s->entries[i];
		if (!e || (e->sequence == record && !e->live))
			continue;
		for (unsigned k = 0; k < e->count; k++)
			if (counts(s, e, e->values[k].id))
				take_out(s, e, &e->values[k]);
		e->count = 0;
	}
}

void vt_run_sums_finish(struct vt_run_sums *s)
{
	struct vt_metrics *m = &s->m;

	vt_run_sums_settle(s);
	m->buffered = m->values[VT_M_trace_events];
	for (size_t i = 0; i < s->limit; i++) {
		const struct vt_run_entry *e = s->entries[i];
		m->uptime = e && e->uptime > m->uptime ? e->uptime : m->uptime;
		m->enabled |= e && e->enabled;
	}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		m->wanted |= m->lost[c] > 0 ? 1ull << c : 0;
}
