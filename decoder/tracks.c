/* tracks.c - see tracks.h. */
#include "decoder/tracks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/cmd.h"
#include "decoder/memory.h"
#include "decoder/progress.h"
#include "decoder/track_names.h"

#define HIDDEN UINT32_MAX       /* a span's frame: it is on no lane */

struct slot {                           /* of a slice that is open */
	struct vt_lane *lane;           /* NULL: it was ended already, since it cut another */
	const struct vt_event_desc *desc;       /* of its BEGIN */
	const char *name;               /* NULL: that of the type */
	size_t length;
	unsigned category;
	uint64_t ticks;                 /* of its BEGIN */
	bool open;                      /* no END yet */
};

struct track {                          /* a ring */
	struct vt_tracks *tracks;
	const struct vt_ring_info *ring;
	struct vt_spans spans;
	uint64_t own;                   /* bits of categories that have a lane of their own */
	struct vt_lane **lanes;         /* the first is the thread's */
	size_t lane_count, lane_capacity;
	struct slot *slots;
	size_t slot_count, slot_capacity;
	uint32_t *spare;                /* slots to use again */
	size_t spare_count, spare_capacity;
};

/* ---- lanes ----------------------------------------------------------------------------------- */

static void free_lane(struct vt_lane *lane)
{
	vt_lane_free(&lane->fit);
	free(lane->slots);
	free(lane);
}

/* A lane more. NULL: no memory, or there are too many. */
static struct vt_lane *add_lane(struct track *k, unsigned category)
{
	struct vt_tracks *t = k->tracks;

	if (!vt_array_grow(&k->lanes, &k->lane_capacity, k->lane_count, sizeof(*k->lanes), VT_TRACKS_LANES))
		return NULL;
	if (k->lane_count > 0 && t->more >= VT_TRACKS_MORE)
		return NULL;
	struct vt_lane *lane = calloc(1, sizeof(*lane));
	if (!lane)
		return NULL;
	t->more += k->lane_count > 0;
	lane->fit.most = t->all++ < VT_TRACKS_LONG ? VT_TRACKS_PAST : 0;
	lane->ring = k->ring;
	lane->home = k->lane_count > 0 ? k->lanes[0] : NULL;
	lane->category = (uint8_t)category;
	lane->process = vt_tracks_process(t, k->ring->process);
	lane->number = t->rehearsal ? 0 : ++t->names->lanes;
	lane->tid = t->rehearsal ? 1 : vt_track_tid(t->names, lane);
	if (!lane->process || lane->tid == 0) {
		free_lane(lane);
		return NULL;
	}
	k->lanes[k->lane_count++] = lane;
	return lane;
}

/* The lane of a category where nothing waits. NULL: no memory, or too many. */
static struct vt_lane *base_lane(struct track *k, unsigned category)
{
	if (!(k->own >> category & 1))
		return k->lanes[0];
	for (size_t i = 1; i < k->lane_count; i++)
		if (k->lanes[i]->category == category)
			return k->lanes[i];
	return add_lane(k, category);
}

/*
 * Where a span of the category begins now: a coroutine that runs has a lane for as long as it has
 * spans.
 */
static struct vt_lane *lane_to_begin(struct track *k, unsigned category)
{
	struct vt_lane *base = base_lane(k, category);
	uint64_t stack = k->spans.current ? k->spans.current[category] : 0;
	const struct vt_open_span *outer;

	if (!base || stack == 0 || stack == UINT64_MAX)
		return base;
	outer = vt_spans_innermost(&k->spans, category);
	if (outer && outer->frame != HIDDEN && k->slots[outer->frame].lane)
		return k->slots[outer->frame].lane;
	for (size_t i = 1; i < k->lane_count; i++)
		if (k->lanes[i]->category == category && k->lanes[i] != base && k->lanes[i]->fit.depth == 0)
			return k->lanes[i];
	return add_lane(k, category);
}

/* One more for what does not fit: the next from `*at` on, a new one behind the last. */
static struct vt_lane *next_lane(struct track *k, unsigned category, size_t *at)
{
	while (*at < k->lane_count && k->lanes[*at]->category != category)
		++*at;
	return ++*at <= k->lane_count ? k->lanes[*at - 1] : add_lane(k, category);
}

