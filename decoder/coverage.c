/* coverage.c - one pass over the gaps, if anything was lost. */
#include "decoder/coverage.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/memory.h"
#include "decoder/pointer_map.h"

#define MOST_GAPS (1u << 20)            /* places of them that are told apart; all count */

/* Gaps of one ring may overlap (one a cause): only what is beyond the last one's end counts. */
struct ring_gaps {
	uint64_t until, missing;
};

struct search {
	struct vt_coverage *c;
	const struct vt_input *in;
	const struct vt_filter *filter;
	struct vt_pointer_map rings;
};

static void clip(const struct vt_filter *f, uint64_t *from, uint64_t *to)
{
	if (f->since_set && *from < f->since_ns)
		*from = f->since_ns;
	if (f->until_set && *to > f->until_ns)
		*to = f->until_ns;
}

static int add_gap(struct search *s, const struct vt_event *event)
{
	struct ring_gaps *g = vt_pointer_map_get(&s->rings, event->ring);
	uint64_t from = vt_reader_ns(s->in->reader, event->gap->t_before);
	uint64_t to = vt_reader_ns(s->in->reader, event->gap->t_after);
	struct vt_coverage *c = s->c;

	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		c->lost[i] += event->gap->events[i];
	clip(s->filter, &from, &to);
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g || vt_pointer_map_add(&s->rings, event->ring, g)) {
			free(g);
			return -ENOMEM;
		}
	}
	if (to >= from && c->gap_count < MOST_GAPS) {
		if (!vt_array_grow(&c->gaps, &c->gap_capacity, c->gap_count, sizeof(*c->gaps),
		                   MOST_GAPS))
			return -ENOMEM;
		c->gaps[c->gap_count++] = (struct vt_hidden){ from, to };
	}
	from = from > g->until ? from : g->until;
	if (to > from) {
		g->missing += to - from;
		g->until = to;
	}
	return 0;
}

static int by_begin(const void *left, const void *right)
{
	const struct vt_hidden *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->to > b->to) - (a->to < b->to);
}

static void join_gaps(struct vt_coverage *c)
{
	size_t kept = 0;

	if (c->gap_count > 0)
		qsort(c->gaps, c->gap_count, sizeof(*c->gaps), by_begin);
	for (size_t i = 0; i < c->gap_count; i++) {
		if (kept > 0 && c->gaps[i].from <= c->gaps[kept - 1].to) {
			if (c->gaps[i].to > c->gaps[kept - 1].to)
				c->gaps[kept - 1].to = c->gaps[i].to;
			continue;
		}
		c->gaps[kept++] = c->gaps[i];
	}
	c->gap_count = kept;
}

static int find_gaps(struct search *s)
{
	/* No event is this long, so that only gaps are delivered. */
	struct vt_filter filter = *s->filter;
	const struct vt_event *event;
	const char *unknown;

	filter.min_duration_ns = UINT64_MAX;
	filter.where_count = filter.event_count = 0;
	int err = vt_reader_select(s->in->reader, &filter, &unknown);
	while (!err && (err = vt_reader_next(s->in->reader, &event)) > 0)
		err = event->gap ? add_gap(s, event) : 0;
	join_gaps(s->c);
	return err;
}

static void add_lives(struct search *s, const struct vt_selection *selection)
{
	for (unsigned i = 0; i < s->in->run->ring_count; i++) {
		const struct vt_ring_info *ring = s->in->run->rings[i];
		const struct ring_gaps *g = vt_pointer_map_get(&s->rings, ring);
		uint64_t first = vt_reader_ns(s->in->reader, ring->first);
		uint64_t last = vt_reader_ns(s->in->reader, ring->last);
		if (!selection->rings[ring->id])
			continue;
		clip(s->filter, &first, &last);
		uint64_t lived = ring->last > 0 && last > first ? last - first : 0;
		/* A gap before the first event that is left makes the thread's life longer. */
		uint64_t missing = g ? g->missing : 0;
		lived = lived > missing ? lived : missing;
		s->c->lived += lived;
		s->c->covered += lived - missing;
	}
}

/* Threads that had no ring have no gap either: of a whole run the counts are the log's. */
static void take_totals(struct search *s, uint64_t mask)
{
	const struct vt_filter *f = s->filter;
	bool part = f->since_set || f->until_set || f->tid_count || f->pid_count || f->thread;

	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		if (!part)
			s->c->lost[i] = mask >> i & 1 ? vt_lost_of(s->in->run->lost, i) : 0;
		s->c->lost_all += s->c->lost[i];
	}
}

int vt_coverage_find(struct vt_coverage *c, const struct vt_input *in,
                     const struct vt_filter *filter, const struct vt_selection *selection)
{
	struct search s = { .c = c, .in = in, .filter = filter };
	uint64_t mask = in->run->process_count > 0 ? 0 : UINT64_MAX;
	int err = 0;

	*c = (struct vt_coverage){ .lost_all = 0 };
	for (unsigned i = 0; i < in->run->process_count; i++)
		mask |= selection->masks[in->run->processes[i]->index];
	if (vt_lost_all(in->run) > 0)
		err = find_gaps(&s);
	take_totals(&s, mask);
	add_lives(&s, selection);
	vt_pointer_map_free(&s.rings, free);
	return err;
}

void vt_coverage_free(struct vt_coverage *c)
{
	free(c->gaps);
	*c = (struct vt_coverage){ .lost_all = 0 };
}
