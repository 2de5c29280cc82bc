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
#include "decoder/spans.h"
#include "decoder/stats.h"

#define NO_SLOT       UINT32_MAX
#define PROGRESS_MASK 1023u             /* events between two looks at the clock */

/* ---- one event ------------------------------------------------------------------------------- */

static uint64_t step_of(const struct vt_stats_plan *plan, uint64_t ns)
{
	return plan->step > 0 && ns > plan->origin ? (ns - plan->origin) / plan->step : 0;
}

static bool in_window(const struct vt_filter *f, uint64_t ns)
{
	return !(f->since_set && ns < f->since_ns) && !(f->until_set && ns >= f->until_ns);
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

/* *group: where it was counted; it may have been folded away since. */
static int count_event(struct vt_stats *s, struct vt_stats_type *t, const struct vt_event *event,
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

	return t ? count_event(s, t, event, &group) : -ENOMEM;
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
	struct vt_reader *reader = s->plan->in->reader;
	const struct vt_schema *schema = batch->ring->process->schema;

	*c = (struct column_set){ .type = vt_stats_type_of(s, schema, batch->desc[type]) };
	if (!c->type)
		return -ENOMEM;
	if (!c->type->grouped || batch->counts[type] == 0)
		return 0;
	for (unsigned i = 0; i < s->plan->key_count; i++) {
		if (c->type->fields[i] < 0)
			continue;
		c->fields[i] = vt_batch_column(reader, type, (unsigned)c->type->fields[i]);
		if (!c->fields[i])
			return -ENOMEM;
	}
	if (c->type->time >= 0)
		c->time = vt_batch_column(reader, type, (unsigned)c->type->time);
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
	struct vt_reader *reader = s->plan->in->reader;
	const uint8_t *types = vt_batch_types(reader);
	const uint64_t *ticks = types ? vt_batch_ticks(reader) : NULL;
	int err = ticks ? 0 : -ENOMEM;

	for (unsigned type = 0; type < batch->types && !err; type++)
		err = open_columns(s, batch, type, &c[type]);
	for (unsigned i = 0; i < batch->events && !err; i++) {
		struct column_set *set = &c[types[i]];
		uint64_t ns = vt_reader_ns(reader, ticks[i]);
		uint32_t row = set->row++;
		if (!set->type->test.wanted || !in_window(s->plan->filter, ns))
			continue;
		s->events++;
		if (set->type->grouped)
			err = add_row(s, batch, set, row, step_of(s->plan, ns));
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
	bool whole = in_window(plan->filter, first) && in_window(plan->filter, last);

	if (!(plan->batched >> batch->category % VT_MAX_CATEGORIES & 1))
		return 0;
	if (whole && step_of(plan, first) == step_of(plan, last))
		return add_whole(s, batch, step_of(plan, first));
	return add_by_time(s, batch);
}

/* ---- spans ----------------------------------------------------------------------------------- */

struct slot {                           /* of an open span that is to be measured */
	struct vt_stats_group *group;
	uint64_t begin;                 /* ns */
};

struct pairing {
	struct vt_stats *s;
	struct vt_pointer_map tracks;   /* struct vt_spans by ring */
	struct slot *slots;
	size_t slot_count, slot_capacity;
	uint32_t *spare;                /* slots to use again; there is room for all */
	size_t spare_count, spare_capacity;
	uint64_t now;
	bool ended;                     /* the log */
	int error;
};

static void close_slot(struct pairing *p, uint32_t at, enum vt_span_end how)
{
	struct slot *slot = &p->slots[at];

	if (how <= VT_SPAN_LEFT) {
		uint64_t ns = p->now > slot->begin ? p->now - slot->begin : 0;
		if (vt_stats_add_time(p->s, slot->group, ns))
			p->error = -ENOMEM;
	} else if (how == VT_SPAN_DROPPED) {
		p->s->without_end++;
	} else if (p->ended) {
		p->s->open++;
	} else {
		p->s->forgotten++;
	}
	vt_stats_release(slot->group);
	p->spare[p->spare_count++] = at;
}

static void on_gone(void *user, const struct vt_open_span *span, const struct vt_open_span *outer,
                    enum vt_span_end how)
{
	(void)outer;
	if (span->frame != NO_SLOT)
		close_slot(user, span->frame, how);
}

/* NO_SLOT: no memory. */
static uint32_t open_slot(struct pairing *p, struct vt_stats_group *group)
{
	uint32_t at;

	if (p->spare_count > 0) {
		at = p->spare[--p->spare_count];
	} else {
		size_t n = p->slot_count;
		if (!vt_array_grow(&p->slots, &p->slot_capacity, n, sizeof(*p->slots), NO_SLOT) ||
		    !vt_array_grow(&p->spare, &p->spare_capacity, n, sizeof(*p->spare), NO_SLOT))
			return NO_SLOT;
		at = (uint32_t)p->slot_count++;
	}
	vt_stats_hold(group);
	p->slots[at] = (struct slot){ group, p->now };
	return at;
}

static struct vt_spans *spans_of(struct pairing *p, const struct vt_ring_info *ring)
{
	struct vt_spans *spans = vt_pointer_map_get(&p->tracks, ring);

	if (vt_likely(spans))
		return spans;
	spans = calloc(1, sizeof(*spans));
	if (!spans || vt_pointer_map_add(&p->tracks, ring, spans)) {
		free(spans);
		return NULL;
	}
	spans->gone = on_gone;
	spans->user = p;
	return spans;
}

/* `group` NULL: the span is followed and not measured. */
static int begin_span(struct pairing *p, struct vt_spans *spans, const struct vt_event *event,
                      struct vt_stats_group *group)
{
	unsigned depth = spans->depth;

	if (vt_spans_begin(spans, event->desc, event->ticks))
		return -ENOMEM;
	if (spans->depth == depth) {
		p->s->deeper += group != NULL;
		return 0;
	}
	spans->open[depth].frame = group ? open_slot(p, group) : NO_SLOT;
	return group && spans->open[depth].frame == NO_SLOT ? -ENOMEM : 0;
}

static int end_span(struct pairing *p, struct vt_spans *spans, const struct vt_event *event)
{
	const struct vt_schema *schema = event->ring->process->schema;
	const struct vt_event_desc *begin = vt_schema_event(schema, event->desc->id - 1u);
	struct vt_open_span ended;
	bool beyond = spans->beyond > 0;

	if (vt_spans_end(spans, event->desc, &ended) || beyond)
		return 0;
	if (!begin || !(begin->flags & VT_EVENT_BEGIN))
		return 0;
	struct vt_stats_type *t = vt_stats_type_of(p->s, schema, begin);
	if (t && t->measured && t->grouped && in_window(p->s->plan->filter, event->t_ns))
		p->s->unmatched_ends++;
	return t ? 0 : -ENOMEM;
}

/* The innermost span ends for its group and goes on for that of this event. */
static int replace_span(struct pairing *p, struct vt_spans *spans, const struct vt_event *event,
                        struct vt_stats_group *group)
{
	struct vt_open_span *span = vt_spans_innermost(spans, event->desc->category);

	if (!span || spans->beyond > 0)
		return 0;
	struct vt_stats_type *t = vt_stats_type_of(p->s, event->ring->process->schema, span->desc);
	if (!t)
		return -ENOMEM;
	/* First the new slot: with the old one's duration the group might go. */
	uint32_t fresh = group && t->measured ? open_slot(p, group) : NO_SLOT;
	if (span->frame != NO_SLOT)
		close_slot(p, span->frame, VT_SPAN_ENDED);
	span->frame = fresh;
	return group && t->measured && fresh == NO_SLOT ? -ENOMEM : 0;
}

static bool is_selected(const struct vt_stats_plan *plan, const struct vt_stats_type *t,
                        const struct vt_event *event)
{
	const struct vt_selection *s = &plan->selection;
	uint32_t process = event->ring->process->index;

	if (!t->test.wanted || !s->rings[event->ring->id] ||
	    !(s->masks[process] >> event->desc->category % VT_MAX_CATEGORIES & 1) ||
	    !in_window(plan->filter, event->t_ns))
		return false;
	return !vt_selection_values(s) ||
	       vt_selection_event(s, vt_reader_log(plan->in->reader), process, event->desc,
	                          &t->test, event->values, event->text);
}

static int follow_event(struct pairing *p, const struct vt_event *event)
{
	struct vt_spans *spans = spans_of(p, event->ring);
	struct vt_stats_group *group = NULL;
	unsigned flags;

	if (!spans)
		return -ENOMEM;
	if (event->gap) {
		vt_spans_gap(spans, event->gap);
		return p->error;
	}
	struct vt_stats_type *t = vt_stats_type_of(p->s, event->ring->process->schema, event->desc);
	if (!t)
		return -ENOMEM;
	p->now = event->t_ns;
	int err = is_selected(p->s->plan, t, event) ? count_event(p->s, t, event, &group) : 0;
	flags = event->desc->flags;
	if (err || p->error)
		return err ? err : p->error;
	if (flags & VT_EVENT_BEGIN)
		return begin_span(p, spans, event, t->measured ? group : NULL);
	if (flags & VT_EVENT_END)
		err = end_span(p, spans, event);
	else if (flags & VT_EVENT_REPLACE)
		err = replace_span(p, spans, event, group);
	else if (flags & (VT_EVENT_UNWIND | VT_EVENT_SWITCH))
		err = vt_spans_instant(spans, event->desc, event->values);
	return err ? err : p->error;
}

static void free_spans(void *value)
{
	vt_spans_free(value);
	free(value);
}

static void end_pairing(struct pairing *p)
{
	p->ended = true;
	for (size_t i = 0; i < p->tracks.size; i++)
		if (p->tracks.slots[i].key)
			vt_spans_flush(p->tracks.slots[i].value);
	vt_pointer_map_free(&p->tracks, free_spans);
	free(p->slots);
	free(p->spare);
}

/* ---- the passes ------------------------------------------------------------------------------ */

/* Categories by number, which all have, also those without a name. */
struct narrowed {
	struct vt_filter filter;
	const char *names[VT_MAX_CATEGORIES];
	char text[VT_MAX_CATEGORIES][8];
	const char **all;               /* what was asked for, and `names` */
};

static void name_categories(struct narrowed *n, uint64_t mask, const char *before, unsigned *count)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (!(mask >> c & 1))
			continue;
		snprintf(n->text[*count], sizeof(n->text[*count]), "%s#%u", before, c);
		n->names[*count] = n->text[*count];
		(*count)++;
	}
}