/* ---- open slices ----------------------------------------------------------------------------- */

static void told(struct vt_tracks *t, int err)
{
	if (err && !t->error)
		t->error = err;
}

/* A slot on the lane for a slice that begins; HIDDEN: no memory, or no lane. */
static uint32_t open_slot(struct track *k, struct vt_lane *lane, unsigned category)
{
	size_t depth = lane ? lane->fit.depth : 0, capacity = lane ? lane->slot_capacity : 0;
	uint32_t at;

	if (!lane)
		return HIDDEN;
	if (!vt_array_grow(&lane->slots, &capacity, depth, sizeof(*lane->slots), UINT32_MAX))
		return HIDDEN;
	lane->slot_capacity = (unsigned)capacity;
	if (k->spare_count > 0) {
		at = k->spare[--k->spare_count];
	} else {
		if (!vt_array_grow(&k->slots, &k->slot_capacity, k->slot_count, sizeof(*k->slots),
		                   VT_TRACKS_OPEN) ||
		    !vt_array_grow(&k->spare, &k->spare_capacity, k->slot_count, sizeof(*k->spare),
		                   VT_TRACKS_OPEN))
			return HIDDEN;
		at = (uint32_t)k->slot_count++;
	}
	if (!vt_lane_begin(&lane->fit)) {
		k->spare[k->spare_count++] = at;
		return HIDDEN;
	}
	lane->slots[depth] = at;
	k->slots[at] = (struct slot){ .lane = lane, .category = category, .open = true,
	                              .ticks = k->tracks->event->ticks };
	return at;
}

static void end_top(struct track *k, struct vt_lane *lane, const struct vt_event *event, const char *ended)
{
	struct vt_tracks *t = k->tracks;
	struct slot *slot = &k->slots[lane->slots[lane->fit.depth - 1]];
	struct vt_slice slice = { .lane = lane, .event = event, .ended = ended, .desc = slot->desc,
	                          .name = slot->name, .length = slot->length };
	char room[VT_ARGS_NAME];

	slice.to = vt_lane_time(&lane->fit, t->now);
	vt_lane_end(&lane->fit);
	slot->lane = NULL;
	if (t->rehearsal)
		return;
	if (!slice.name)
		slice.name = vt_args_type_name(k->ring, slot->desc, room, &slice.length);
	told(t, t->ops->end(t->user, &slice));
}

/*
 * A slice ends. Should others be open inside it that will end later, they are ended with it, and it
 * is kept in mind that one of the two categories needs a lane of its own: the one with fewer
 * events.
 */
static void close_slot(struct track *k, uint32_t at, const struct vt_event *event, const char *ended)
{
	struct vt_lane *lane = at == HIDDEN ? NULL : k->slots[at].lane;
	unsigned category = lane ? k->slots[at].category : 0;

	while (lane && lane->slots[lane->fit.depth - 1] != at) {
		unsigned other = k->slots[lane->slots[lane->fit.depth - 1]].category;
		bool fewer = k->ring->decoded[other] < k->ring->decoded[category];
		k->own |= 1ull << (fewer ? other : category);
		end_top(k, lane, NULL, "unknown: what it was in ended first");
	}
	if (lane)
		end_top(k, lane, event, ended);
	if (at == HIDDEN)
		return;
	k->slots[at].open = false;
	k->spare[k->spare_count++] = at;
}

static void on_gone(void *user, const struct vt_open_span *span, const struct vt_open_span *outer,
                    enum vt_span_end how)
{
	static const char *const hows[] = {
		[VT_SPAN_LEFT] = "left by an error or a jump",
		[VT_SPAN_DROPPED] = "unknown: its end is not in the log",
		[VT_SPAN_FORGOTTEN] = "unknown: events were lost",
		[VT_SPAN_EXPIRED] = "unknown: events were lost, or too many stacks wait",
	};
	struct track *k = user;

	(void)outer;
	close_slot(k, span->frame, how == VT_SPAN_ENDED ? k->tracks->event : NULL, hows[how]);
}

