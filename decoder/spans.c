/* spans.c - pairing of BEGIN and END on a ring, and what is open at the end of a log. */
#include "decoder/spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/input.h"
#include "decoder/pointer_map.h"

int vt_spans_begin(struct vt_spans *s, const struct vt_event_desc *desc, uint64_t ticks)
{
	if (s->depth == VT_SPAN_DEPTH) {
		s->beyond++;
		return 0;
	}
	if (s->depth == s->capacity) {
		unsigned capacity = s->capacity ? 2 * s->capacity : 16;
		struct vt_open_span *open = realloc(s->open, capacity * sizeof(*open));
		if (!open)
			return -ENOMEM;
		s->open = open;
		s->capacity = capacity;
	}
	s->open[s->depth++] = (struct vt_open_span){ desc, ticks, 0 };
	return 0;
}

/* A span goes, the innermost of its category in an array that begins at `first`. */
static void go(struct vt_spans *s, const struct vt_open_span *first, const struct vt_open_span *span,
               enum vt_span_end how)
{
	const struct vt_open_span *outer = span;

	if (!s->gone)
		return;
	while (outer > first && outer[-1].desc->category != span->desc->category)
		outer--;
	s->gone(s->user, span, outer > first ? outer - 1 : NULL, how);
}

/* Takes out spans of a category from the innermost on, down to index `from`: the others move up. */
static void take_out(struct vt_spans *s, unsigned category, unsigned from, uint64_t most,
                     enum vt_span_end how)
{
	unsigned to = s->depth, kept = s->depth;

	if (s->depth == 0)
		return;
	for (unsigned i = s->depth; i-- > from;) {
		if (s->open[i].desc->category % VT_MAX_CATEGORIES == category % VT_MAX_CATEGORIES && most > 0) {
			most--;
			go(s, s->open, &s->open[i], how);
		} else {
			s->open[--kept] = s->open[i];
		}
		to = i;
	}
	memmove(s->open + to, s->open + kept, (s->depth - kept) * sizeof(*s->open));
	s->depth -= kept - to;
}

static unsigned count_of(const struct vt_spans *s, unsigned category)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->depth; i++)
		count += s->open[i].desc->category % VT_MAX_CATEGORIES == category % VT_MAX_CATEGORIES;
	return count;
}

bool vt_spans_end(struct vt_spans *s, const struct vt_event_desc *desc, struct vt_open_span *ended)
{
	if (s->beyond > 0) {
		/* Too deep to know which: taken as nested properly. */
		s->beyond--;
		*ended = (struct vt_open_span){ NULL, 0, 0 };
		return false;
	}
	for (unsigned i = s->depth; i-- > 0;) {
		if (s->open[i].desc->id + 1 != desc->id)
			continue;
		unsigned before = s->depth;
		if (i + 1 < s->depth)
			take_out(s, desc->category, i + 1, UINT64_MAX, VT_SPAN_DROPPED);
		s->unmatched_begins += before - s->depth;
		*ended = s->open[i];
		go(s, s->open, &s->open[i], VT_SPAN_ENDED);
		memmove(s->open + i, s->open + i + 1, (--s->depth - i) * sizeof(*s->open));
		return true;
	}
	s->unmatched_ends++;
	return false;
}

struct vt_open_span *vt_spans_innermost(const struct vt_spans *s, unsigned category)
{
	for (unsigned i = s->depth; i-- > 0;)
		if (s->open[i].desc->category % VT_MAX_CATEGORIES == category % VT_MAX_CATEGORIES)
			return &s->open[i];
	return NULL;
}