/* What was asked for, of these categories only. 0 or a negative error. */
static int select_only(struct narrowed *n, const struct vt_stats_plan *plan, uint64_t mask)
{
	unsigned count = 0, given = plan->filter->category_count;
	const char *unknown;

	n->filter = *plan->filter;
	name_categories(n, ~mask, "!", &count);
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

/*
 * All of these categories on the threads that were asked for: whatever may begin, end or hide a
 * span.
 */
static int select_spans(struct narrowed *n, const struct vt_stats_plan *plan)
{
	unsigned count = 0;
	const char *unknown;

	n->filter = *plan->filter;
	name_categories(n, plan->paired, "", &count);
	n->filter.categories = n->names;
	n->filter.category_count = count;
	n->filter.event_count = n->filter.where_count = 0;
	n->filter.min_duration_ns = 0;
	n->filter.since_set = n->filter.until_set = n->filter.no_bulk = false;
	return vt_reader_select(plan->in->reader, &n->filter, &unknown);
}

static void tell(const struct vt_stats *s, uint64_t now, uint64_t length)
{
	vt_progress(now, length, s->events, VT_PROGRESS_EVENTS);
}

static int batch_pass(struct vt_stats *s, struct narrowed *n, uint64_t length)
{
	const struct vt_batch *batch;
	struct vt_reader *reader = s->plan->in->reader;
	int err = select_only(n, s->plan, s->plan->batched);

	while (!err && (err = vt_reader_next_batch(reader, &batch)) > 0) {
		tell(s, vt_reader_ns(reader, batch->t_min), length);
		err = vt_stats_add_batch(s, batch);
	}
	return err;
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
	struct pairing p = { .s = s };
	const struct vt_event *event;
	uint64_t seen = 0;
	int err = select_spans(n, s->plan);

	while (!err && (err = vt_reader_next(s->plan->in->reader, &event)) > 0) {
		if ((++seen & PROGRESS_MASK) == 0)
			tell(s, event->t_ns, length);
		err = follow_event(&p, event);
	}
	end_pairing(&p);
	return err ? err : p.error;
}

int vt_stats_collect(struct vt_stats *s)
{
	static int (*const passes[])(struct vt_stats *s, struct narrowed *n, uint64_t length) = {
		batch_pass, event_pass, span_pass,
	};
	const struct vt_stats_plan *plan = s->plan;
	const struct vt_run_info *run = plan->in->run;
	uint64_t present = 0, length = vt_reader_ns(plan->in->reader, run->last);
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
	return err;
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