/* By type: what is inside another of its thing needs no arrow to it. */
static uint64_t link_of(const struct track *k, const struct vt_event *event)
{
	const struct vt_event_desc *desc = event->desc;

	for (unsigned i = 0; i < desc->count; i++) {
		if (!(desc->fields[i].flags & VT_FIELD_LINK) ||
		    vt_field_absent(&desc->fields[i], event->values[i]))
			continue;
		uint32_t type = k->ring->process->index << 16 | desc->id;
		return vt_track_uuid(k->tracks, type, event->values[i]);
	}
	return 0;
}

static int begin_slice(struct track *k, struct vt_lane *lane, const struct vt_event *event,
                       struct vt_open_span *span)
{
	struct vt_tracks *t = k->tracks;

	if (lane)
		vt_lane_time(&lane->fit, t->now);
	span->frame = open_slot(k, lane, event->desc->category % VT_MAX_CATEGORIES);
	if (span->frame == HIDDEN) {
		t->hidden++;
		return 0;
	}
	if (t->rehearsal)
		return 0;
	char room[VT_ARGS_NAME];
	struct slot *slot = &k->slots[span->frame];
	struct vt_slice slice = { .lane = lane, .from = lane->fit.last, .event = event, .desc = event->desc };
	slice.name = vt_args_name(t->context->in, event, room, &slice.length);
	slice.link = link_of(k, event);
	slice.open = vt_end_spans_at(&t->at_end, k->ring, event->ticks) != NULL;
	slot->desc = event->desc;
	slot->name = slice.name == room ? NULL : slice.name;
	slot->length = slice.length;
	return t->ops->begin(t->user, &slice);
}

/* ---- events ---------------------------------------------------------------------------------- */

static int on_begin(struct track *k, const struct vt_event *event)
{
	unsigned category = event->desc->category % VT_MAX_CATEGORIES, depth = k->spans.depth;
	struct vt_lane *lane = lane_to_begin(k, category);
	int err = vt_spans_begin(&k->spans, event->desc, event->ticks);

	if (err || k->spans.depth == depth) {
		k->tracks->hidden += !err;
		return err;
	}
	return begin_slice(k, lane, event, &k->spans.open[depth]);
}

static int on_replace(struct track *k, const struct vt_event *event)
{
	unsigned category = event->desc->category % VT_MAX_CATEGORIES;
	struct vt_open_span *span = k->spans.beyond > 0 ? NULL : vt_spans_innermost(&k->spans, category);
	struct vt_lane *lane = span && span->frame != HIDDEN ? k->slots[span->frame].lane : NULL;

	if (!lane)
		return 0;
	close_slot(k, span->frame, NULL, "by another in its place");
	return begin_slice(k, lane, event, span);
}

static int point(struct track *k, const struct vt_event *event)
{
	struct vt_tracks *t = k->tracks;
	unsigned category = event->gap ? 0 : event->desc->category % VT_MAX_CATEGORIES;
	struct vt_lane *lane = event->gap ? k->lanes[0] : base_lane(k, category);

	if (t->rehearsal || !lane)
		return 0;
	return t->ops->instant(t->user, lane, event->t_ns + t->shift, event);
}

/*
 * `lone`: an END whose BEGIN is not there. Spans of a category nest, so its begin is trimmed to
 * fit.
 */
static int on_whole(struct track *k, const struct vt_event *event, bool lone)
{
	struct vt_tracks *t = k->tracks;
	unsigned category = event->desc->category % VT_MAX_CATEGORIES;
	uint64_t time = event->values[event->desc->time];
	struct vt_slice slice = { .event = event, .link = t->rehearsal || lone ? 0 : link_of(k, event) };
	struct vt_lane *lane = base_lane(k, category);
	char room[VT_ARGS_NAME];
	size_t next = 1;
	bool fits = false;

	while (lane && !fits) {
		slice.lane = lane;
		slice.to = t->now > lane->fit.last ? t->now : lane->fit.last;
		slice.from = time < t->now - t->shift ? t->now - time : t->shift;
		fits = vt_lane_whole(&lane->fit, &slice.from, slice.to, lone);
		lane = fits ? lane : next_lane(k, category, &next);
	}
	if (fits && t->rehearsal)
		return 0;
	slice.desc = vt_args_begin(event);
	slice.name = vt_args_name(t->context->in, event, room, &slice.length);
	if (fits)
		return t->ops->whole(t->user, &slice);
	t->hidden++;
	return point(k, event);
}

