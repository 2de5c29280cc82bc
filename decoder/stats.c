/*
 * stats.c - groups: found by their keys, given up in the order of their hashes when there is too
 * much of them, added up. See stats.h for why the result does not depend on who saw what.
 */
#include "decoder/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_SIZE  (2u * VT_STATS_GROUPS)      /* a power of two */
#define DENSE_CELLS 512u        /* from here on an array of all buckets is not much larger */
#define DENSE_EARLY 64u         /* ... or from here on, for the first groups: it is faster */
#define FEW_GROUPS  256u

static uint64_t mix(uint64_t v)
{
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93u;
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93u;
	return v ^ v >> 32;
}

static uint64_t hash_of(const struct vt_stats *s, uint64_t step, const struct vt_stats_value *keys)
{
	uint64_t h = mix(step + 1);

	for (unsigned i = 0; i < s->plan->key_count; i++)
		h = mix(h + keys[i].hash);
	return h;
}

/* ---- weights --------------------------------------------------------------------------------- */

static uint32_t *counter(uint32_t *weights, uint64_t hash, unsigned row)
{
	uint32_t mask = VT_STATS_WEIGHTS / 2 - 1;

	return &weights[row * (VT_STATS_WEIGHTS / 2) + ((uint32_t)(hash >> 32 * row) & mask)];
}

static void weigh(uint32_t *weights, uint64_t hash, uint64_t events)
{
	for (unsigned row = 0; row < 2; row++) {
		uint32_t *c = counter(weights, hash, row);
		*c = events > UINT32_MAX - *c ? UINT32_MAX : *c + (uint32_t)events;
	}
}

/*
 * The place in the order: the hash, but heavy groups in front. A counter has at least the events
 * of the group, so the smaller is nearer to them. Powers of two tell enough, and leave the rest to
 * the hash.
 */
static uint64_t order_of(const struct vt_stats *s, uint64_t hash)
{
	uint32_t *weights = s->plan->weights;

	if (!weights)
		return hash;
	uint32_t a = *counter(weights, hash, 0), b = *counter(weights, hash, 1);
	uint32_t least = a < b ? a : b;
	unsigned light = least > 0 ? (unsigned)__builtin_clz(least) : 32;
	return (uint64_t)light << 58 | hash >> 6;
}

/* ---- one group ------------------------------------------------------------------------------- */

static bool same_value(const struct vt_stats_value *a, const struct vt_stats_value *b)
{
	if (a->hash != b->hash || a->tag != b->tag || a->unit != b->unit || a->number != b->number)
		return false;
	return a->tag != VT_STATS_TEXT || a->text == b->text ||
	       memcmp(a->text, b->text, a->number) == 0;
}

static bool is_group(const struct vt_stats *s, const struct vt_stats_group *g, uint64_t hash,
                     uint64_t step, const struct vt_stats_value *keys)
{
	if (g->hash != hash || g->step != step)
		return false;
	for (unsigned i = 0; i < s->plan->key_count; i++)
		if (!same_value(&g->key[i], &keys[i]))
			return false;
	return true;
}

static uint64_t cost_of(const struct vt_stats_group *g, unsigned keys)
{
	uint64_t text = 0;

	for (unsigned i = 0; i < keys; i++)
		text += g->key[i].tag == VT_STATS_TEXT ? g->key[i].number : 0;
	return g->cell_count + text / 16;
}

static void free_group(struct vt_stats_group *g)
{
	if (!g)
		return;
	free(g->cells);
	free(g->dense);
	free(g);
}

static struct vt_stats_group *new_group(const struct vt_stats *s, uint64_t hash, uint64_t step,
                                        const struct vt_stats_value *keys)
{
	size_t bytes = 0;

	for (unsigned i = 0; keys && i < s->plan->key_count; i++)
		bytes += keys[i].tag == VT_STATS_TEXT ? keys[i].number : 0;
	struct vt_stats_group *g = calloc(1, sizeof(*g) + bytes);
	if (!g)
		return NULL;
	g->hash = hash;
	g->step = step;
	char *to = g->text;
	for (unsigned i = 0; keys && i < s->plan->key_count; i++) {
		g->key[i] = keys[i];
		if (keys[i].tag != VT_STATS_TEXT)
			continue;
		if (keys[i].number > 0)
			memcpy(to, keys[i].text, keys[i].number);
		g->key[i].text = to;
		to += keys[i].number;
	}
	return g;
}

/* ---- histograms, most of them with few cells ------------------------------------------------- */

/* The first cell that is not below `bucket`. */
static uint32_t find_cell(const struct vt_stats_group *g, uint32_t bucket)
{
	uint32_t low = 0, high = g->cell_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (g->cells[middle].bucket < bucket)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_dense(struct vt_stats_group *g)
{
	g->dense = calloc(VT_HISTOGRAM_BUCKETS, sizeof(*g->dense));
	if (!g->dense)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->cell_count; i++)
		g->dense[g->cells[i].bucket] = g->cells[i].count;
	free(g->cells);
	g->cells = NULL;
	return 0;
}

