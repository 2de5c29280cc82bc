/*
 * stats_collect.c - the passes over a run: categories of which columns tell everything come in
 * batches, others event by event; spans that have to be measured are paired, ring by ring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/export.h"
#include "decoder/progress.h"
#include "decoder/share.h"
#include "decoder/stats.h"

#define PROGRESS_MASK 1023u             /* events between two looks at the clock */

/* ---- one event ------------------------------------------------------------------------------- */

static uint64_t step_of(const struct vt_stats_plan *plan, uint64_t ns)
{
	return plan->step > 0 && ns > plan->origin ? (ns - plan->origin) / plan->step : 0;
}

/* Nearly always the group of the type's last event, or one that is known. NULL: no memory. */
static struct vt_stats_group *group_of(struct vt_stats *s, struct vt_stats_type *t,
                                       const struct vt_ring_info *ring, uint64_t step,
                                       const uint64_t values[VT_STATS_KEYS], const char *text,
                                       uint64_t events)
{
	struct vt_stats_value keys[VT_STATS_KEYS];
	bool same = t->last && t->last_epoch == s->epoch && t->last_ring == ring &&
	            t->last_step == step && !text;

	for (unsigned i = 0; same && i < s->plan->key_count; i++)
		same = t->last_values[i] == values[i];
	if (vt_likely(same))
		return t->last;
	vt_stats_keys_of(s, t, ring, values, text, keys);
	struct vt_stats_group *g = vt_stats_group_of(s, step, keys, events);
	t->last = text || s->weighing ? NULL : g;
	t->last_ring = ring;
	t->last_step = step;
	t->last_epoch = s->epoch;
	memcpy(t->last_values, values, sizeof(t->last_values));
	return g;
}

/* A field's values of the keys, 0 for keys that are no field. */
static void key_values(const struct vt_stats *s, const struct vt_stats_type *t,
                       const uint64_t *values, uint64_t keys[VT_STATS_KEYS])
{
	for (unsigned i = 0; i < VT_STATS_KEYS; i++)
		keys[i] = i < s->plan->key_count && t->fields[i] >= 0 ? values[t->fields[i]] : 0;
}

static const uint64_t *duration(const struct vt_stats_type *t, const uint64_t *value)
{
	return value && !vt_field_absent(&t->desc->fields[t->time], *value) ? value : NULL;
}

int vt_stats_count(struct vt_stats *s, struct vt_stats_type *t, const struct vt_event *event,
                   struct vt_stats_group **group)
{
	uint64_t values[VT_STATS_KEYS];

	s->events++;
	s->without += !t->grouped;
	if (!t->grouped)
		return 0;
	key_values(s, t, event->values, values);
	*group = group_of(s, t, event->ring, step_of(s->plan, event->t_ns), values, event->text, 1);
	if (!*group)
		return -ENOMEM;
	(*group)->count++;
	const uint64_t *time = t->time < 0 ? NULL : duration(t, &event->values[t->time]);
	return time ? vt_stats_add_time(s, *group, *time) : 0;
}

int vt_stats_add_event(struct vt_stats *s, const struct vt_event *event)
{
	struct vt_stats_type *t = vt_stats_type_of(s, event->ring->process->schema, event->desc);
	struct vt_stats_group *group;

	return t ? vt_stats_count(s, t, event, &group) : -ENOMEM;
}

/* ---- batches --------------------------------------------------------------------------------- */

struct column_set {                     /* of one type of a batch */
	struct vt_stats_type *type;
	const uint64_t *fields[VT_STATS_KEYS], *time;
	uint32_t row;
};

static int open_columns(struct vt_stats *s, const struct vt_batch *batch, unsigned type,
                        struct column_set *c)
{
	const struct vt_schema *schema = batch->ring->process->schema;

	*c = (struct column_set){ .type = vt_stats_type_of(s, schema, batch->desc[type]) };
	if (!c->type)
		return -ENOMEM;
	if (!c->type->grouped || batch->counts[type] == 0)
		return 0;
	for (unsigned i = 0; i < s->plan->key_count; i++) {
		if (c->type->fields[i] < 0)
			continue;
		c->fields[i] = vt_batch_column(batch, type, (unsigned)c->type->fields[i]);
		if (!c->fields[i])
			return -ENOMEM;
	}
	if (c->type->time >= 0)
		c->time = vt_batch_column(batch, type, (unsigned)c->type->time);
	return 0;
}

