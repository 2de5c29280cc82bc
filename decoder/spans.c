/* spans.c - pairing of BEGIN and END on a ring, and what is open at the end of a log. */
#include "decoder/spans.h"

#include <errno.h>
#include <stdlib.h>

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
	s->open[s->depth++] = (struct vt_open_span){ desc, ticks };
	return 0;
}

bool vt_spans_end(struct vt_spans *s, const struct vt_event_desc *desc, struct vt_open_span *ended)
{
	if (s->beyond > 0) {
		/* Too deep to know which: taken as nested properly. */
		s->beyond--;
		*ended = (struct vt_open_span){ NULL, 0 };
		return false;
	}
	for (unsigned i = s->depth; i-- > 0;) {
		if (s->open[i].desc->id + 1 != desc->id)
			continue;
		s->unmatched_begins += s->depth - i - 1;
		s->depth = i;
		*ended = s->open[i];
		return true;
	}
	s->unmatched_ends++;
	return false;
}

void vt_spans_gap(struct vt_spans *s, const struct vt_gap *gap)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->depth; i++)
		if (gap->events[s->open[i].desc->category % VT_MAX_CATEGORIES] == 0)
			s->open[kept++] = s->open[i];
	s->forgotten += s->depth - kept;
	if (kept < s->depth) {
		s->forgotten += s->beyond;
		s->beyond = 0;
	}
	s->depth = kept;
}

void vt_spans_free(struct vt_spans *s)
{
	free(s->open);
	*s = (struct vt_spans){ 0 };
}

/* ---- at the end of a log -------------------------------------------------------------------- */

bool vt_ending_is_abrupt(const struct vt_process_info *process)
{
	return process->ending != VT_END_EXIT && process->ending != VT_END_STOPPED;
}

/* One ring and category: its events come in order, those of other categories do not. */
struct track {
	const struct vt_ring_info *ring;
	struct vt_spans spans;
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

static int follow(struct vt_reader *reader, const struct vt_batch *batch, struct track *track)
{
	const uint8_t *types = vt_batch_types(reader);
	const uint64_t *ticks = types ? vt_batch_ticks(reader) : NULL;
	struct vt_open_span ended;
	int err = 0;

	/* A damaged section has been noted by the reader; what it held is unknown. */
	for (unsigned i = 0; ticks && i < batch->events && !err; i++) {
		const struct vt_event_desc *desc = batch->desc[types[i]];
		if (desc->flags & VT_EVENT_BEGIN)
			err = vt_spans_begin(&track->spans, desc, ticks[i]);
		else if (desc->flags & VT_EVENT_END)
			vt_spans_end(&track->spans, desc, &ended);
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

static int collect(const struct vt_pointer_map *map, struct vt_end_spans *spans)
{
	size_t total = 0;

	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].key)
			total += ((struct track *)map->slots[i].value)->spans.depth;
	if (total == 0)
		return 0;
	spans->items = calloc(total, sizeof(*spans->items));
	if (!spans->items)
		return -ENOMEM;
	for (size_t i = 0; i < map->size; i++) {
		const struct track *t = map->slots[i].key ? map->slots[i].value : NULL;
		for (unsigned j = 0; t && j < t->spans.depth; j++)
			spans->items[spans->count++] =
				(struct vt_end_span){ t->ring, t->spans.open[j] };
	}
	qsort(spans->items, spans->count, sizeof(*spans->items), compare_spans);
	return 0;
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
		err = track ? follow(reader, batch, track) : -ENOMEM;
	}
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
	const struct vt_end_span key = { ring, { NULL, ticks } };

	if (spans->count == 0)
		return NULL;
	return bsearch(&key, spans->items, spans->count, sizeof(key), compare_spans);
}
