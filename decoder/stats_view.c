/* stats_view.c - the groups of an accumulator as rows in the order that is asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/stats.h"

const char *const vt_stats_sorts[] = {
	[VT_SORT_TOTAL] = "total", [VT_SORT_COUNT] = "count", [VT_SORT_MEAN] = "mean",
	[VT_SORT_MAX] = "max", [VT_SORT_P99] = "p99", [VT_SORT_NAME] = "name", NULL
};

/* ---- figures --------------------------------------------------------------------------------- */

uint64_t vt_stats_percentile(const struct vt_stats_view *v, const struct vt_stats_group *g,
                             uint64_t parts, uint64_t of)
{
	struct vt_histogram *h = v->scratch;

	h->count = g->timed;
	h->least = g->least;
	h->most = g->most;
	if (g->dense)
		memcpy(h->buckets, g->dense, sizeof(h->buckets));
	for (uint32_t i = 0; !g->dense && i < g->cell_count; i++)
		h->buckets[g->cells[i].bucket] = g->cells[i].count;
	uint64_t value = vt_histogram_percentile(h, parts, of);
	if (g->dense)
		memset(h->buckets, 0, sizeof(h->buckets));
	for (uint32_t i = 0; !g->dense && i < g->cell_count; i++)
		h->buckets[g->cells[i].bucket] = 0;
	return value;
}

uint64_t vt_stats_length(const struct vt_stats_view *v, uint64_t step)
{
	const struct vt_stats_plan *plan = v->stats->plan;
	uint64_t from = v->from, until = v->until;

	if (plan->step > 0) {
		from = plan->origin + step * plan->step;
		if (until > from && until - from > plan->step)
			until = from + plan->step;
	}
	return until > from ? until - from : 0;
}

bool vt_stats_hidden(const struct vt_stats_view *v, uint64_t step)
{
	const struct vt_coverage *c = v->coverage;
	uint64_t from = v->stats->plan->origin + step * v->stats->plan->step;
	size_t low = 0, high = c->gap_count;

	if (v->stats->plan->step == 0)
		return c->lost_all > 0;
	while (low < high) {            /* the first gap that ends at or behind `from` */
		size_t middle = low + (high - low) / 2;
		if (c->gaps[middle].to < from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == c->gap_count)
		return false;
	return c->gaps[low].from < from || c->gaps[low].from - from < v->stats->plan->step;
}

/* ---- order ----------------------------------------------------------------------------------- */

static uint64_t sort_value(const struct vt_stats_view *v, const struct vt_stats_group *g)
{
	switch (v->sort) {
	case VT_SORT_TOTAL:
		return g->sum;
	case VT_SORT_MEAN:
		return g->timed > 0 ? g->sum / g->timed : 0;
	case VT_SORT_MAX:
		return g->most;
	case VT_SORT_P99:
		return g->timed > 0 ? vt_stats_percentile(v, g, 99, 100) : 0;
	default:
		return g->count;
	}
}

static int order_of(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/*
 * Rows with a value before those without; equal ones by count and then by name, so that no two are
 * equal.
 */
static int by_value(const struct vt_stats_view *v, const struct vt_stats_row *a,
                    const struct vt_stats_row *b)
{
	bool times = v->sort != VT_SORT_COUNT && v->sort != VT_SORT_NAME;
	uint64_t counts[2] = { a->group ? a->group->count : 0, b->group ? b->group->count : 0 };
	bool timed[2] = { a->group && a->group->timed > 0, b->group && b->group->timed > 0 };

	if (times && timed[0] != timed[1])
		return timed[0] ? -1 : 1;
	if (v->sort != VT_SORT_NAME && a->value != b->value)
		return -order_of(a->value, b->value);
	if (v->sort != VT_SORT_NAME && counts[0] != counts[1])
		return -order_of(counts[0], counts[1]);
	return 0;
}

static int compare_rows(const void *left, const void *right, void *user)
{
	const struct vt_stats_row *a = left, *b = right;
	const struct vt_stats_view *v = user;
	unsigned keys = v->stats->plan->key_count;
	bool in_time = v->stats->plan->step > 0 && (keys > 0 || !v->sort_given);
	int order = in_time ? order_of(a->step, b->step) : 0;

	if (!order && !(in_time && keys == 0))
		order = by_value(v, a, b);
	if (!order && a->group && b->group)
		order = vt_stats_compare_keys(a->group, b->group, keys);
	return order ? order : order_of(a->step, b->step);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static uint64_t steps_of(const struct vt_stats_view *v)
{
	const struct vt_stats_plan *plan = v->stats->plan;
	uint64_t length = v->until > v->from ? v->until - v->from : 0;

	if (plan->step == 0 || plan->key_count > 0)
		return 0;
	return length / plan->step + (length % plan->step > 0);
}

/* Stretches of time without events have a row as well when they are not split. */
static void fill_rows(struct vt_stats_view *v, uint64_t steps)
{
	const struct vt_stats *s = v->stats;

	v->row_count = steps;
	for (uint64_t i = 0; i < steps; i++)
		v->rows[i].step = i;
	for (size_t i = 0; i < s->count; i++) {
		const struct vt_stats_group *g = s->heap[i];
		if (g->count == 0 && g->timed == 0)
			continue;
		size_t at = g->step < steps ? g->step : v->row_count++;
		v->rows[at] = (struct vt_stats_row){ g, g->step, sort_value(v, g) };
	}
	v->groups = v->row_count;
}

/* Those of each stretch of time if they are split, else of all. */
static void keep_top(struct vt_stats_view *v)
{
	bool split = v->stats->plan->step > 0 && v->stats->plan->key_count > 0;
	size_t kept = 0;
	uint64_t here = 0;

	for (size_t i = 0; i < v->row_count; i++) {
		here = i > 0 && split && v->rows[i].step != v->rows[i - 1].step ? 0 : here;
		if (here++ < v->top)
			v->rows[kept++] = v->rows[i];
	}
	v->row_count = kept;
}

int vt_stats_view_make(struct vt_stats_view *v)
{
	uint64_t steps = steps_of(v);

	v->rows = calloc(v->stats->count + steps + 1, sizeof(*v->rows));
	v->scratch = calloc(1, sizeof(*v->scratch));
	if (!v->rows || !v->scratch)
		return -ENOMEM;
	fill_rows(v, steps);
	if (v->row_count > 0)
		qsort_r(v->rows, v->row_count, sizeof(*v->rows), compare_rows, v);
	if (v->top > 0)
		keep_top(v);
	return 0;
}

void vt_stats_view_free(struct vt_stats_view *v)
{
	free(v->rows);
	free(v->scratch);
	v->rows = NULL;
	v->scratch = NULL;
}