static int add_row(struct vt_stats *s, const struct vt_batch *batch, const struct column_set *c,
                   uint32_t row, uint64_t step)
{
	uint64_t values[VT_STATS_KEYS];

	for (unsigned i = 0; i < VT_STATS_KEYS; i++)
		values[i] = c->fields[i] ? c->fields[i][row] : 0;
	struct vt_stats_group *g = group_of(s, c->type, batch->ring, step, values, NULL, 1);
	if (!g)
		return -ENOMEM;
	g->count++;
	const uint64_t *time = duration(c->type, c->time ? &c->time[row] : NULL);
	return time ? vt_stats_add_time(s, g, *time) : 0;
}

/* All events of a type are of one group. */
static int add_rows(struct vt_stats *s, const struct vt_batch *batch, const struct column_set *c,
                    uint32_t rows, uint64_t step)
{
	static const uint64_t none[VT_STATS_KEYS];
	struct vt_stats_group *g = group_of(s, c->type, batch->ring, step, none, NULL, rows);
	int err = 0;

	if (!g)
		return -ENOMEM;
	g->count += rows;
	vt_stats_hold(g);
	for (uint32_t i = 0; i < rows && c->time && !err; i++) {
		const uint64_t *time = duration(c->type, &c->time[i]);
		err = time ? vt_stats_add_time(s, g, *time) : 0;
	}
	vt_stats_release(g);
	return err;
}

/* All of it is in the window and in one stretch of time. */
static int add_whole(struct vt_stats *s, const struct vt_batch *batch, uint64_t step)
{
	struct column_set c;
	int err = 0;

	for (unsigned type = 0; type < batch->types && !err; type++) {
		uint32_t rows = batch->counts[type];
		err = open_columns(s, batch, type, &c);
		if (err || rows == 0 || !c.type->test.wanted)
			continue;
		s->events += rows;
		if (!c.type->grouped)
			s->without += rows;
		else if (c.type->constant)
			err = add_rows(s, batch, &c, rows, step);
		else
			for (uint32_t i = 0; i < rows && !err; i++)
				err = add_row(s, batch, &c, i, step);
	}
	return err;
}

static int add_by_time(struct vt_stats *s, const struct vt_batch *batch)
{
	struct column_set c[VT_MAX_TYPES];
	const uint8_t *types = vt_batch_types(batch);
	const uint64_t *times = types ? vt_batch_times(batch) : NULL;
	int err = times ? 0 : -ENOMEM;

	for (unsigned type = 0; type < batch->types && !err; type++)
		err = open_columns(s, batch, type, &c[type]);
	for (unsigned i = 0; i < batch->events && !err; i++) {
		struct column_set *set = &c[types[i]];
		uint32_t row = set->row++;
		if (!set->type->test.wanted || !vt_stats_in_window(s->plan->filter, times[i]))
			continue;
		s->events++;
		if (set->type->grouped)
			err = add_row(s, batch, set, row, step_of(s->plan, times[i]));
		else
			s->without++;
	}
	return err;
}

int vt_stats_add_batch(struct vt_stats *s, const struct vt_batch *batch)
{
	const struct vt_stats_plan *plan = s->plan;
	uint64_t first = vt_reader_ns(plan->in->reader, batch->t_min);
	uint64_t last = vt_reader_ns(plan->in->reader, batch->t_max);
	bool whole = vt_stats_in_window(plan->filter, first) &&
	             vt_stats_in_window(plan->filter, last);

	if (!(plan->batched >> batch->category % VT_MAX_CATEGORIES & 1))
		return 0;
	if (whole && step_of(plan, first) == step_of(plan, last))
		return add_whole(s, batch, step_of(plan, first));
	return add_by_time(s, batch);
}

/* ---- the passes ------------------------------------------------------------------------------ */

/* Categories by number, which all have, also those without a name. */
struct narrowed {
	struct vt_filter filter;
	const char *names[VT_MAX_CATEGORIES];
	char text[VT_MAX_CATEGORIES][8];
	const char **all;               /* what was asked for, and `names` */
};

/* What was asked for, of these categories only. 0 or a negative error. */
static int select_only(struct narrowed *n, const struct vt_stats_plan *plan, uint64_t mask)
{
	unsigned count = 0, given = plan->filter->category_count;
	const char *unknown;

	n->filter = *plan->filter;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (mask >> c & 1)
			continue;
		snprintf(n->text[count], sizeof(n->text[count]), "!#%u", c);
		n->names[count] = n->text[count];
		count++;
	}
	n->all = calloc(given + count + 1u, sizeof(*n->all));
	if (!n->all)
		return -ENOMEM;
	if (given > 0)
		memcpy(n->all, plan->filter->categories, given * sizeof(*n->all));
	memcpy(n->all + given, n->names, count * sizeof(*n->all));
	n->filter.categories = n->all;
	n->filter.category_count = given + count;
	return vt_reader_select(plan->in->reader, &n->filter, &unknown);
}

