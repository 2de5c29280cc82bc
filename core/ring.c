/*
 * ring.c - the slow half of an emit: entering segments, interrupted emits, threads without a ring.
 *
 * All of it runs inside the host's code, possibly inside a signal handler: no lock, no allocation, errno
 * kept. tests/model/ring.pml is this protocol; a change here is a change there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/process.h"
#include "core/thread.h"

static void lose(struct vt_slot *slot, enum vt_lost_cause cause, unsigned category)
{
	/* Atomic: a handler that interrupts us may be losing an event of the same kind. */
	vt_add_relaxed(&slot->lost[cause][category & 63], 1);
}

static struct vt_slot *slot_of(struct vt_ring *ring)
{
	/* vt__ring points at the slot's main ring; a ring that is not it is the slot's signal ring. */
	struct vt_ring *own = vt__ring;
	return (struct vt_slot *)(void *)(own ? own : ring);
}

/* ---- an emit that was left by siglongjmp ----------------------------------------------------- */

/* Less than what a signal puts on a stack: 1.1 KiB on x86-64 (red zone, registers), 4.5 KiB on aarch64. */
enum { SIGNAL_FRAME = 512 };

/*
 * An interrupted emit is still alive if we, whose frame is at `stack`, run on top of it: on the same stack
 * behind a signal's frame, or on the alternate stack of its handler. Else its frame is gone, and the ring
 * is free again. The next emit of the same loop lies a call deeper than the dead one, no more.
 */
static bool left_behind(uint64_t nest, uint64_t stack)
{
	stack_t alternate;
	if (sigaltstack(NULL, &alternate) == 0 && (alternate.ss_flags & SS_ONSTACK))
		return false;
	return stack + SIGNAL_FRAME >= nest >> 6;
}

/* Counts the records in the ring's current segment. False: one of unknown length. */
static bool count_segment(const struct vt_ring *ring, uint64_t counts[VT_MAX_CATEGORIES])
{
	uint64_t start = ring->limit - ring->segment_size;
	uint64_t at = start + sizeof(struct vt_segment);

	while (at < ring->commit) {
		const uint64_t *record = (const uint64_t *)(uintptr_t)(ring->bias + at);
		bool has_text;
		int words = vt_record_words(record[0] & 0xffff, &has_text);
		if (words < 0)
			return false;
		counts[record[0] >> 8 & 63]++;
		at += 8 + 8 * (uint64_t)words;
		if (has_text)
			at += (record[1] + 7) & ~7ull;
	}
	return true;
}

void vt_ring_restore(struct vt_ring *ring)
{
	if (ring->commit > ring->limit)
		ring->limit += ring->segment_size;
	if (ring->limit == 0)
		return;
	uint64_t start = ring->limit - ring->segment_size;
	uint64_t address = ring->segments + start / ring->segment_size % ring->segment_count *
	                   ring->segment_size;
	ring->bias = address - start;
	ring->floor = ((const struct vt_segment *)(uintptr_t)address)->ticks - VT_TICK_HALF;
}

/*
 * Takes a ring back from a dead emit, first of all its guard: a handler may interrupt this as well. The
 * emit may have died on either side of its two stores, emitted[] and commit: commit is the truth, so
 * emitted[] is counted anew in the current segment. False: somebody else was faster.
 */
