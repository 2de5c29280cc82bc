/* moments.c - see moments.h. */
#include "decoder/moments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics_text.h"
#include "decoder/process_text.h"

#define NS_A_MS     1000000u
#define SUMS        VT_SERIES_SOURCE(0)         /* metrics, then losses: numbered as columns of a series */

/* How the values of several processes become one. */
enum rule {
	ADD,            /* what was counted stays counted */
	ADD_LIVE,       /* of processes that have not ended */
	MOST,
	NEWEST,         /* ratios and rates do not add up */
};

struct value { uint32_t id; uint64_t value; };

/* The last record of a process. */
struct entry {
	const struct vt_process_info *process;
	struct value *values;           /* those that are there, by id */
	unsigned count;
	bool ended;
	uint64_t monotonic, uptime;
	bool enabled;
	struct vt_source_state sources[VT_MAX_SOURCES];
};

struct state {
	const struct vt_input *in;
	struct entry **entries;         /* by index of the process */
	size_t limit;
	uint32_t *open;                 /* indices of those that have not ended */
	size_t open_count;
	enum rule rules[SUMS];
	vt_u128 sums[SUMS];
	uint32_t holders[SUMS];         /* how many processes have it */
	bool stale[SUMS];               /* to be found anew among all processes */
	bool sources_stale;
	struct vt_metrics m;            /* the sums, once `settle` has been called */
	size_t *room;
	unsigned records;
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

static int start(struct state *s, const struct vt_input *in, size_t *room)
{
	const struct vt_run_info *run = in->run;
	const struct vt_process_info *p = vt_main_process(run);
	const char *program = p ? vt_fact_value(p, "program") : NULL, *version = p ? vt_fact_value(p, "version") : NULL;

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
	for (unsigned i = 0; i < SUMS; i++)
		s->rules[i] = rule_of(s->m.schema, i);
	s->entries = calloc(s->limit + 1, sizeof(*s->entries));
	s->open = calloc(s->limit + 1, sizeof(*s->open));
	return s->entries && s->open ? 0 : -ENOMEM;
}

static void stop(struct state *s)
{
	for (size_t i = 0; s->entries && i < s->limit; i++) {
		if (s->entries[i])
			free(s->entries[i]->values);
		free(s->entries[i]);
	}
	free(s->entries);
	free(s->open);
}

/* ---- sums --------------------------------------------------------------------------------- */

static bool counts(const struct state *s, const struct entry *e, uint32_t id)
{
	return !e->ended || s->rules[id] == ADD || s->rules[id] == MOST;
}

/* `old` is in the sums and shall not be. */
static void take_out(struct state *s, const struct entry *e, const struct value *old)
{
	s->holders[old->id]--;
	if (s->rules[old->id] == ADD || s->rules[old->id] == ADD_LIVE)
		s->sums[old->id] -= old->value;
	else
		s->stale[old->id] |= s->rules[old->id] == NEWEST ? e->ended : old->value == s->sums[old->id];
}

static void put_in(struct state *s, const struct value *v)
{
	bool first = s->holders[v->id]++ == 0;

	if (s->rules[v->id] == ADD || s->rules[v->id] == ADD_LIVE)
		s->sums[v->id] += v->value;
	else if (first || s->rules[v->id] == NEWEST || v->value >= s->sums[v->id])
		s->sums[v->id] = v->value;
	else
		return;
	if (s->rules[v->id] == MOST || s->rules[v->id] == NEWEST)
		s->stale[v->id] = false;
}

static const struct value *find(const struct entry *e, uint32_t id)
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
static void find_anew(struct state *s, uint32_t id)
{
	uint64_t newest = 0;

	s->sums[id] = 0;
	for (size_t i = 0; i < s->limit; i++) {
		const struct entry *e = s->entries[i];
		const struct value *v = e && counts(s, e, id) ? find(e, id) : NULL;
		if (!v || (s->rules[id] == NEWEST ? e->monotonic < newest : v->value < s->sums[id]))
			continue;
		newest = e->monotonic;
		s->sums[id] = v->value;
	}
	s->stale[id] = false;
}

/* A source is there if it is there in one process; else the first reason stands. */
static void find_sources(struct state *s)
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

static void settle(struct state *s)
{
	for (uint32_t i = 0; i < SUMS; i++) {
		if (s->stale[i])
			find_anew(s, i);
		uint64_t value = s->sums[i] > UINT64_MAX ? UINT64_MAX : (uint64_t)s->sums[i];
		if (i >= VT_MAX_METRICS) {
			s->m.lost[i - VT_MAX_METRICS] = value;
			continue;
		}
		s->m.present[i] = s->holders[i] > 0;
		s->m.values[i] = s->holders[i] > 0 ? value : 0;
	}
	if (s->sources_stale)
		find_sources(s);
}

/* ---- records ------------------------------------------------------------------------------ */

/* Processes that had ended before a record came, but for its own: the last one is read when it has ended. */
static void bury(struct state *s, const struct vt_counters *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->open_count; i++) {
		struct entry *e = s->entries[s->open[i]];
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

static struct entry *entry_of(struct state *s, const struct vt_process_info *p)
{
	struct entry *e = s->entries[p->index];

	if (e || sizeof(*e) > *s->room)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	*s->room -= sizeof(*e);
	e->process = p;
	s->entries[p->index] = e;
	s->open[s->open_count++] = p->index;
	return e;
}

static unsigned list_values(const struct vt_counters *c, struct value *to)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < VT_MAX_METRICS; i++)
		if (c->metrics[i].present)
			to[count++] = (struct value){ i, c->metrics[i].value };
	for (uint32_t i = 0; i < VT_MAX_CATEGORIES; i++)
		if (c->lost[i] > 0)
			to[count++] = (struct value){ VT_SERIES_LOST(i), c->lost[i] };
	return count;
}

