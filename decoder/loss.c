/* loss.c - see loss.h. */
#include "decoder/loss.h"

#include <stdlib.h>

#define MAX_HOLES       (1u << 18)
#define MAX_GAPS        (1u << 18)
#define MAX_COUNTS      (1u << 20)

/* Losses after the commit leave a hole between sections; the others were never committed. */
static bool leaves_hole(unsigned cause)
{
	return cause == VT_LOST_OVERWRITTEN || cause == VT_LOST_DISK || cause == VT_LOST_DAMAGED;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void vt_loss_chunk(struct vt_log_ring *ring, uint64_t pos_begin, uint64_t t_min)
{
	struct vt_ring_track *t = &ring->track;

	if (pos_begin <= t->pos_high)
		return;
	t->older_break = t->last.pos_hi;
	t->last = (struct vt_break){ t->pos_high, pos_begin, t->t_high, t_min };
}

static void lose(struct vt_log_ring *ring, unsigned cause, uint8_t category, uint64_t events)
{
	uint64_t *lost = &ring->info.lost[cause][category];

	*lost = add(*lost, events);
}

/* When the table of holes is full the events are still counted. */
static void add_hole(struct vt_loss *l, struct vt_log_ring *ring, const struct vt_hole *hole)
{
	if (vt_array_grow(&l->holes, &l->hole_capacity, l->hole_count, sizeof *l->holes, MAX_HOLES)) {
		l->holes[l->hole_count++] = *hole;
		return;
	}
	l->overflow = true;
	lose(ring, hole->cause, hole->category, hole->events);
}

uint32_t vt_loss_section(struct vt_loss *l, struct vt_log_ring *ring, const struct vt_loss_section *s)
{
	struct vt_ring_track *t = &ring->track;
	uint8_t c = s->category;
	uint64_t end = add(s->first, s->events);

	if (s->first > t->next[c]) {
		struct vt_hole hole = {
			.at = { t->pos[c], s->pos_begin, t->ticks[c], s->chunk_t_min },
			.events = s->first - t->next[c],
			.ring = ring->info.id,
			.category = c,
			.cause = s->damage != t->damage[c] ? VT_LOST_DAMAGED : VT_LOST_OVERWRITTEN,
		};
		/* One break since the last section of the category: it happened there. */
		if (t->last.pos_lo >= t->pos[c] && t->older_break <= t->pos[c] && t->last.pos_hi)
			hole.at = t->last;
		add_hole(l, ring, &hole);
	}
	uint64_t seen = t->next[c] > s->first ? t->next[c] - s->first : 0;
	uint32_t skip = seen > s->events ? s->events : (uint32_t)seen;
	t->next[c] = end > t->next[c] ? end : t->next[c];
	t->pos[c] = s->pos_end;
	t->ticks[c] = s->t_max;
	t->damage[c] = s->damage;
	return skip;
}

static int take_gap(struct vt_loss *l, struct vt_catalog *c, uint32_t process, struct vt_in body)
{
	struct vt_rec_gap r;

	if (!vt_rec_gap_decode(body, &r) || r.cause >= VT_LOST_CAUSES)
		return NOTE_E_RECORD;
	struct vt_log_ring *ring = vt_catalog_ring(c, r.ring, process);
	if (!ring)
		return NOTE_E_LIMIT;
	if (!vt_array_grow(&l->gaps, &l->gap_capacity, l->gap_count, sizeof *l->gaps, MAX_GAPS)) {
		l->overflow = true;
		return NOTE_E_LIMIT;
	}
	struct vt_gap_entry *g = &l->gaps[l->gap_count];
	*g = (struct vt_gap_entry){
		.at = { r.pos_begin, r.pos_end, r.t_before, r.t_after },
		.ring = r.ring, .process = ring->info.process->index,
		.first_count = (uint32_t)l->count_count, .cause = r.cause,
	};
	for (uint8_t i = 0; i < VT_MAX_CATEGORIES; i++) {
		if (r.events[i] == 0)
			continue;
		if (!vt_array_grow(&l->counts, &l->count_capacity, l->count_count,
		                   sizeof *l->counts, MAX_COUNTS)) {
			l->overflow = true;
			return NOTE_E_LIMIT;
		}
		l->counts[l->count_count++] = (struct vt_gap_count){ r.events[i], i };
		g->count++;
	}
	l->gap_count++;
	return 0;
}

static void raise_to(uint64_t *value, uint64_t to)
{
	*value = to > *value ? to : *value;
}

static int take_totals(struct vt_catalog *c, uint32_t process, struct vt_in body)
{
	struct vt_rec_totals r;

	if (!vt_rec_totals_decode(body, &r))
		return NOTE_E_RECORD;
	if (r.ring == VT_NO_RING) {
		struct vt_log_process *p = vt_catalog_process(c, process);
		if (p && !p->noring)
			p->noring = calloc(VT_MAX_CATEGORIES, sizeof *p->noring);
		if (!p || !p->noring)
			return NOTE_E_LIMIT;
		for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
			raise_to(&p->noring[i], r.lost[VT_LOST_NORING][i]);
		return 0;
	}
	struct vt_log_ring *ring = vt_catalog_ring(c, r.ring, process);
	if (!ring)
		return NOTE_E_LIMIT;
	ring->track.totals = true;
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		raise_to(&ring->info.committed[i], r.committed[i]);
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			if (!leaves_hole(cause))
				raise_to(&ring->info.lost[cause][i], r.lost[cause][i]);
	}
	return 0;
}