static int insert_cell(struct vt_stats_group *g, uint32_t at, uint32_t bucket, uint64_t count)
{
	if (g->cell_count == g->cell_room) {
		uint32_t room = g->cell_room ? g->cell_room + g->cell_room / 2 : 4;
		struct vt_stats_cell *cells = realloc(g->cells, room * sizeof(*cells));
		if (!cells)
			return -ENOMEM;
		g->cells = cells;
		g->cell_room = room;
	}
	memmove(g->cells + at + 1, g->cells + at, (g->cell_count - at) * sizeof(*g->cells));
	g->cells[at] = (struct vt_stats_cell){ count, bucket };
	g->cell_count++;
	return 0;
}

/* Returns how many cells are new (0 or 1), or -ENOMEM. */
static int add_cell(struct vt_stats_group *g, uint32_t bucket, uint64_t count, bool few)
{
	if (!g->dense && g->cell_count >= (few ? DENSE_EARLY : DENSE_CELLS) && make_dense(g))
		return -ENOMEM;
	if (g->dense) {
		bool fresh = g->dense[bucket] == 0;
		g->dense[bucket] += count;
		g->cell_count += fresh;
		return fresh;
	}
	uint32_t at = find_cell(g, bucket);
	if (at < g->cell_count && g->cells[at].bucket == bucket) {
		g->cells[at].count += count;
		return 0;
	}
	return insert_cell(g, at, bucket, count) ? -ENOMEM : 1;
}

static void add_extremes(struct vt_stats_group *g, uint64_t timed, uint64_t sum, uint64_t least,
                         uint64_t most)
{
	if (__builtin_add_overflow(g->sum, sum, &g->sum))
		g->sum = UINT64_MAX;
	g->least = g->timed == 0 || least < g->least ? least : g->least;
	g->most = most > g->most ? most : g->most;
	g->timed += timed;
}

/* ---- giving up ------------------------------------------------------------------------------- */

static int need_others(struct vt_stats *s)
{
	if (!s->others)
		s->others = new_group(s, UINT64_MAX, 0, NULL);
	return s->others ? 0 : -ENOMEM;
}

/* All of `from` into `to`. Returns the new cells, or -ENOMEM. */
static int64_t add_group(struct vt_stats_group *to, const struct vt_stats_group *from, bool few)
{
	int64_t fresh = 0;

	to->count += from->count;
	if (from->timed > 0)
		add_extremes(to, from->timed, from->sum, from->least, from->most);
	uint32_t cells = from->dense ? VT_HISTOGRAM_BUCKETS : from->cell_count;
	for (uint32_t i = 0; i < cells; i++) {
		uint64_t count = from->dense ? from->dense[i] : from->cells[i].count;
		uint32_t bucket = from->dense ? i : from->cells[i].bucket;
		int added = count > 0 ? add_cell(to, bucket, count, few) : 0;
		if (added < 0)
			return added;
		fresh += added;
	}
	return fresh;
}

static struct vt_stats_group *pop_last(struct vt_stats *s)
{
	struct vt_stats_group *top = s->heap[0], *w = s->heap[--s->count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= s->count)
			break;
		if (child + 1 < s->count && s->heap[child + 1]->hash > s->heap[child]->hash)
			child++;
		if (s->heap[child]->hash <= w->hash)
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = w;
	return top;
}

static int fold_last(struct vt_stats *s)
{
	struct vt_stats_group *g = s->heap[0];

	if (need_others(s) || add_group(s->others, g, true) < 0)
		return -ENOMEM;
	pop_last(s);
	struct vt_stats_group **link = &s->table[g->hash & (s->table_size - 1)];
	while (*link != g)
		link = &(*link)->next;
	*link = g->next;
	s->cost -= cost_of(g, s->plan->key_count);
	s->end = s->ended && s->end < g->hash ? s->end : g->hash;
	s->ended = true;
	s->epoch++;
	g->folded = true;
	if (g->open == 0)
		free_group(g);
	return 0;
}

/* Keeps what is in front of the order, as much as there may be; equal hashes go together. */
static int enforce(struct vt_stats *s)
{
	int err = 0;

	while (!err && s->count > 0) {
		bool late = s->ended && s->heap[0]->hash >= s->end;
		if (!late && s->count <= s->most_groups && s->cost <= s->most_cost)
			break;
		err = fold_last(s);
	}
	return err;
}

/* ---- finding and adding ---------------------------------------------------------------------- */

static int place(struct vt_stats *s, struct vt_stats_group *g)
{
	if (s->count == s->heap_room) {
		size_t room = s->heap_room ? 2 * s->heap_room : 64;
		struct vt_stats_group **heap = realloc(s->heap, room * sizeof(*heap));
		if (!heap)
			return -ENOMEM;
		s->heap = heap;
		s->heap_room = room;
	}
	size_t at = s->count++;
	for (; at > 0 && s->heap[(at - 1) / 2]->hash < g->hash; at = (at - 1) / 2)
		s->heap[at] = s->heap[(at - 1) / 2];
	s->heap[at] = g;
	struct vt_stats_group **head = &s->table[g->hash & (s->table_size - 1)];
	g->next = *head;
	*head = g;
	s->cost += cost_of(g, s->plan->key_count);
	return 0;
}

