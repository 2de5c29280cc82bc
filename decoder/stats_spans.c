/*
 * stats_spans.c - spans whose END brings no duration to a group: paired, ring by ring, and measured
 * from BEGIN to END.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/progress.h"
#include "decoder/spans.h"
#include "decoder/stats.h"

#define NO_SLOT       UINT32_MAX
#define PROGRESS_MASK 1023u             /* events between two looks at the clock */

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
	const char *names[VT_MAX_CATEGORIES];   /* of the selection */
	char text[VT_MAX_CATEGORIES][8];
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
	if (t && t->measured && t->grouped && vt_stats_in_window(p->s->plan->filter, event->t_ns))
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
	    !vt_stats_in_window(plan->filter, event->t_ns))
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
	int err = is_selected(p->s->plan, t, event) ? vt_stats_count(p->s, t, event, &group) : 0;
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

/*
 * All of the paired categories on the threads that were asked for: whatever may begin, end or hide
 * a span. By number, which categories without a name have too.
 */
static int select_spans(struct pairing *p, const struct vt_stats_plan *plan)
{
	struct vt_filter filter = *plan->filter;
	const char *unknown;

	filter.categories = p->names;
	filter.category_count = filter.event_count = filter.where_count = 0;
	filter.min_duration_ns = 0;
	filter.since_set = filter.until_set = filter.no_bulk = false;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (!(plan->paired >> c & 1))
			continue;
		snprintf(p->text[c], sizeof(p->text[c]), "#%u", c);
		p->names[filter.category_count++] = p->text[c];
	}
	return vt_reader_select(plan->in->reader, &filter, &unknown);
}

int vt_stats_add_spans(struct vt_stats *s, uint64_t length)
{
	struct pairing p = { .s = s };
	const struct vt_event *event;
	uint64_t seen = 0;
	int err = select_spans(&p, s->plan);

	while (!err && (err = vt_reader_next(s->plan->in->reader, &event)) > 0) {
		if ((++seen & PROGRESS_MASK) == 0)
			vt_progress(event->t_ns, length, s->events, VT_PROGRESS_EVENTS);
		err = follow_event(&p, event);
	}
	end_pairing(&p);
	return err ? err : p.error;
}