static void tell(const struct vt_stats *s, uint64_t now, uint64_t length)
{
	vt_progress(now, length, s->events, VT_PROGRESS_EVENTS);
}

/* What one thread counts. */
struct lane {
	struct vt_stats stats;
	uint64_t length;                /* of the run; 0: it shows no progress */
	int error;                      /* of the beginning */
};

struct shared {
	struct vt_stats *to;
	uint64_t length;
};

static void begin_lane(void *share, void *user, bool first)
{
	struct lane *lane = share;
	const struct shared *shared = user;

	lane->length = first ? shared->length : 0;
	lane->error = shared->to->weighing ? vt_stats_init_weighing(&lane->stats, shared->to->plan)
	                                   : vt_stats_init(&lane->stats, shared->to->plan);
}

static int add_batch(void *share, const struct vt_batch *batch)
{
	struct lane *lane = share;
	struct vt_reader *reader = lane->stats.plan->in->reader;

	if (lane->error)
		return lane->error;
	if (lane->length > 0)
		tell(&lane->stats, vt_reader_ns(reader, batch->t_min), lane->length);
	return vt_stats_add_batch(&lane->stats, batch);
}

static int end_lane(void *share, void *user, int err)
{
	struct lane *lane = share;
	struct shared *shared = user;

	if (!err)
		err = lane->error ? lane->error : vt_stats_merge(shared->to, &lane->stats);
	vt_stats_free(&lane->stats);
	return err;
}

static int batch_pass(struct vt_stats *s, struct narrowed *n, uint64_t length)
{
	static const struct vt_sharing sharing = {
		.size = sizeof(struct lane),
		.begin = begin_lane, .batch = add_batch, .end = end_lane,
	};
	struct shared shared = { s, length };
	int err = select_only(n, s->plan, s->plan->batched);

	return err ? err : vt_share_out(s->plan->in->reader, &sharing, &shared);
}

static int event_pass(struct vt_stats *s, struct narrowed *n, uint64_t length)
{
	const struct vt_event *event;
	uint64_t seen = 0;
	int err = select_only(n, s->plan, ~(s->plan->batched | s->plan->paired));

	while (!err && (err = vt_reader_next(s->plan->in->reader, &event)) > 0) {
		if ((++seen & PROGRESS_MASK) == 0)
			tell(s, event->t_ns, length);
		err = event->gap ? 0 : vt_stats_add_event(s, event);
	}
	return err;
}

static int span_pass(struct vt_stats *s, struct narrowed *n, uint64_t length)
{
	(void)n;
	return vt_stats_add_spans(s, length);
}

int vt_stats_collect(struct vt_stats *s)
{
	static int (*const passes[])(struct vt_stats *s, struct narrowed *n, uint64_t length) = {
		batch_pass, event_pass, span_pass,
	};
	const struct vt_stats_plan *plan = s->plan;
	const struct vt_run_info *run = plan->in->run;
	uint64_t present = 0, length = vt_reader_ns(plan->in->reader, run->last);
	const char *unknown;
	struct narrowed n;
	int err = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		present |= (uint64_t)(run->decoded[c] > 0) << c;
	const uint64_t masks[] = {
		plan->batched, present & ~(plan->batched | plan->paired), plan->paired,
	};
	vt_progress_begin("counting", plan->in->name, false);
	for (unsigned i = 0; i < 3 && !err; i++) {
		if (masks[i] == 0)
			continue;
		n.all = NULL;
		err = passes[i](s, &n, length);
		free(n.all);
	}
	vt_progress_end();
	/* The names of the passes are gone. */
	return err ? err : vt_reader_select(plan->in->reader, plan->filter, &unknown);
}

int vt_stats_run(struct vt_stats *s, struct vt_stats_plan *plan)
{
	int err = vt_stats_init(s, plan);

	if (!err)
		err = vt_stats_collect(s);
	if (err || !s->ended)
		return err;
	vt_stats_free(s);
	err = vt_stats_init_weighing(s, plan);
	if (!err)
		err = vt_stats_collect(s);
	if (err)
		return err;
	plan->weights = s->weighing;
	s->weighing = NULL;
	vt_stats_free(s);
	err = vt_stats_init(s, plan);
	return err ? err : vt_stats_collect(s);
}
