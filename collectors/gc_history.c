/* gc_history.c - see gc_history.h. All shared words are atomic: the race detector can follow it. */
#include "collectors/gc_history.h"

/* A test replaces it, to look at the history in the middle of a push. */
#ifndef VT_HISTORY_WORD_WRITTEN
#define VT_HISTORY_WORD_WRITTEN(i) ((void)(i))
#endif

void vt_gc_history_push(struct vt_gc_history *h, const struct vt_gc_cycle *cycle)
{
	uint64_t ticket = vt_add_relaxed(&h->next, 1);
	struct vt_gc_slot *slot = &h->slots[ticket % h->count];
	uint64_t before = vt_load_relaxed(&slot->sequence);

	/*
	 * Another writer is a whole lap behind or ahead in this slot: two must not write it, and waiting for
	 * a thread that may not be running is not for us.
	 */
	if (before % 2 != 0 || before > 2 * ticket ||
	    !__atomic_compare_exchange_n(&slot->sequence, &before, 2 * ticket + 1, false, __ATOMIC_ACQUIRE,
	                                 __ATOMIC_RELAXED)) {
		vt_add_relaxed(&h->dropped, 1);
		return;
	}
	const vt__word *words = (const vt__word *)(const void *)cycle;
	for (unsigned i = 0; i < VT_CYCLE_WORDS; i++) {
		/* Pairs with the reader's acquire loads: who saw this word sees the odd number. */
		vt_store_release(&slot->words[i], words[i]);
		VT_HISTORY_WORD_WRITTEN(i);
	}
	/* Pairs with the reader's first load of the number: it then sees all words. */
	vt_store_release(&slot->sequence, 2 * ticket + 2);
}

/* True if the copy is whole and of this ticket. */
static bool copy(const struct vt_gc_slot *slot, uint64_t ticket, struct vt_gc_cycle *to)
{
	vt__word *words = (vt__word *)(void *)to;

	if (vt_load_acquire(&slot->sequence) != 2 * ticket + 2)
		return false;
	for (unsigned i = 0; i < VT_CYCLE_WORDS; i++)
		words[i] = vt_load_acquire(&slot->words[i]);
	return vt_load_relaxed(&slot->sequence) == 2 * ticket + 2;
}

bool vt_gc_history_step(const struct vt_gc_history *h, uint64_t *ticket, struct vt_gc_cycle *to)
{
	uint64_t base = vt_load_acquire(&h->base), end = vt_load_acquire(&h->next);
	uint64_t least = end - base > h->count ? end - h->count : base;

	if (*ticket > end)
		*ticket = end;
	while (*ticket > least)
		if (--*ticket, copy(&h->slots[*ticket % h->count], *ticket, to))
			return true;
	return false;
}

void vt_gc_history_forget(struct vt_gc_history *h)
{
	vt_store_release(&h->base, vt_load_relaxed(&h->next));
}
