/* profile.c - see profile.h. */
#include "decoder/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/memory.h"
#include "decoder/progress.h"
#include "decoder/profile_work.h"
#include "decoder/spans.h"

#define MOST_GAPS (1u << 20)

struct vt_profile_gap {
	const struct vt_ring_info *ring;
	uint64_t before, after;         /* ticks */
	unsigned category;
};

/* One ring and category. */
struct track {
	struct vt_profile *profile;
	const struct vt_ring_info *ring;
	struct vt_spans spans;
	uint32_t root;
	bool begun, ended;
	uint32_t *active;               /* by function: frames on the stack that runs */
	size_t active_count;
	uint64_t last;                  /* ns: time before it is given away */
	const struct vt_profile_gap *gap, *gaps_end;        /* those to come */
};

/* ---- frames -------------------------------------------------------------------------------------- */

/* The number of active frames of a function on the track's stack; NULL: no memory. */
static inline uint32_t *active_of(struct track *t, uint32_t function)
{
	if (vt_unlikely(function >= t->active_count)) {
		size_t count = 2 * (size_t)function + 64;
		uint32_t *wider = realloc(t->active, count * sizeof(*wider));
		if (!wider)
			return NULL;
		memset(wider + t->active_count, 0, (count - t->active_count) * sizeof(*wider));
		t->active = wider;
		t->active_count = count;
	}
	return &t->active[function];
}

static int start_frame(struct track *t, uint32_t at, uint32_t function, const struct vt_open_span *caller)
{
	struct vt_profile_work *w = t->profile->work;
	uint32_t *active = active_of(t, function), node = VT_NO_NODE;

	if (!active)
		return -ENOMEM;
	if (w->stacks) {
		node = vt_profile_node(t->profile, caller ? w->frames[caller->frame].node : t->root, function);
		if (node == VT_NO_NODE)
			return -ENOMEM;
	}
	w->frames[at] = (struct vt_frame){ .node = node, .function = function, .outermost = (*active)++ == 0 };
	return 0;
}

/* VT_NO_NODE: no memory. */
static inline uint32_t take_frame(struct vt_profile_work *w)
{
	if (vt_likely(w->spare_count > 0))
		return w->spare[--w->spare_count];
	if (!vt_array_grow(&w->frames, &w->frame_capacity, w->frame_count, sizeof(*w->frames), UINT32_MAX - 1) ||
	    !vt_array_grow(&w->spare, &w->spare_capacity, w->frame_count, sizeof(*w->spare), UINT32_MAX - 1))
		return VT_NO_NODE;
	return (uint32_t)w->frame_count++;
}

/* A call is over, or no longer known: its time is part of what its caller called. `caller` may be NULL. */
static inline void close_frame(struct track *t, const struct vt_frame *f, const struct vt_open_span *caller,
                               enum vt_span_end how)
{
	struct vt_function *function = &t->profile->functions[f->function];
	uint64_t all = f->exclusive + f->called;

	if (how <= VT_SPAN_LEFT && all > function->longest)
		function->longest = all;
	if (f->outermost)
		function->inclusive += all;
	if (caller)
		t->profile->work->frames[caller->frame].called += all;
	if (how != VT_SPAN_EXPIRED)
		t->active[f->function]--;
}

/* The usual END, of the innermost span: as vt_spans_end. */
static inline bool end_innermost(struct track *t, const struct vt_event_desc *desc)
{
	struct vt_spans *s = &t->spans;
	struct vt_profile_work *w = t->profile->work;

	if (s->beyond > 0 || s->depth == 0 || s->open[s->depth - 1].desc->id + 1 != desc->id)
		return false;
	uint32_t at = s->open[--s->depth].frame;
	close_frame(t, &w->frames[at], s->depth > 0 ? &s->open[s->depth - 1] : NULL, VT_SPAN_ENDED);
	w->spare[w->spare_count++] = at;
	return true;
}

