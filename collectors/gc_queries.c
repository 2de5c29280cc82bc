/* gc_queries.c - gc.h's questions: the last cycles, their pauses, totals, heap sizes. */
#include <errno.h>
#include <stdlib.h>

#include "collectors/gc_history.h"
#include "collectors/gc_queries.h"
#include "core/process.h"

static struct vt_gc_slot standard_slots[VT_GC_HISTORY];
static struct vt_gc_history standard = { .count = VT_GC_HISTORY, .slots = standard_slots };
static struct vt_gc_history *history = &standard;

/* As struct vt_gc_totals but for `cycles`: a sum that is computed can never disagree. */
enum total { MINOR, MAJOR, INCREMENTAL, FALLBACKS, TIME, PAUSES, PAUSED, RECLAIMED, OBJECTS, TOTALS };
static uint64_t totals[TOTALS], bases[TOTALS], longest;

static struct vt_gc_history *current(void)
{
	/* Pairs with the release in vt_gc_history. */
	return vt_load_acquire(&history);
}

int vt_gc_history(unsigned n)
{
	if (n == 0 || n > VT_GC_HISTORY_MOST)
		return -EINVAL;
	if (current() != &standard || vt_load_relaxed(&standard.next) > 0)
		return -EBUSY;
	struct vt_gc_history *h = calloc(1, sizeof(*h));
	if (h)
		h->slots = calloc(n, sizeof(*h->slots));
	if (!h || !h->slots) {
		free(h);
		return -ENOMEM;
	}
	h->count = n;
	vt_store_release(&history, h);
	return 0;
}

void vt_gc_remember(const struct vt_gc_cycle *c)
{
	const uint64_t added[TOTALS] = {
		[MINOR] = c->type == VT_GC_MINOR, [MAJOR] = c->type == VT_GC_MAJOR,
		[INCREMENTAL] = c->type == VT_GC_INCREMENTAL_MAJOR,
		[FALLBACKS] = c->fallback != VT_gc_fallback_none, [TIME] = c->time, [PAUSES] = c->pauses,
		[PAUSED] = c->paused, [RECLAIMED] = c->reclaimed, [OBJECTS] = c->objects_reclaimed,
	};
	uint64_t most = vt_load_relaxed(&longest);

	for (unsigned i = 0; i < TOTALS; i++)
		if (added[i])
			vt_add_relaxed(&totals[i], added[i]);
	while (c->longest > most && !__atomic_compare_exchange_n(&longest, &most, c->longest, true,
	                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	vt_gc_history_push(current(), c);
}

void vt_gc_forget(void)
{
	for (unsigned i = 0; i < TOTALS; i++)
		vt_store_release(&bases[i], vt_load_relaxed(&totals[i]));
	vt_store_relaxed(&longest, 0);
	vt_gc_history_forget(current());
}

/* ---- questions ------------------------------------------------------------------------------- */

unsigned vt_gc_recent(struct vt_gc_cycle *to, unsigned n)
{
	const struct vt_gc_history *h = current();
	uint64_t ticket = UINT64_MAX;
	unsigned found = 0;

	while (found < n && vt_gc_history_step(h, &ticket, &to[found]))
		found++;
	return found;
}

bool vt_gc_last(struct vt_gc_cycle *to)
{
	/* All of a small history may be in the middle of being replaced. */
	for (unsigned i = 0; i < 100; i++)
		if (vt_gc_recent(to, 1) == 1)
			return true;
		else if (vt_gc_recorded() == 0)
			break;
	*to = (struct vt_gc_cycle){ .number = 0 };
	return false;
}

uint64_t vt_gc_recorded(void)
{
	const struct vt_gc_history *h = current();
	uint64_t base = vt_load_acquire(&h->base);

	return vt_load_acquire(&h->next) - base;
}

/* Sums over the last n cycles: a copy of them would need memory. */
static struct vt_gc_cycle sum_of(unsigned n)
{
	const struct vt_gc_history *h = current();
	struct vt_gc_cycle sum = { .number = 0 }, c;
	uint64_t ticket = UINT64_MAX;

	for (; n > 0 && vt_gc_history_step(h, &ticket, &c); n--) {
		sum.pauses += c.pauses;
		sum.paused += c.paused;
		sum.longest = c.longest > sum.longest ? c.longest : sum.longest;
	}
	return sum;
}

uint64_t vt_gc_average_pause(unsigned n)
{
	struct vt_gc_cycle sum = sum_of(n);

	return sum.pauses ? sum.paused / sum.pauses : 0;
}

uint64_t vt_gc_max_pause(unsigned n)
{
	return sum_of(n).longest;
}

static uint64_t total(enum total which)
{
	/* The base first: a total that is read later is not below it. */
	uint64_t base = vt_load_acquire(&bases[which]), value = vt_load_relaxed(&totals[which]);

	return value - base;
}

void vt_gc_totals_read(struct vt_gc_totals *to)
{
	*to = (struct vt_gc_totals){
		.minor = total(MINOR), .major = total(MAJOR), .incremental = total(INCREMENTAL),
		.fallbacks = total(FALLBACKS), .time = total(TIME), .pauses = total(PAUSES),
		.paused = total(PAUSED), .longest = vt_load_relaxed(&longest),
		.reclaimed = total(RECLAIMED), .objects_reclaimed = total(OBJECTS),
	};
	to->cycles = to->minor + to->major + to->incremental;
}

void vt_gc_heap_read(struct vt_gc_heap_sizes *to)
{
	*to = (struct vt_gc_heap_sizes){
		.used = vt_gauge(VT_M_gc_heap_used), .total = vt_gauge(VT_M_gc_heap_total),
		.young = vt_gauge(VT_M_gc_heap_young), .old = vt_gauge(VT_M_gc_heap_old),
	};
}