static struct vt_stats_group *group_hashed(struct vt_stats *s, uint64_t hash, uint64_t step,
                                           const struct vt_stats_value *keys)
{
	if (s->ended && hash >= s->end)
		return s->others;
	struct vt_stats_group *g = s->table[hash & (s->table_size - 1)];
	while (g && !is_group(s, g, hash, step, keys))
		g = g->next;
	if (g)
		return g;
	g = new_group(s, hash, step, keys);
	if (!g || place(s, g)) {
		free_group(g);
		return NULL;
	}
	/* It may be the one that is too much. */
	vt_stats_hold(g);
	int err = enforce(s);
	bool folded = g->folded;
	vt_stats_release(g);
	return err ? NULL : folded ? s->others : g;
}

struct vt_stats_group *vt_stats_group_of(struct vt_stats *s, uint64_t step,
                                         const struct vt_stats_value keys[VT_STATS_KEYS],
                                         uint64_t events)
{
	uint64_t hash = hash_of(s, step, keys);

	if (!s->weighing)
		return group_hashed(s, order_of(s, hash), step, keys);
	weigh(s->weighing, hash, events);
	return s->others;
}

int vt_stats_add_time(struct vt_stats *s, struct vt_stats_group *g, uint64_t ns)
{
	if (g->folded)
		g = s->others;
	add_extremes(g, 1, ns, ns, ns);
	bool few = s->count < FEW_GROUPS || g == s->others;
	int fresh = add_cell(g, vt_histogram_bucket(ns), 1, few);
	if (vt_likely(fresh == 0))
		return 0;
	if (fresh < 0)
		return fresh;
	if (g != s->others && ++s->cost > s->most_cost)
		return enforce(s);
	return 0;
}

void vt_stats_hold(struct vt_stats_group *g)
{
	g->open++;
}

void vt_stats_release(struct vt_stats_group *g)
{
	if (--g->open == 0 && g->folded)
		free_group(g);
}

int vt_stats_merge(struct vt_stats *to, const struct vt_stats *from)
{
	int err = 0;

	for (size_t i = 0; to->weighing && from->weighing && i < VT_STATS_WEIGHTS; i++) {
		uint32_t sum = to->weighing[i] + from->weighing[i];
		to->weighing[i] = sum < from->weighing[i] ? UINT32_MAX : sum;
	}
	if (from->ended && (!to->ended || from->end < to->end)) {
		to->end = from->end;
		to->ended = true;
		err = need_others(to) ? -ENOMEM : enforce(to);
	}
	if (!err && from->others)
		if (need_others(to) || add_group(to->others, from->others, true) < 0)
			err = -ENOMEM;
	for (size_t i = 0; i < from->count && !err; i++) {
		const struct vt_stats_group *g = from->heap[i];
		struct vt_stats_group *mine = group_hashed(to, g->hash, g->step, g->key);
		int64_t fresh = mine ? add_group(mine, g, to->count < FEW_GROUPS) : -ENOMEM;
		if (fresh < 0)
			return -ENOMEM;
		to->cost += mine == to->others ? 0 : (uint64_t)fresh;
		err = enforce(to);
	}
	to->events += from->events;
	to->without += from->without;
	to->unmatched_ends += from->unmatched_ends;
	to->without_end += from->without_end;
	to->forgotten += from->forgotten;
	to->open += from->open;
	to->deeper += from->deeper;
	return err;
}

/* ---- the accumulator ------------------------------------------------------------------------- */

int vt_stats_init(struct vt_stats *s, const struct vt_stats_plan *plan)
{
	*s = (struct vt_stats){
		.plan = plan, .table_size = TABLE_SIZE,
		.most_groups = plan->most_groups ? plan->most_groups : VT_STATS_GROUPS,
		.most_cost = plan->most_cost ? plan->most_cost : VT_STATS_COST,
	};
	s->table = calloc(TABLE_SIZE, sizeof(*s->table));
	s->strings = calloc(VT_STATS_STRINGS, sizeof(*s->strings));
	return s->table && s->strings ? 0 : -ENOMEM;
}

int vt_stats_init_weighing(struct vt_stats *s, const struct vt_stats_plan *plan)
{
	int err = vt_stats_init(s, plan);

	s->weighing = calloc(VT_STATS_WEIGHTS, sizeof(*s->weighing));
	return !err && s->weighing ? need_others(s) : -ENOMEM;
}

static void free_types(void *value)
{
	for (struct vt_stats_type *t = value, *next; t; t = next) {
		next = t->next;
		free(t);
	}
}

void vt_stats_free(struct vt_stats *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_group(s->heap[i]);
	free_group(s->others);
	vt_pointer_map_free(&s->types, free_types);
	free(s->heap);
	free(s->table);
	free(s->strings);
	free(s->weighing);
	*s = (struct vt_stats){ .plan = NULL };
}