static void on_gone(void *user, const struct vt_open_span *span, const struct vt_open_span *outer,
                    enum vt_span_end how)
{
	struct track *t = user;
	struct vt_profile_work *w = t->profile->work;

	close_frame(t, &w->frames[span->frame], outer, how);
	t->profile->dropped += how > VT_SPAN_LEFT && !t->ended;
	w->spare[w->spare_count++] = span->frame;
}

/* A coroutine's frames are active while it runs. */
static void count_active(struct track *t, int by)
{
	for (unsigned i = 0; i < t->spans.depth; i++)
		t->active[t->profile->work->frames[t->spans.open[i].frame].function] += (uint32_t)by;
}

static struct vt_open_span *innermost(const struct track *t)
{
	return t->spans.depth > 0 ? &t->spans.open[t->spans.depth - 1] : NULL;
}

static bool in_window(const struct vt_filter *f, uint64_t ns)
{
	return !(f->since_set && ns < f->since_ns) && !(f->until_set && ns >= f->until_ns);
}

/* Gives the time since the last event to the function that ran; returns how much that was. */
static inline uint64_t spend(struct track *t, uint64_t now)
{
	struct vt_profile *p = t->profile;
	const struct vt_filter *f = p->work->filter;
	uint64_t from = t->last, to = now;
	const struct vt_open_span *span = innermost(t);

	t->last = now > t->last ? now : t->last;
	if (f->since_set && from < f->since_ns)
		from = f->since_ns;
	if (f->until_set && to > f->until_ns)
		to = f->until_ns;
	if (to <= from)
		return 0;
	p->lived += to - from;
	if (span) {
		struct vt_frame *frame = &p->work->frames[span->frame];
		frame->exclusive += to - from;
		if (p->work->stacks)
			p->nodes[frame->node].exclusive += to - from;
		p->functions[frame->function].exclusive += to - from;
		p->inside += to - from;
	}
	return to - from;
}

/* ---- events -------------------------------------------------------------------------------------- */

static int begin(struct track *t, const struct vt_event_desc *desc, const uint64_t *id, uint64_t ns,
                 uint64_t ticks)
{
	struct vt_profile *p = t->profile;
	uint32_t function = vt_profile_function(p, t->ring, desc, id), at;
	unsigned depth = t->spans.depth;

	if (function == VT_NO_NODE || vt_spans_begin(&t->spans, desc, ticks))
		return -ENOMEM;
	p->functions[function].calls += in_window(p->work->filter, ns);
	if (t->spans.depth == depth) {
		p->deeper++;
		return 0;
	}
	at = take_frame(p->work);
	if (at == VT_NO_NODE)
		return -ENOMEM;
	t->spans.open[depth].frame = at;
	return start_frame(t, at, function, depth > 0 ? &t->spans.open[depth - 1] : NULL);
}

static int replace(struct track *t, const struct vt_event_desc *desc, const uint64_t *id, uint64_t ns)
{
	struct vt_profile *p = t->profile;
	struct vt_open_span *span = t->spans.beyond > 0 ? NULL : innermost(t);
	uint32_t function = vt_profile_function(p, t->ring, desc, id);

	if (function == VT_NO_NODE)
		return -ENOMEM;
	p->functions[function].calls += in_window(p->work->filter, ns);
	if (!span)
		return 0;
	const struct vt_open_span *caller = span > t->spans.open ? span - 1 : NULL;
	close_frame(t, &p->work->frames[span->frame], caller, VT_SPAN_ENDED);
	return start_frame(t, span->frame, function, caller);
}

static void pass_gaps(struct track *t, uint64_t until)
{
	struct vt_reader *reader = t->profile->in->reader;

	for (; t->gap < t->gaps_end && t->gap->after <= until; t->gap++) {
		struct vt_gap lost = { .total = 1 };
		uint64_t before = vt_reader_ns(reader, t->gap->before), after = vt_reader_ns(reader, t->gap->after);
		lost.events[t->gap->category] = 1;
		if (!t->begun)
			t->last = before;
		t->begun = true;
		spend(t, before);
		vt_spans_gap(&t->spans, &lost);
		t->profile->missing += spend(t, after);
	}
}