static int on_end(struct track *k, const struct vt_event *event)
{
	struct vt_open_span ended;
	bool beyond = k->spans.beyond > 0;

	if (vt_spans_end(&k->spans, event->desc, &ended) || beyond)
		return 0;
	return event->desc->time >= 0 ? on_whole(k, event, true) : 0;
}

static int on_gap(struct track *k, const struct vt_event *event)
{
	struct vt_tracks *t = k->tracks;

	t->now = vt_reader_ns(t->context->in->reader, event->gap->t_before) + t->shift;
	vt_spans_gap(&k->spans, event->gap);
	return point(k, event);
}

static struct track *track_of(struct vt_tracks *t, const struct vt_ring_info *ring)
{
	struct track *k = vt_pointer_map_get(&t->rings, ring);

	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k || vt_pointer_map_add(&t->rings, ring, k)) {
			free(k);
			return NULL;
		}
		k->tracks = t;
		k->ring = ring;
	}
	k->spans.gone = on_gone;
	k->spans.user = k;
	return k->lane_count > 0 || add_lane(k, 0) ? k : NULL;
}

static int tell_levels(struct track *k, const struct vt_event *event)
{
	struct vt_tracks *t = k->tracks;
	char name[VT_ARGS_NAME];
	int err = 0;

	for (unsigned i = 0; i < event->desc->count && !err; i++) {
		const struct vt_field_desc *f = &event->desc->fields[i];
		if (f->kind != VT_KIND_GAUGE || f->unit != VT_UNIT_BYTES ||
		    vt_field_absent(f, event->values[i]))
			continue;
		snprintf(name, sizeof(name), "%s.%s", vt_event_category(event), f->name);
		err = t->ops->level(t->user, k->lanes[0]->process, t->now, name, event->values[i]);
	}
	return err;
}

int vt_tracks_event(struct vt_tracks *t, const struct vt_event *event)
{
	struct track *k = track_of(t, event->ring);
	unsigned flags;
	int err;

	if (!k)
		return -ENOMEM;
	t->event = event;
	t->now = event->t_ns + t->shift;
	if (event->gap) {
		err = on_gap(k, event);
		return err ? err : t->error;
	}
	flags = event->desc->flags;
	if (flags & VT_EVENT_BEGIN) {
		err = on_begin(k, event);
	} else if (flags & VT_EVENT_END) {
		err = on_end(k, event);
	} else if ((flags & VT_EVENT_COMPLETE) && event->desc->time >= 0) {
		err = on_whole(k, event, false);
	} else if (flags & VT_EVENT_REPLACE) {
		err = on_replace(k, event);
	} else {
		err = vt_spans_instant(&k->spans, event->desc, event->values);
		err = err ? err : point(k, event);
	}
	if (!err && !t->rehearsal)
		err = tell_levels(k, event);
	return err ? err : t->error;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void empty_track(struct track *k)
{
	for (size_t i = 0; i < k->lane_count; i++)
		free_lane(k->lanes[i]);
	vt_spans_free(&k->spans);
	free(k->lanes);
	free(k->slots);
	free(k->spare);
	*k = (struct track){ .tracks = k->tracks, .ring = k->ring, .own = k->own };
}

static uint64_t categories_with_spans(const struct vt_schema *schema)
{
	uint64_t mask = 0;

	for (unsigned id = 0; id < schema->event_limit; id++)
		if (schema->events[id] && (schema->events[id]->flags & VT_EVENT_BEGIN))
			mask |= 1ull << schema->events[id]->category % VT_MAX_CATEGORIES;
	return mask;
}

/* Has any ring spans of more than one category? Those alone can cut each other. */
static bool may_cut(const struct vt_run_info *run)
{
	const struct vt_schema *schema = NULL;
	uint64_t spans = 0;

	for (unsigned i = 0; i < run->ring_count; i++) {
		const struct vt_ring_info *ring = run->rings[i];
		unsigned have = 0;
		if (ring->process->schema != schema)
			spans = categories_with_spans(schema = ring->process->schema);
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			have += (spans >> c & 1) && ring->decoded[c] > 0;
		if (have > 1)
			return true;
	}
	return false;
}

static int by_ring(const void *a, const void *b)
{
	const struct vt_end_span *x = a, *y = b;

	if (x->ring->id != y->ring->id)
		return x->ring->id < y->ring->id ? -1 : 1;
	return x->span.ticks < y->span.ticks ? -1 : x->span.ticks > y->span.ticks;
}

/* As vt_end_spans_find, which does not know what a gap took. */
static int find_open(struct vt_tracks *t)
{
	struct vt_end_spans *s = &t->at_end;
	size_t capacity = 0;

	for (size_t i = 0; i < t->rings.size; i++) {
		const struct track *k = t->rings.slots[i].key ? t->rings.slots[i].value : NULL;
		for (size_t j = 0; k && vt_ending_is_abrupt(k->ring->process) && j < k->slot_count; j++) {
			if (!k->slots[j].open)
				continue;
			if (!vt_array_grow(&s->items, &capacity, s->count, sizeof(*s->items), SIZE_MAX / 64))
				return -ENOMEM;
			s->items[s->count++] = (struct vt_end_span){ k->ring, { NULL, k->slots[j].ticks, 0 } };
		}
	}
	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), by_ring);
	return 0;
}