static bool reclaim(struct vt_slot *slot, struct vt_ring *ring, uint64_t nest, uint64_t stack)
{
	unsigned category = nest & 63;
	uint64_t counts[VT_MAX_CATEGORIES] = { 0 };

	if (!__atomic_compare_exchange_n(&ring->nest, &nest, stack << 6 | category, false,
	                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	vt_signal_fence();
	vt_ring_restore(ring);
	if (ring->limit && count_segment(ring, counts)) {
		const struct vt_segment *s = (const struct vt_segment *)(uintptr_t)
			(ring->bias + ring->limit - ring->segment_size);
		uint64_t committed = s->emitted[category] + counts[category];
		vt_store_relaxed(&ring->emitted[category], committed);
	}
	vt_thread_inside = 0;           /* it may have died while it made pages */
	lose(slot, VT_LOST_ABORTED, category);
	vt_signal_fence();
	vt_store_relaxed(&ring->nest, 0);
	return true;
}

/* May this ring be used now? It may if no emit is in it, or only one that is dead. */
static bool is_free(struct vt_slot *slot, struct vt_ring *ring, uint64_t stack)
{
	uint64_t nest = vt_load_relaxed(&ring->nest);
	return nest == 0 || (left_behind(nest, stack) && reclaim(slot, ring, nest, stack));
}

/* ---- finding a ring ---------------------------------------------------------------------------- */

struct vt_ring *vt__ring_acquire(unsigned id)
{
	int saved = errno;
	unsigned category = id >> 8 & 63;
	uint64_t stack = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	struct vt_ring *ring = vt__ring;

	if (!ring) {
		struct vt_slot *slot = vt_thread_claim();
		if (!slot && vt_process.file)
			vt_add_relaxed(&vt_process.file->no_ring[category], 1);
		errno = saved;
		return slot ? &slot->main : NULL;
	}
	struct vt_slot *slot = slot_of(ring);
	if (!is_free(slot, ring, stack)) {
		ring = &slot->signal;
		if (!is_free(slot, ring, stack)) {
			lose(slot, VT_LOST_NESTED, category);
			ring = NULL;
		}
	}
	errno = saved;
	return ring;
}

/* ---- entering a segment ------------------------------------------------------------------------ */

/* On the first lap the segment's pages are made; a full file system then leaves a smaller ring. */
static bool segment_exists(struct vt_ring *ring, uint64_t start)
{
	uint64_t lap = (uint64_t)ring->segment_size * ring->segment_count;
	if (start >= lap)
		return true;
	char *at = (char *)(uintptr_t)(ring->segments + start);
	/* Not counted as a call of the program's: the event of that would come back here. */
	unsigned inside = vt_thread_inside;
	vt_thread_inside = 1;
	int err = vt_ring_file_populate(&vt_process.place, vt_process.file, at, ring->segment_size);
	vt_thread_inside = inside;
	if (!err)
		return true;
	/* Positions below `start` are in segments 0..n-1 whether the count is n or more. */
	uint32_t have = (uint32_t)(start / ring->segment_size);
	if (have == 0)
		return false;
	vt_store_relaxed(&ring->segment_count, have);
	return true;
}

static void write_segment_header(struct vt_ring *ring, struct vt_segment *s, uint64_t start, uint64_t now)
{
	uint64_t first = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t n = vt_load_relaxed(&ring->emitted[c]);
		vt_store_relaxed(&s->emitted[c], n);
		first += n;
	}
	vt_store_relaxed(&s->magic, VT_SEGMENT_MAGIC);
	vt_store_relaxed(&s->position, start);
	vt_store_relaxed(&s->ticks, now);
	vt_store_relaxed(&s->first, first);
}

/* Moves the ring to its next segment; false: it is full (discard mode) or has no memory. */
static bool enter(struct vt_ring *ring, uint64_t now, enum vt_lost_cause *why)
{
	const struct vt_ring_file *file = vt_process.file;
	uint64_t start = ring->limit;
	uint64_t at = ring->commit;

	*why = VT_LOST_NORING;
	if (!segment_exists(ring, start))
		return false;
	uint64_t size = (uint64_t)ring->segment_size * ring->segment_count;
	uint64_t end = start + ring->segment_size;
	if (file->mode == VT_DISCARD) {
		/* Pairs with the recorder's release store of tail: it has read what we are about to reuse. */
		*why = VT_LOST_DISCARDED;
		if (end > size && end - size > vt_load_acquire(&ring->tail))
			return false;
	}
	if (at < start)
		vt_store_relaxed((uint64_t *)(uintptr_t)(ring->bias + at), 0);  /* pad */
	if (end > size && file->mode == VT_OVERWRITE) {
		vt_store_relaxed(&ring->horizon, end - size);
		/* Not a release store of horizon: the stores that follow must not pass it. */
		__atomic_thread_fence(__ATOMIC_RELEASE);
	}
	uint64_t index = start / ring->segment_size % ring->segment_count;
	uint64_t address = ring->segments + index * ring->segment_size;
	write_segment_header(ring, (struct vt_segment *)(uintptr_t)address, start, now);
	vt_store_relaxed(&ring->bias, address - start);
	vt_store_relaxed(&ring->floor, now - VT_TICK_HALF);
	vt_store_release(&ring->commit, start + sizeof(struct vt_segment));
	vt_store_relaxed(&ring->limit, end);
	return true;
}

/* Often enough for the recorder: each eighth of the ring, not at its first byte (a new thread has no hurry). */
static bool is_eighth(const struct vt_ring *ring)
{
	uint64_t start = ring->limit - ring->segment_size;
	uint32_t step = (ring->segment_count + 7) / 8 * ring->segment_size;

	return start > 0 && start % step == 0;
}

bool vt__ring_enter(struct vt_ring *ring, uint64_t now, unsigned id, uint64_t size)
{
	int saved = errno;
	enum vt_lost_cause why = VT_LOST_TOOBIG;

	bool entered = size <= ring->segment_size / 4 && enter(ring, now, &why);
	if (!entered) {
		lose(slot_of(ring), why, id >> 8);
		vt_signal_fence();
		vt_store_relaxed(&ring->nest, 0);
	}
	if (entered ? is_eighth(ring) : why == VT_LOST_DISCARDED)
		vt_process_wake();
	vt_process_refresh_mask();
	errno = saved;
	return entered;
}