/* The columns of a batch that matter, by type. */
struct columns {
	const uint64_t *name[VT_MAX_TYPES];     /* NULL: the type has no name */
	uint32_t row[VT_MAX_TYPES];
};

static VT_COLD int on_instant(struct track *t, const struct vt_batch *batch, unsigned type, uint32_t row)
{
	bool switches = batch->desc[type]->flags & VT_EVENT_SWITCH;

	if (switches)
		count_active(t, -1);
	int err = vt_spans_batch_instant(&t->spans, batch, type, row);
	if (switches)
		count_active(t, 1);
	return err;
}

static inline int on_event(struct track *t, const struct vt_batch *batch, struct columns *c, unsigned type,
                    uint64_t ticks, uint64_t ns)
{
	const struct vt_event_desc *desc = batch->desc[type];
	uint32_t row = c->row[type]++;
	const uint64_t *id = c->name[type] ? c->name[type] + row : NULL;
	struct vt_open_span ended;

	if (vt_unlikely(t->gap < t->gaps_end))
		pass_gaps(t, ticks);
	if (vt_unlikely(!t->begun))
		t->last = ns;
	t->begun = true;
	spend(t, ns);
	if (desc->flags & VT_EVENT_BEGIN)
		return begin(t, desc, id, ns, ticks);
	if ((desc->flags & VT_EVENT_END) && vt_likely(end_innermost(t, desc)))
		return 0;
	if (desc->flags & VT_EVENT_END) {
		bool beyond = t->spans.beyond > 0;
		t->profile->unmatched += !vt_spans_end(&t->spans, desc, &ended) && !beyond;
		return 0;
	}
	if (desc->flags & VT_EVENT_REPLACE)
		return replace(t, desc, id, ns);
	if (desc->flags & (VT_EVENT_UNWIND | VT_EVENT_SWITCH))
		return on_instant(t, batch, type, row);
	return 0;
}

static int name_field(const struct vt_event_desc *desc)
{
	for (unsigned i = 0; i < desc->count; i++)
		if (desc->fields[i].kind == VT_KIND_STRING)
			return (int)i;
	return -1;
}

static bool names_functions(const struct vt_event_desc *desc)
{
	return desc && (desc->flags & VT_EVENT_BEGIN) && name_field(desc) >= 0;
}

bool vt_profile_has_functions(const struct vt_schema *schema, unsigned category)
{
	for (unsigned id = 0; id < schema->event_limit; id++)
		if (names_functions(schema->events[id]) && schema->events[id]->category == category)
			return true;
	return false;
}

static int on_batch(const struct vt_batch *batch, struct track *t)
{
	struct columns c = { .row = { 0 } };
	const uint8_t *types = vt_batch_types(batch);
	const uint64_t *ticks = types ? vt_batch_ticks(batch) : NULL;
	const uint64_t *times = ticks ? vt_batch_times(batch) : NULL;
	int err = 0;

	for (unsigned i = 0; times && i < batch->types; i++) {
		int field = batch->desc[i]->flags & (VT_EVENT_BEGIN | VT_EVENT_REPLACE)
		            ? name_field(batch->desc[i]) : -1;
		c.name[i] = field < 0 ? NULL : vt_batch_column(batch, i, (unsigned)field);
	}
	for (unsigned i = 0; times && i < batch->events && !err; i++)
		err = on_event(t, batch, &c, types[i], ticks[i], times[i]);
	return err;
}

/* ---- the run ------------------------------------------------------------------------------------- */

static int compare_gaps(const void *a, const void *b)
{
	const struct vt_profile_gap *x = a, *y = b;

	if (x->ring->id != y->ring->id)
		return x->ring->id < y->ring->id ? -1 : 1;
	if (x->category != y->category)
		return x->category < y->category ? -1 : 1;
	return x->after < y->after ? -1 : x->after > y->after;
}

