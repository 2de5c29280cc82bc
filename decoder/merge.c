/* merge.c - see merge.h. */
#include "decoder/merge.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_CURSORS (1u << 26)

/* ---- the heap ------------------------------------------------------------------------------- */

static int compare_place(uint64_t a_ticks, const struct vt_ring_info *a, uint64_t b_ticks,
                         const struct vt_ring_info *b)
{
	if (a_ticks != b_ticks)
		return a_ticks < b_ticks ? -1 : 1;
	if (a->process->index != b->process->index)
		return a->process->index < b->process->index ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static bool before(const struct vt_cursor *a, const struct vt_cursor *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	int order = compare_place(a->key, &a->ring->info, b->key, &b->ring->info);
	return order != 0 ? order < 0 : a->ref < b->ref;
}

static inline bool waits_before(const struct vt_waiting *a, const struct vt_waiting *b)
{
	return a->key != b->key ? a->key < b->key : before(a->cursor, b->cursor);
}

/* Puts `w` into the hole at the top. */
static void sift_down(struct vt_merge *m, struct vt_waiting w)
{
	struct vt_waiting *heap = m->heap;
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= m->heap_count)
			break;
		if (child + 1 < m->heap_count && waits_before(&heap[child + 1], &heap[child]))
			child++;
		if (!waits_before(&heap[child], &w))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = w;
}