int vt_field_named(const struct vt_event_desc *desc, const char *name)
{
	for (unsigned i = 0; i < desc->count; i++)
		if (strcmp(desc->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- spans that end, wait or go on without an END ------------------------------------------------ */

void vt_spans_unwind(struct vt_spans *s, unsigned category, uint64_t depth, uint64_t left)
{
	uint64_t counted = left < s->beyond ? left : s->beyond;

	s->beyond -= counted;
	left -= counted;
	/* Some of what was left may have begun before the log did, or have been lost. */
	uint64_t known = count_of(s, category), all = known + s->beyond - (left < known ? left : known);
	if (all > depth) {
		uint64_t more = all - depth;
		counted = more < s->beyond ? more : s->beyond;
		s->beyond -= counted;
		left = (left < known ? left : known) + more - counted;
	}
	take_out(s, category, 0, left, VT_SPAN_LEFT);
}

/* The spans of one category that wait for a SWITCH back. */
struct vt_span_stack {
	struct vt_open_span *open;
	uint64_t number, beyond;
	unsigned depth, category;
};

static void forget_aside(struct vt_spans *s, unsigned at)
{
	struct vt_span_stack *stack = &s->aside[at];

	for (unsigned i = stack->depth; i-- > 0;)
		go(s, stack->open, &stack->open[i], VT_SPAN_EXPIRED);
	s->forgotten += stack->depth + stack->beyond;
	free(stack->open);
	memmove(stack, stack + 1, (--s->aside_count - at) * sizeof(*stack));
}

/* Puts the open spans of a category aside, under the number of the stack that runs. */
static int put_aside(struct vt_spans *s, unsigned category)
{
	struct vt_span_stack stack = { .number = s->current[category], .category = category,
	                               .depth = count_of(s, category), .beyond = s->beyond };
	unsigned kept = 0, at = 0;

	if (stack.depth == 0)
		return 0;
	if (s->aside_count == VT_SPAN_STACKS)
		forget_aside(s, 0);
	if (s->aside_count == s->aside_capacity) {
		unsigned capacity = s->aside_capacity ? 2 * s->aside_capacity : 8;
		void *wider = realloc(s->aside, capacity * sizeof(stack));
		if (!wider)
			return -ENOMEM;
		s->aside = wider;
		s->aside_capacity = capacity;
	}
	stack.open = malloc(stack.depth * sizeof(*stack.open));
	if (!stack.open)
		return -ENOMEM;
	for (unsigned i = 0; i < s->depth; i++) {
		if (s->open[i].desc->category % VT_MAX_CATEGORIES == category % VT_MAX_CATEGORIES)
			stack.open[at++] = s->open[i];
		else
			s->open[kept++] = s->open[i];
	}
	s->depth = kept;
	s->beyond = 0;
	s->aside[s->aside_count++] = stack;
	return 0;
}

static int take_back(struct vt_spans *s, unsigned category, uint64_t number)
{
	for (unsigned i = 0; i < s->aside_count; i++) {
		struct vt_span_stack stack = s->aside[i];
		if (stack.category != category || stack.number != number)
			continue;
		s->aside_count--;
		memmove(s->aside + i, s->aside + i + 1, (s->aside_count - i) * sizeof(stack));
		int err = 0;
		for (unsigned j = 0; j < stack.depth && !err; j++) {
			err = vt_spans_begin(s, stack.open[j].desc, stack.open[j].ticks);
			if (!err && s->beyond == 0)
				s->open[s->depth - 1].frame = stack.open[j].frame;
		}
		s->beyond += stack.beyond;
		free(stack.open);
		return err;
	}
	return 0;
}

static bool know_current(struct vt_spans *s)
{
	if (!s->current)
		s->current = calloc(VT_MAX_CATEGORIES, sizeof(*s->current));
	return s->current != NULL;
}

int vt_spans_switch(struct vt_spans *s, unsigned category, uint64_t stack)
{
	category %= VT_MAX_CATEGORIES;
	if (!know_current(s))
		return -ENOMEM;
	if (s->current[category] == stack)
		return 0;
	int err = 0;
	if (s->current[category] == UINT64_MAX)         /* a gap hid which one runs */
		take_out(s, category, 0, UINT64_MAX, VT_SPAN_FORGOTTEN);
	else
		err = put_aside(s, category);
	s->current[category] = stack;
	return err ? err : take_back(s, category, stack);
}

uint64_t vt_spans_aside(const struct vt_spans *s)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < s->aside_count; i++)
		count += s->aside[i].depth + s->aside[i].beyond;
	return count;
}

int vt_spans_instant(struct vt_spans *s, const struct vt_event_desc *desc, const uint64_t *values)
{
	int depth = -1, left = -1;

	if (desc->flags & VT_EVENT_UNWIND) {
		depth = vt_field_named(desc, "depth");
		left = vt_field_named(desc, "left");
		vt_spans_unwind(s, desc->category, depth < 0 ? UINT64_MAX : values[depth],
		                left < 0 ? 0 : values[left]);
	} else if ((desc->flags & VT_EVENT_SWITCH) && (depth = vt_field_named(desc, "stack")) >= 0) {
		return vt_spans_switch(s, desc->category, values[depth]);
	}
	return 0;
}

int vt_spans_batch_instant(struct vt_spans *s, const struct vt_batch *batch, unsigned type, uint32_t row)
{
	const struct vt_event_desc *desc = batch->desc[type];
	uint64_t values[VT_MAX_FIELDS] = { 0 };

	for (unsigned i = 0; i < desc->count; i++) {
		const uint64_t *column = vt_batch_column(batch, type, i);
		if (!column)
			return 0;       /* damaged: noted by the reader */
		values[i] = column[row];
	}
	return vt_spans_instant(s, desc, values);
}

void vt_spans_gap(struct vt_spans *s, const struct vt_gap *gap)
{
	unsigned before = s->depth;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (gap->events[c] == 0)
			continue;
		take_out(s, c, 0, UINT64_MAX, VT_SPAN_FORGOTTEN);
		for (unsigned i = s->aside_count; i-- > 0;)
			if (s->aside[i].category == c)
				forget_aside(s, i);
		if (know_current(s))
			s->current[c] = UINT64_MAX;
	}
	s->forgotten += before - s->depth;
	if (s->depth < before) {
		s->forgotten += s->beyond;
		s->beyond = 0;
	}
}