int vt_loss_record(struct vt_loss *l, struct vt_catalog *c, uint32_t process, uint16_t kind,
                   struct vt_in body)
{
	return kind == VT_REC_GAP ? take_gap(l, c, process, body) :
	       kind == VT_REC_TOTALS ? take_totals(c, process, body) : 0;
}

/* From the last section of each category to what the producer counted: behind the last event. */
static void end_ring(struct vt_loss *l, struct vt_log_ring *ring, uint64_t last, uint64_t damage)
{
	struct vt_ring_track *t = &ring->track;

	ring->info.totals_known = t->totals;
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		if (ring->info.committed[i] < t->next[i])
			ring->info.totals_known = false;   /* counted before the last chunk */
	for (uint8_t i = 0; i < VT_MAX_CATEGORIES; i++) {
		raise_to(&ring->info.committed[i], t->next[i]);
		if (ring->info.committed[i] == t->next[i])
			continue;
		struct vt_hole hole = {
			.at = { t->pos[i], UINT64_MAX, t->ticks[i], last + (t->t_high == last) },
			.events = ring->info.committed[i] - t->next[i],
			.ring = ring->info.id,
			.category = i,
			.cause = damage != t->damage[i] ? VT_LOST_DAMAGED : VT_LOST_OVERWRITTEN,
		};
		add_hole(l, ring, &hole);
	}
}

static int by_place(const void *left, const void *right)
{
	const struct vt_hole *a = left, *b = right;

	if (a->ring != b->ring)
		return a->ring < b->ring ? -1 : 1;
	if (a->category != b->category)
		return a->category < b->category ? -1 : 1;
	return (a->at.pos_lo > b->at.pos_lo) - (a->at.pos_lo < b->at.pos_lo);
}