static int push(struct vt_merge *m, struct vt_cursor *c)
{
	struct vt_waiting w = { c->key, c };

	if (!vt_array_grow(&m->heap, &m->heap_capacity, m->heap_count, sizeof *m->heap, MAX_CURSORS))
		return -ENOMEM;
	size_t at = m->heap_count++;
	while (at > 0 && waits_before(&w, &m->heap[(at - 1) / 2])) {
		m->heap[at] = m->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	m->heap[at] = w;
	return 0;
}

/* The first of the heap leads; the old lead, if there is one, waits instead. */
static inline void swap_lead(struct vt_merge *m)
{
	struct vt_cursor *old = m->lead;

	m->lead = m->heap[0].cursor;
	if (old)
		sift_down(m, (struct vt_waiting){ old->key, old });
	else if (--m->heap_count > 0)
		sift_down(m, m->heap[m->heap_count]);
}

static void drop(struct vt_merge *m, struct vt_cursor *c)
{
	if (!c)
		return;
	m->open_bytes -= vt_cursor_bytes(c);
	vt_cursor_close(c);
	free(c);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* Closes the waiting cursors that have their turn last, until there is room again. */
static void make_room(struct vt_merge *m)
{
	while (m->open_bytes > VT_READER_MEMORY) {
		struct vt_cursor *last = NULL;
		for (size_t i = 0; i < m->heap_count; i++) {
			struct vt_cursor *c = m->heap[i].cursor;
			if (c->open && (!last || before(last, c)))
				last = c;
		}
		if (!last)
			return;
		m->open_bytes -= vt_cursor_bytes(last);
		vt_cursor_close(last);
	}
}

static int fill_lead(struct vt_merge *m)
{
	struct vt_cursor *c = m->lead;

	m->open_bytes -= vt_cursor_bytes(c);
	int err = vt_cursor_fill(c, m->log, m->selection);
	m->open_bytes += vt_cursor_bytes(c);
	if (m->open_bytes > VT_READER_MEMORY)
		make_room(m);
	return err;
}

/* ---- who leads ------------------------------------------------------------------------------ */

/* Sections that begin at or before the first event waiting join the heap. */
static int admit(struct vt_merge *m)
{
	struct vt_log *log = m->log;

	for (; m->next_section < log->section_count; m->next_section++) {
		struct vt_section_ref *ref = &log->sections[m->next_section];
		if (m->lead && m->lead->key < ref->t_min)
			break;
		if (m->heap_count > 0 && m->heap[0].key < ref->t_min)
			break;
		if (!vt_selection_section(m->selection, log, ref))
			continue;
		struct vt_cursor *c = malloc(sizeof *c);
		if (!c)
			return -ENOMEM;
		vt_cursor_init(c, log, ref);
		int err = push(m, c);
		if (err < 0) {
			free(c);
			return err;
		}
	}
	return 0;
}

static void find_bounds(struct vt_merge *m)
{
	const struct vt_log *log = m->log;

	m->outside = UINT64_MAX;
	if (m->next_section < log->section_count)
		m->outside = log->sections[m->next_section].t_min;
	if (m->next_gap < log->loss.gap_count && log->loss.gaps[m->next_gap].at.t_after < m->outside)
		m->outside = log->loss.gaps[m->next_gap].at.t_after;
	m->bound = m->outside;
	if (m->heap_count > 0 && m->heap[0].key < m->bound)
		m->bound = m->heap[0].key;
}

/*
 * The common change of the lead: the first of the heap has an event ready and nothing from outside the
 * heap comes before it.
 */
static inline bool quick_change(struct vt_merge *m)
{
	if (m->heap_count == 0 || m->heap[0].key >= m->outside)
		return false;
	struct vt_cursor *first = m->heap[0].cursor;
	if (first->pick >= first->pick_count || !before(first, m->lead))
		return false;
	swap_lead(m);
	m->bound = m->heap[0].key < m->outside ? m->heap[0].key : m->outside;
	return true;
}

/* ---- what is delivered ---------------------------------------------------------------------- */

static void deliver_event(struct vt_merge *m)
{
	struct vt_cursor *c = m->lead;
	const struct vt_pick *p = &c->picks[c->pick++];
	const struct vt_event_desc *d = c->opened.desc[p->type];
	const uint64_t *values = vt_cursor_values(c, p);

	m->event.ticks = p->ticks;
	m->event.t_ns = vt_clock_ns(&m->clock, p->ticks);
	m->event.ring = &c->ring->info;
	m->event.desc = d;
	m->event.values = values;
	m->event.text = vt_cursor_text(c, d, values);
	m->event.gap = NULL;
	c->key = c->pick < c->pick_count ? c->picks[c->pick].ticks : p->ticks + 1;
}

static int deliver_gap(struct vt_merge *m, const struct vt_ring_info *ring)
{
	m->event = (struct vt_event){
		.ticks = m->gap.t_after, .t_ns = vt_clock_ns(&m->clock, m->gap.t_after),
		.ring = ring, .gap = &m->gap,
	};
	return 1;
}

/* A section that was found damaged. */
static int deliver_damage(struct vt_merge *m)
{
	struct vt_cursor *c = m->lead;
	const struct vt_ring_info *ring = &c->ring->info;
	uint64_t events = c->ref->events - c->ref->skip;

	m->gap = (struct vt_gap){ .t_before = c->ref->t_min, .t_after = c->ref->t_max,
	                          .total = events, .cause = VT_LOST_DAMAGED };
	m->gap.events[c->ref->category] = events;
	drop(m, c);
	m->lead = NULL;
	return deliver_gap(m, ring);
}

/* The next gap if it comes before the lead and is selected: 1. */
static int next_gap(struct vt_merge *m)
{
	const struct vt_loss *loss = &m->log->loss;

	for (; m->next_gap < loss->gap_count; m->next_gap++) {
		const struct vt_gap_entry *g = &loss->gaps[m->next_gap];
		const struct vt_ring_info *ring =
			&vt_catalog_find_ring(&m->log->catalog, g->ring)->info;
		if (m->lead &&
		    compare_place(m->lead->key, &m->lead->ring->info, g->at.t_after, ring) < 0)
			return 0;
		uint64_t mask = vt_selection_mask(m->selection, ring);
		if (!vt_selection_span(m->selection, m->log, g->at.t_before, g->at.t_after))
			continue;
		m->gap = (struct vt_gap){ .t_before = g->at.t_before, .t_after = g->at.t_after,
		                          .cause = g->cause };
		for (unsigned i = 0; i < g->count; i++) {
			const struct vt_gap_count *count = &loss->counts[g->first_count + i];
			if (!(mask >> count->category & 1))
				continue;
			m->gap.events[count->category] += count->events;
			m->gap.total += count->events;
		}
		if (m->gap.total == 0)
			continue;
		m->next_gap++;
		return deliver_gap(m, ring);
	}
	return 0;
}

/* 1: the lead has an event ready and is the first of all; 0: nothing is left. */
static int settle(struct vt_merge *m)
{
	for (;;) {
		int err = admit(m);
		if (err < 0)
			return err;
		if (m->heap_count > 0 && !(m->lead && before(m->lead, m->heap[0].cursor)))
			swap_lead(m);
		struct vt_cursor *c = m->lead;
		if (!c)
			return 0;
		if (c->gap || c->pick < c->pick_count)
			return 1;
		uint64_t key = c->key;
		err = fill_lead(m);
		if (err < 0)
			return err;
		if (err == 0) {
			drop(m, c);
			m->lead = NULL;
		} else if (c->key == key) {
			return 1;
		}
	}
}

void vt_merge_start(struct vt_merge *m, struct vt_log *log, const struct vt_selection *s)
{
	*m = (struct vt_merge){ .log = log, .selection = s, .clock.timeline = &log->timeline };
}

int vt_merge_next(struct vt_merge *m)
{
	struct vt_cursor *lead = m->lead;

	if (vt_likely(lead && lead->pick < lead->pick_count &&
	              (lead->key < m->bound || quick_change(m)))) {
		deliver_event(m);
		return 1;
	}
	int err = settle(m);
	if (err < 0)
		return err;
	if (next_gap(m))
		return 1;
	if (err == 0)
		return 0;
	if (m->lead->gap)
		return deliver_damage(m);
	find_bounds(m);
	deliver_event(m);
	return 1;
}

void vt_merge_stop(struct vt_merge *m)
{
	drop(m, m->lead);
	for (size_t i = 0; i < m->heap_count; i++)
		drop(m, m->heap[i].cursor);
	free(m->heap);
	*m = (struct vt_merge){ 0 };
}