static uint32_t ring_number(const struct vt_run_info *run, const struct vt_ring_info *ring)
{
	unsigned i = 0;

	while (i + 1 < run->ring_count && run->rings[i] != ring)
		i++;
	return i;
}

static struct track *track_of(struct vt_profile *p, const struct vt_ring_info *ring, unsigned category)
{
	struct vt_profile_work *w = p->work;
	/* As in spans.c: an address inside the descriptor stands for ring and category. */
	const char *key = (const char *)ring + category;
	struct track *t = vt_pointer_map_get(&w->tracks, key);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t || vt_pointer_map_add(&w->tracks, key, t)) {
		free(t);
		return NULL;
	}
	t->profile = p;
	t->ring = ring;
	t->spans.gone = on_gone;
	t->spans.user = t;
	t->root = w->stacks ? vt_profile_node(p, VT_NO_NODE, ring_number(p->in->run, ring)) : 0;
	size_t first = 0;
	while (first < w->gap_count && (w->gaps[first].ring != ring || w->gaps[first].category != category))
		first++;
	size_t last = first;
	while (last < w->gap_count && w->gaps[last].ring == ring && w->gaps[last].category == category)
		last++;
	/* Without gaps there is no array to point into. */
	t->gap = w->gaps ? w->gaps + first : NULL;
	t->gaps_end = w->gaps ? w->gaps + last : NULL;
	return t->root == VT_NO_NODE ? NULL : t;
}

/* Categories with types that are named by a string; the run must have events of them. */
static void find_categories(struct vt_profile *p)
{
	struct vt_profile_work *w = p->work;

	for (unsigned i = 0; i < p->in->run->process_count; i++) {
		const struct vt_schema *schema = p->in->run->processes[i]->schema;
		for (unsigned id = 0; id < schema->event_limit; id++) {
			const struct vt_event_desc *d = schema->events[id];
			unsigned c = d ? d->category % VT_MAX_CATEGORIES : 0, known = 0;
			if (!names_functions(d) || !schema->categories[c].name)
				continue;
			while (known < w->name_count && strcmp(w->names[known], schema->categories[c].name) != 0)
				known++;
			if (known == w->name_count && known < VT_MAX_CATEGORIES && p->in->run->decoded[c] > 0)
				w->names[w->name_count++] = schema->categories[c].name;
		}
	}
}

static int collect_gaps(struct vt_profile *p, struct vt_filter filter)
{
	struct vt_profile_work *w = p->work;
	const struct vt_event *event;
	const char *unknown;

	filter.min_duration_ns = UINT64_MAX;    /* no event is this long: only gaps come */
	int err = vt_reader_select(p->in->reader, &filter, &unknown);
	while (!err && (err = vt_reader_next(p->in->reader, &event)) > 0) {
		err = 0;
		for (unsigned c = 0; event->gap && c < VT_MAX_CATEGORIES && !err; c++) {
			if (event->gap->events[c] == 0)
				continue;
			if (!vt_array_grow(&w->gaps, &w->gap_capacity, w->gap_count, sizeof(*w->gaps), MOST_GAPS))
				err = -ENOMEM;
			else
				w->gaps[w->gap_count++] = (struct vt_profile_gap){ event->ring, event->gap->t_before,
				                                        event->gap->t_after, c };
		}
	}
	if (w->gap_count > 0)
		qsort(w->gaps, w->gap_count, sizeof(*w->gaps), compare_gaps);
	return err;
}

static bool has_functions(const struct vt_profile *p, const struct vt_batch *batch)
{
	const char *name = batch->ring->process->schema->categories[batch->category % VT_MAX_CATEGORIES].name;

	for (unsigned i = 0; i < batch->types && p->work->all; i++)
		if (batch->desc[i]->flags & (VT_EVENT_BEGIN | VT_EVENT_END))
			return true;
	for (unsigned i = 0; i < p->work->name_count && name; i++)
		if (strcmp(p->work->names[i], name) == 0)
			return true;
	return false;
}