/* The first hole of a ring and category that ends behind `pos`. */
static size_t find_hole(const struct vt_loss *l, uint32_t ring, uint8_t category, uint64_t pos)
{
	size_t low = 0, high = l->hole_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct vt_hole *h = &l->holes[middle];
		bool before = h->ring != ring ? h->ring < ring :
		              h->category != category ? h->category < category :
		              h->at.pos_hi <= pos;
		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Takes what a GAP record explains out of the holes it covers; returns how much that was. */
static uint64_t explain(struct vt_loss *l, const struct vt_gap_entry *g, struct vt_gap_count *count)
{
	uint64_t left = count->events;

	for (size_t i = find_hole(l, g->ring, count->category, g->at.pos_lo);
	     i < l->hole_count && left > 0; i++) {
		struct vt_hole *h = &l->holes[i];
		if (h->ring != g->ring || h->category != count->category ||
		    (h->at.pos_lo >= g->at.pos_hi && h->at.pos_lo > g->at.pos_lo))
			break;
		uint64_t take = h->events < left ? h->events : left;
		h->events -= take;
		left -= take;
	}
	return count->events - left;
}

static void settle_gap(struct vt_loss *l, struct vt_catalog *c, struct vt_gap_entry *g)
{
	struct vt_log_ring *ring = vt_catalog_find_ring(c, g->ring);

	for (unsigned i = 0; i < g->count; i++) {
		struct vt_gap_count *count = &l->counts[g->first_count + i];
		if (!leaves_hole(g->cause)) {
			if (!ring->track.totals)
				lose(ring, g->cause, count->category, count->events);
			continue;
		}
		uint64_t explained = explain(l, g, count);
		/* Behind the last section nothing tells more, unless the producer's totals do. */
		bool open = !ring->info.totals_known && g->at.pos_lo >= ring->track.pos[count->category];
		if (!open)
			count->events = explained;
		else if (count->events > explained)
			raise_to(&ring->info.committed[count->category],
			         add(ring->info.committed[count->category], count->events - explained));
		lose(ring, g->cause, count->category, count->events);
	}
}

static int by_end(const void *left, const void *right)
{
	const struct vt_hole *a = left, *b = right;

	if (a->ring != b->ring)
		return a->ring < b->ring ? -1 : 1;
	if (a->at.t_after != b->at.t_after)
		return a->at.t_after < b->at.t_after ? -1 : 1;
	if (a->cause != b->cause)
		return a->cause < b->cause ? -1 : 1;
	return a->category - b->category;
}

/* What no GAP record explained: one gap for all categories of a ring that end at one moment. */
static void gaps_of_holes(struct vt_loss *l, struct vt_catalog *c)
{
	struct vt_gap_entry *g = NULL;

	qsort(l->holes, l->hole_count, sizeof *l->holes, by_end);
	for (size_t i = 0; i < l->hole_count; i++) {
		const struct vt_hole *h = &l->holes[i];
		if (h->events == 0)
			continue;
		struct vt_log_ring *ring = vt_catalog_find_ring(c, h->ring);
		lose(ring, h->cause, h->category, h->events);
		if (!vt_array_grow(&l->counts, &l->count_capacity, l->count_count,
		                   sizeof *l->counts, MAX_COUNTS) ||
		    !vt_array_grow(&l->gaps, &l->gap_capacity, l->gap_count, sizeof *l->gaps,
		                   MAX_GAPS)) {
			l->overflow = true;
			continue;
		}
		/* The array may have moved: the group's gap is always the last one. */
		g = g ? &l->gaps[l->gap_count - 1] : NULL;
		if (!g || g->ring != h->ring || g->cause != h->cause || g->count == VT_MAX_CATEGORIES ||
		    g->at.t_after != h->at.t_after) {
			g = &l->gaps[l->gap_count++];
			*g = (struct vt_gap_entry){
				.at = h->at, .ring = h->ring,
				.process = ring->info.process->index,
				.first_count = (uint32_t)l->count_count, .cause = h->cause,
			};
		}
		if (h->at.t_before < g->at.t_before)
			g->at.t_before = h->at.t_before;
		l->counts[l->count_count++] = (struct vt_gap_count){ h->events, h->category };
		g->count++;
	}
}

static int by_time(const void *left, const void *right)
{
	const struct vt_gap_entry *a = left, *b = right;

	if (a->at.t_after != b->at.t_after)
		return a->at.t_after < b->at.t_after ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	if (a->ring != b->ring)
		return a->ring < b->ring ? -1 : 1;
	return (a->first_count > b->first_count) - (a->first_count < b->first_count);
}

void vt_loss_finish(struct vt_loss *l, struct vt_catalog *c, uint64_t start, uint64_t last,
                    uint64_t damage)
{
	for (size_t i = 0; i < c->ring_limit; i++)
		if (c->rings[i])
			end_ring(l, c->rings[i], last, damage);
	if (l->hole_count > 0)
		qsort(l->holes, l->hole_count, sizeof *l->holes, by_place);
	for (size_t i = 0; i < l->gap_count; i++)
		settle_gap(l, c, &l->gaps[i]);
	if (l->hole_count > 0)
		gaps_of_holes(l, c);
	for (size_t i = 0; i < l->gap_count; i++) {
		struct vt_break *at = &l->gaps[i].at;
		at->t_before = at->t_before < start ? start : at->t_before;
		at->t_after = at->t_after > last + 1 ? last + 1 : at->t_after;
		at->t_after = at->t_after < at->t_before ? at->t_before : at->t_after;
	}
	if (l->gap_count > 0)
		qsort(l->gaps, l->gap_count, sizeof *l->gaps, by_time);
	free(l->holes);
	l->holes = NULL;
	l->hole_count = l->hole_capacity = 0;
}

void vt_loss_free(struct vt_loss *l)
{
	free(l->holes);
	free(l->gaps);
	free(l->counts);
	*l = (struct vt_loss){ 0 };
}