static int keep_values(struct state *s, struct entry *e, const struct value *values, unsigned count)
{
	if (count > e->count) {
		size_t more = (count - e->count) * sizeof(*values);
		struct value *grown = more > *s->room ? NULL : realloc(e->values, count * sizeof(*values));
		if (!grown)
			return more > *s->room ? -E2BIG : -ENOMEM;
		*s->room -= more;
		e->values = grown;
	}
	if (count > 0)
		memcpy(e->values, values, count * sizeof(*values));
	e->count = count;
	return 0;
}

/* How long the process had run: for records that do not tell how long it was traced. */
static uint64_t since_start(const struct state *s, const struct vt_counters *c)
{
	uint64_t began = vt_reader_ns(s->in->reader, c->process->start);
	uint64_t now = vt_reader_ns(s->in->reader, c->ticks);

	return now > began ? now - began : 0;
}

static int apply(struct state *s, const struct vt_counters *c)
{
	struct value values[SUMS];
	unsigned count = list_values(c, values);
	bool again = s->entries[c->process->index] != NULL;
	struct entry *e = entry_of(s, c->process);

	if (!e)
		return sizeof(*e) > *s->room ? -E2BIG : -ENOMEM;
	for (unsigned i = 0; i < e->count; i++)
		if (counts(s, e, e->values[i].id))
			take_out(s, e, &e->values[i]);
	/* What is no longer told of was the newest, perhaps. */
	for (unsigned i = 0; i < e->count; i++)
		s->stale[e->values[i].id] |= s->rules[e->values[i].id] == NEWEST;
	int err = keep_values(s, e, values, count);
	if (err)
		return err;
	e->monotonic = c->monotonic;
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

/* ---- one moment ---------------------------------------------------------------------------- */

struct one {
	struct state state;
	uint64_t ns;
	int err;
};

static int take_until(void *user, const struct vt_counters *c)
{
	struct one *o = user;

	if (vt_reader_ns(o->state.in->reader, c->ticks) > o->ns)
		return 1;
	bury(&o->state, c);
	o->err = apply(&o->state, c);
	return o->err;
}

int vt_metrics_at(struct vt_metrics *m, const struct vt_input *in, uint64_t ns)
{
	size_t room = VT_MOMENTS_MEMORY;
	struct one *o = calloc(1, sizeof(*o));
	int err = o ? start(&o->state, in, &room) : -ENOMEM;

	if (!err) {
		o->ns = ns;
		err = vt_reader_counters(in->reader, 0, take_until, o);
		err = err < 0 ? err : o->err ? o->err : (int)o->state.records;
	}
	if (err >= 0) {
		settle(&o->state);
		*m = o->state.m;
		m->buffered = m->values[VT_M_trace_events];
		for (size_t i = 0; i < o->state.limit; i++) {
			const struct entry *e = o->state.entries[i];
			m->uptime = e && e->uptime > m->uptime ? e->uptime : m->uptime;
			m->enabled |= e && e->enabled;
		}
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			m->wanted |= m->lost[c] > 0 ? 1ull << c : 0;
	}
	if (o)
		stop(&o->state);
	free(o);
	return err;
}

/* ---- all moments ---------------------------------------------------------------------------- */

struct all {
	struct state state;
	struct vt_series *series;
	const struct vt_moments_choice *choice;
	bool pending;                   /* the state is a moment that is not in the series yet */
	uint64_t ns, ms;                /* of that moment */
	int err;
};

static uint64_t window_of(const struct all *a, uint64_t ns)
{
	return a->choice->step ? ns / a->choice->step : 0;
}

static int flush(struct all *a)
{
	if (!a->pending || a->ns < a->choice->since_ns)
		return 0;
	settle(&a->state);
	return vt_series_add(a->series, a->ms, &a->state.m);
}

static int take_all(void *user, const struct vt_counters *c)
{
	struct all *a = user;
	uint64_t ns = vt_reader_ns(a->state.in->reader, c->ticks);
	/* Of one clock for the whole run: that of the records may have been set meanwhile. */
	uint64_t ms = vt_reader_realtime(a->state.in->reader, c->ticks) / NS_A_MS;

	if (a->choice->until_set && ns >= a->choice->until_ns)
		return 1;
	bool same_step = a->choice->step && window_of(a, ns) == window_of(a, a->ns);
	if (a->pending && ms > a->ms && !same_step)
		a->err = flush(a);
	if (a->err)
		return a->err;
	bury(&a->state, c);
	a->err = apply(&a->state, c);
	a->ms = !a->pending || ms > a->ms ? ms : a->ms;
	a->ns = ns;
	a->pending = true;
	return a->err;
}

int vt_series_of_run(struct vt_series *series, const struct vt_input *in,
                     const struct vt_moments_choice *choice, size_t *room)
{
	struct all *a = calloc(1, sizeof(*a));
	int err = a ? start(&a->state, in, room) : -ENOMEM;

	vt_series_start(series, room);
	if (!err) {
		a->series = series;
		a->choice = choice;
		err = vt_reader_counters(in->reader, 0, take_all, a);
		err = err < 0 ? err : a->err ? a->err : flush(a);
	}
	if (!err) {
		err = (int)a->state.records;
		series->now = a->state.m;
		/* Zero of a loss that comes later is known, and needed to see it come. */
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			series->now.wanted |= vt_series_ever(series, VT_SERIES_LOST(c)) ? 1ull << c : 0;
	}
	if (a)
		stop(&a->state);
	free(a);
	return err;
}