/*
 * Goes through all of it and tells nobody: what is left is which categories need lanes of their
 * own, and which spans are open at the end.
 */
static int rehearse(struct vt_tracks *t)
{
	const struct vt_input *in = t->context->in;
	const struct vt_event *event;
	uint64_t seen = 0, length = vt_reader_ns(in->reader, in->run->last);
	int err = 0, more = 0;

	t->rehearsal = true;
	vt_progress_begin("looking through", in->name, false);
	while (!err && (more = vt_reader_next(in->reader, &event)) > 0) {
		err = vt_tracks_event(t, event);
		if ((++seen & 1023) == 0)
			vt_progress(event->t_ns, length, seen, VT_PROGRESS_EVENTS);
	}
	vt_progress_end();
	err = err ? err : more < 0 ? more : find_open(t);
	for (size_t i = 0; i < t->rings.size; i++)
		if (t->rings.slots[i].key)
			empty_track(t->rings.slots[i].value);
	t->rehearsal = false;
	t->hidden = t->more = t->all = 0;
	return err;
}

static uint64_t shift_of(const struct vt_export_context *context, struct vt_track_names *names)
{
	uint64_t start = context->in->run->realtime;

	if (!names->begun)
		names->start = start;
	names->begun = true;
	switch (context->time) {
	case VT_TIME_UTC:
		return start;
	case VT_TIME_MONO:
		return context->mono_start;
	default:
		return start > names->start ? start - names->start : 0;
	}
}

int vt_tracks_begin(struct vt_tracks *t, const struct vt_export_context *context,
                    struct vt_track_names *names, const struct vt_track_ops *ops, void *user)
{
	const struct vt_run_info *run = context->in->run;
	struct vt_reader *reader = context->in->reader;
	const char *unknown;
	bool abrupt = false, look;
	int err = 0;

	*t = (struct vt_tracks){ .context = context, .names = names, .ops = ops, .user = user };
	t->shift = shift_of(context, names);
	for (unsigned i = 0; i < run->process_count; i++)
		abrupt |= vt_ending_is_abrupt(run->processes[i]);
	look = may_cut(run) || (abrupt && vt_lost_all(run) > 0);
	if (look)
		err = rehearse(t);
	else if (abrupt)
		err = vt_end_spans_find(reader, context->filter, &t->at_end);
	if (!err && (look || abrupt))
		err = vt_reader_select(reader, context->filter, &unknown);
	return err;
}

void vt_tracks_say_hidden(const struct vt_tracks *t)
{
	if (t->hidden > 0)
		vt_message("%s: %" PRIu64 " spans are not shown: too deep, or more than %u beside each "
		           "other", t->context->in->name, t->hidden, VT_TRACKS_LANES);
}

static void free_track(void *value)
{
	empty_track(value);
	free(value);
}

void vt_tracks_free(struct vt_tracks *t)
{
	vt_pointer_map_free(&t->rings, free_track);
	vt_pointer_map_free(&t->processes, free);
	vt_end_spans_free(&t->at_end);
}