void vt_spans_flush(struct vt_spans *s)
{
	while (s->aside_count > 0)
		forget_aside(s, s->aside_count - 1);
	for (unsigned i = s->depth; i-- > 0;)
		go(s, s->open, &s->open[i], VT_SPAN_FORGOTTEN);
	s->depth = 0;
	s->beyond = 0;
}

void vt_spans_free(struct vt_spans *s)
{
	for (unsigned i = 0; i < s->aside_count; i++)
		free(s->aside[i].open);
	free(s->aside);
	free(s->current);
	free(s->open);
	*s = (struct vt_spans){ 0 };
}

/* ---- at the end of a log -------------------------------------------------------------------- */

bool vt_ending_is_abrupt(const struct vt_process_info *process)
{
	if (process->ending == VT_END_UNKNOWN)
		return process->recovered;
	return process->ending != VT_END_EXIT && process->ending != VT_END_STOPPED;
}

/* One ring and category: its events come in order, those of other categories do not. */
struct track {
	const struct vt_ring_info *ring;
	struct vt_spans spans;
	uint64_t gap;                   /* where its last gap ends: what began before may have ended in it */
};

static struct track *track_of(struct vt_pointer_map *map, const struct vt_ring_info *ring,
                              uint8_t category)
{
	/* An address inside the descriptor stands for the pair: it is longer than there are categories. */
	const char *key = (const char *)ring + category;
	VT_STATIC_ASSERT(sizeof(*ring) > VT_MAX_CATEGORIES, "keys of different rings differ");
	struct track *track = vt_pointer_map_get(map, key);

	if (track)
		return track;
	track = calloc(1, sizeof(*track));
	if (!track || vt_pointer_map_add(map, key, track)) {
		free(track);
		return NULL;
	}
	track->ring = ring;
	return track;
}

static void free_track(void *value)
{
	struct track *track = value;

	vt_spans_free(&track->spans);
	free(track);
}

static bool has_spans(const struct vt_batch *batch)
{
	for (unsigned i = 0; i < batch->types; i++)
		if (batch->desc[i]->flags & (VT_EVENT_BEGIN | VT_EVENT_END))
			return true;
	return false;
}

static int follow(const struct vt_batch *batch, struct track *track)
{
	const uint8_t *types = vt_batch_types(batch);
	const uint64_t *ticks = types ? vt_batch_ticks(batch) : NULL;
	uint32_t rows[VT_MAX_TYPES] = { 0 };    /* events of the type so far */
	struct vt_open_span ended;
	int err = 0;

	/* A damaged section has been noted by the reader; what it held is unknown. */
	for (unsigned i = 0; ticks && i < batch->events && !err; i++) {
		const struct vt_event_desc *desc = batch->desc[types[i]];
		unsigned row = rows[types[i]]++;
		if (desc->flags & VT_EVENT_BEGIN)
			err = vt_spans_begin(&track->spans, desc, ticks[i]);
		else if (desc->flags & VT_EVENT_END)
			vt_spans_end(&track->spans, desc, &ended);
		else if (desc->flags & (VT_EVENT_UNWIND | VT_EVENT_SWITCH))
			err = vt_spans_batch_instant(&track->spans, batch, types[i], row);
	}
	return err;
}