static int collect(struct vt_profile *p, const struct vt_filter *filter)
{
	const struct vt_batch *batch;
	const char *unknown;
	uint64_t seen = 0;
	int err = vt_reader_select(p->in->reader, filter, &unknown);

	vt_progress_begin("functions of", p->in->name, false);
	while (!err && (err = vt_reader_next_batch(p->in->reader, &batch)) > 0) {
		err = 0;
		if (!has_functions(p, batch))
			continue;
		struct track *t = track_of(p, batch->ring, batch->category % VT_MAX_CATEGORIES);
		err = t ? on_batch(batch, t) : -ENOMEM;
		seen += batch->events;
		vt_progress(vt_reader_ns(p->in->reader, batch->t_min),
		            vt_reader_ns(p->in->reader, p->in->run->last), seen, VT_PROGRESS_EVENTS);
	}
	vt_progress_end();
	return err;
}

static int by_exclusive(const void *a, const void *b)
{
	const struct vt_function *x = a, *y = b;

	if (x->exclusive != y->exclusive)
		return x->exclusive > y->exclusive ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* What is open at the end has taken its time all the same. */
static void end_tracks(struct vt_profile *p)
{
	struct vt_profile_work *w = p->work;

	for (size_t i = 0; i < w->tracks.size; i++) {
		struct track *t = w->tracks.slots[i].key ? w->tracks.slots[i].value : NULL;
		if (!t)
			continue;
		pass_gaps(t, UINT64_MAX);
		p->open += t->spans.depth + t->spans.beyond + vt_spans_aside(&t->spans);
		t->ended = true;
		vt_spans_flush(&t->spans);
	}
}

int vt_profile_make(struct vt_profile *p, const struct vt_input *in, const struct vt_filter *filter,
                    enum vt_profile_what what)
{
	struct vt_filter whole = *filter;
	int err = 0;

	*p = (struct vt_profile){ .in = in, .work = calloc(1, sizeof(*p->work)) };
	struct vt_profile_work *w = p->work;
	if (!w)
		return -ENOMEM;
	w->filter = filter;
	w->stacks = what == VT_PROFILE_STACKS;
	w->all = w->stacks && filter->category_count > 0;
	/* What was open before the time that is asked for is known only from the events before. */
	whole.since_set = whole.until_set = whole.no_bulk = false;
	find_categories(p);
	if (whole.category_count == 0) {
		whole.categories = w->names;
		whole.category_count = w->name_count;
	}
	if (whole.category_count == 0)
		return 0;
	w->by_name_size = 2 * VT_PROFILE_FUNCTIONS;
	w->by_stack_size = 4 * VT_PROFILE_NODES;
	w->by_name = calloc(w->by_name_size, sizeof(*w->by_name));
	w->by_stack = calloc(w->by_stack_size, sizeof(*w->by_stack));
	if (!w->by_name || !w->by_stack)
		return -ENOMEM;
	if (vt_lost_all(in->run) > 0)
		err = collect_gaps(p, whole);
	if (!err)
		err = collect(p, &whole);
	if (!err)
		end_tracks(p);
	return err;
}

static void free_track(void *value)
{
	struct track *t = value;

	vt_spans_free(&t->spans);
	free(t->active);
	free(t);
}

void vt_profile_sort(struct vt_profile *p)
{
	if (p->function_count > 0)
		qsort(p->functions, p->function_count, sizeof(*p->functions), by_exclusive);
}

void vt_profile_free(struct vt_profile *p)
{
	struct vt_profile_work *w = p->work;

	for (size_t i = 0; i < p->function_count; i++)
		free(p->functions[i].name);
	free(p->functions);
	free(p->nodes);
	if (w) {
		vt_pointer_map_free(&w->tracks, free_track);
		free(w->by_name);
		free(w->by_stack);
		free(w->frames);
		free(w->spare);
		free(w->gaps);
	}
	free(w);
	*p = (struct vt_profile){ 0 };
}