static int compare_spans(const void *a, const void *b)
{
	const struct vt_end_span *x = a, *y = b;
	if (x->ring->id != y->ring->id)
		return x->ring->id < y->ring->id ? -1 : 1;
	return x->span.ticks < y->span.ticks ? -1 : x->span.ticks > y->span.ticks;
}

/* Those of coroutines that wait are open as well. */
static size_t all_open(const struct vt_spans *s)
{
	size_t total = s->depth;

	for (unsigned i = 0; i < s->aside_count; i++)
		total += s->aside[i].depth;
	return total;
}

static void add_open(struct vt_end_spans *spans, const struct track *t, const struct vt_open_span *open,
                     unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		if (open[i].ticks >= t->gap)
			spans->items[spans->count++] = (struct vt_end_span){ t->ring, open[i] };
}

static int collect(const struct vt_pointer_map *map, struct vt_end_spans *spans)
{
	size_t total = 0;

	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].key)
			total += all_open(&((struct track *)map->slots[i].value)->spans);
	if (total == 0)
		return 0;
	spans->items = calloc(total, sizeof(*spans->items));
	if (!spans->items)
		return -ENOMEM;
	for (size_t i = 0; i < map->size; i++) {
		const struct track *t = map->slots[i].key ? map->slots[i].value : NULL;
		if (!t)
			continue;
		add_open(spans, t, t->spans.open, t->spans.depth);
		for (unsigned j = 0; j < t->spans.aside_count; j++)
			add_open(spans, t, t->spans.aside[j].open, t->spans.aside[j].depth);
	}
	qsort(spans->items, spans->count, sizeof(*spans->items), compare_spans);
	return 0;
}

static void note_gap(const struct vt_pointer_map *map, const struct vt_event *event)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		struct track *t = event->gap->events[c] > 0
		                  ? vt_pointer_map_get(map, (const char *)event->ring + c) : NULL;
		if (t && event->gap->t_after > t->gap)
			t->gap = event->gap->t_after;
	}
}

static int find_gaps(struct vt_reader *reader, struct vt_filter filter, const struct vt_pointer_map *map)
{
	const struct vt_event *event;
	const char *unknown;

	/* No event is this long, so that only gaps are delivered. */
	filter.min_duration_ns = UINT64_MAX;
	int err = vt_reader_select(reader, &filter, &unknown);
	while (!err && (err = vt_reader_next(reader, &event)) > 0) {
		err = 0;
		if (event->gap)
			note_gap(map, event);
	}
	return err;
}

int vt_end_spans_find(struct vt_reader *reader, const struct vt_filter *filter,
                      struct vt_end_spans *spans)
{
	struct vt_filter all = { .size = sizeof(all), .categories = filter->categories,
	                         .category_count = filter->category_count, .tids = filter->tids,
	                         .tid_count = filter->tid_count, .pids = filter->pids,
	                         .pid_count = filter->pid_count, .thread = filter->thread };
	struct vt_pointer_map tracks = { NULL, 0, 0 };
	const struct vt_batch *batch;
	const char *unknown;
	int err = vt_reader_select(reader, &all, &unknown);

	*spans = (struct vt_end_spans){ NULL, 0 };
	while (!err && (err = vt_reader_next_batch(reader, &batch)) > 0) {
		err = 0;
		if (!vt_ending_is_abrupt(batch->ring->process) || !has_spans(batch))
			continue;
		struct track *track = track_of(&tracks, batch->ring, batch->category);
		err = track ? follow(batch, track) : -ENOMEM;
	}
	if (!err && vt_lost_all(vt_reader_run(reader)) > 0)
		err = find_gaps(reader, all, &tracks);
	if (!err)
		err = collect(&tracks, spans);
	vt_pointer_map_free(&tracks, free_track);
	return err;
}

void vt_end_spans_free(struct vt_end_spans *spans)
{
	free(spans->items);
	*spans = (struct vt_end_spans){ NULL, 0 };
}

const struct vt_end_span *vt_end_spans_at(const struct vt_end_spans *spans,
                                          const struct vt_ring_info *ring, uint64_t ticks)
{
	const struct vt_end_span key = { ring, { NULL, ticks, 0 } };

	if (spans->count == 0)
		return NULL;
	return bsearch(&key, spans->items, spans->count, sizeof(key), compare_spans);
}
