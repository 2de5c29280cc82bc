/* drain.c - the reader's side of the ring protocol (ring.h); tests/model/ring.pml is this. */
#include <string.h>

#include "core/drain.h"

static uint64_t ring_bytes(const struct vt_drain_ring *r)
{
	uint32_t count = vt_load_relaxed(&r->ring->segment_count);
	if (count == 0 || count > r->most_segments)
		count = r->most_segments;
	return (uint64_t)count * r->segment_size;
}

/* In the middle of a segment its header is behind the cursor; if it is gone, so is the rest of it. */
static void enter_segment(struct vt_drain_ring *r)
{
	struct vt_ring_cursor *c = &r->cursor;
	uint64_t start = c->position - c->position % r->segment_size;
	const struct vt_segment *header = (const struct vt_segment *)(const void *)
		(r->segments + start % ring_bytes(r));

	if (c->position == start || vt_load_relaxed(&header->magic) != VT_SEGMENT_MAGIC ||
	    vt_load_relaxed(&header->position) != start)
		return;
	uint64_t ticks = vt_load_relaxed(&header->ticks);
	/* As in copy_stretch: if the ticks are those of a newer header, the horizon is above it. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (vt_load_relaxed(&r->ring->horizon) > start)
		return;
	c->segment_ticks = ticks;
	c->in_segment = true;
}

void vt_drain_begin(struct vt_drain_ring *r, struct vt_ring *ring, const char *segments,
                    uint32_t segment_size, uint32_t most_segments,
                    uint64_t position, const uint64_t counted[VT_MAX_CATEGORIES])
{
	memset(r, 0, sizeof(*r));
	r->ring = ring;
	r->segments = segments;
	r->segment_size = segment_size;
	r->most_segments = most_segments;
	r->cursor.position = position & ~7ull;  /* of a hostile file it may be anything */
	memcpy(r->cursor.counted, counted, sizeof(r->cursor.counted));
	memcpy(r->cursor.base, counted, sizeof(r->cursor.base));
	enter_segment(r);       /* a former owner, or a former recording, ended in the middle of one */
}

void vt_drain_resume(struct vt_drain_ring *r, const struct vt_resume *from)
{
	struct vt_ring_cursor *c = &r->cursor;

	if (from->position < c->position)
		return;                 /* the log ends before this owner began */
	r->id = from->ring;
	c->position = from->position & ~7ull;
	c->last = from->last;
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		c->counted[i] = c->base[i] + from->counted[i];
	c->in_segment = false;
	enter_segment(r);
}

/*
 * Copies words that the writer may be overwriting meanwhile. Nothing is asked of their values then:
 * copy_stretch drops them. For C that needs atomic loads; an instruction is no access in C's sense, and
 * copies twice as fast.
 */
static void copy_piece(uint64_t *to, const uint64_t *from, uint64_t words)
{
#if defined(VT_COPY_PIECE)      /* the slow reader of tests/unit/test_ring.c */
	VT_COPY_PIECE(to, from, words);
#elif defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
#else
	for (uint64_t i = 0; i < words; i++)
		to[i] = vt_load_relaxed(from + i);
#endif
}

/* Copies [position, position + length), which may go round the ring's end. */
static void copy_words(const struct vt_drain_ring *r, uint64_t size, uint64_t position, uint64_t *to,
                       uint32_t length)
{
	while (length > 0) {
		uint64_t offset = position % size;
		uint64_t piece = size - offset < length ? size - offset : length;
		copy_piece(to, (const uint64_t *)(const void *)(r->segments + offset), piece / 8);
		to += piece / 8;
		position += piece;
		length -= (uint32_t)piece;
	}
}

/* The oldest position that can still be read. */
static uint64_t oldest(const struct vt_drain_ring *r, uint64_t commit)
{
	uint64_t size = ring_bytes(r);
	uint64_t horizon = vt_load_relaxed(&r->ring->horizon);
	uint64_t least = commit > size ? (commit - size + r->segment_size - 1) / r->segment_size *
	                                 r->segment_size : 0;
	/* Discard mode: what was drained may be reused, and its header may be half written. */
	uint64_t tail = r->discard ? vt_load_relaxed(&r->ring->tail) : 0;
	tail -= tail % r->segment_size;
	if (tail > least && tail <= commit)
		least = tail;
	/* A dead or hostile ring may say anything; a live one's horizon is at least `least`. */
	return horizon > least && horizon <= commit && horizon % r->segment_size == 0 ? horizon : least;
}

static void jump(struct vt_drain_ring *r, uint64_t position)
{
	r->cursor.position = position;
	r->cursor.in_segment = false;
}

/*
 * Copies a stretch from the cursor on into the splitter's room and returns its length; the cursor is
 * moved up to the first byte that was certainly not overwritten while it was copied. 0: nothing left.
 */
static uint32_t copy_stretch(struct vt_drain_ring *r, struct vt_splitter *splitter, uint64_t until)
{
	uint32_t room;
	uint64_t *to = vt_splitter_room(splitter, &room);

	until &= ~7ull;         /* `commit` of a hostile ring may be anything */
	for (;;) {
		uint64_t low = oldest(r, vt_load_acquire(&r->ring->commit));
		if (r->cursor.position < low)
			jump(r, low);
		if (r->cursor.position >= until)
			return 0;
		uint64_t from = r->cursor.position, left = until - from;
		uint32_t length = left < room ? (uint32_t)left : room;
		copy_words(r, ring_bytes(r), from, to, length);
		/* Pairs with the writer's release fence after it raises the horizon: if a copied word is newer
		 * than we think, this load sees the horizon above it. Nothing is judged before. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		uint64_t horizon = vt_load_relaxed(&r->ring->horizon);
		horizon -= horizon % r->segment_size;   /* of a hostile ring; else it begins a segment */
		if (horizon <= from)
			return length;
		jump(r, horizon);
		if (horizon - from < length) {
			length -= (uint32_t)(horizon - from);
			memmove(to, (char *)to + (horizon - from), length);
			return length;
		}
	}
}

static int give_events(struct vt_drain_ring *r, struct vt_splitter *splitter, uint64_t pos_begin,
                       uint64_t first, const struct vt_drain_sink *sink)
{
	const struct vt_split_section *sections;
	if (vt_splitter_events(splitter) == 0)
		return 0;
	int count = vt_splitter_sections(splitter, &sections);
	if (count < 0)
		return count;
	struct vt_chunk_header h = {
		.ring = r->id, .process = r->process, .flags = r->flags, .first = first,
		.pos_begin = pos_begin, .pos_end = r->cursor.position,
	};
	return sink->events(sink->user, &h, sections, (unsigned)count);
}

/* At a segment header that counts more than was read: tells how much is missing, and goes on there. */
static int give_gap(struct vt_drain_ring *r, const struct vt_segment *header, uint64_t pos_begin,
                    const struct vt_drain_sink *sink)
{
	/* Nothing was overwritten between a segment that was read to its end and the next. */
	bool damaged = r->damaged || r->cursor.in_segment;
	struct vt_rec_gap gap = {
		.ring = r->id, .cause = damaged ? VT_LOST_DAMAGED : VT_LOST_OVERWRITTEN,
		.pos_begin = pos_begin, .pos_end = r->cursor.position,
		.t_before = r->cursor.last,
		.t_after = header->ticks > r->cursor.last ? header->ticks : r->cursor.last,
	};
	r->damaged = false;
	if (vt_splitter_lost(&r->cursor, header, gap.events) == 0)
		return 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		r->lost[c] += gap.events[c];
	return sink->gap(sink->user, &gap);
}

static uint64_t events_before(const struct vt_ring_cursor *cursor)
{
	uint64_t n = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		n += cursor->counted[c] - cursor->base[c];
	return n;
}

/* One chunk, or one gap. */
static int drain_once(struct vt_drain_ring *r, uint64_t until, struct vt_splitter *splitter,
                      struct vt_ring_view *view, const struct vt_drain_sink *sink)
{
	uint64_t before = r->cursor.position;
	vt_splitter_reset(splitter);
	uint32_t room, length = copy_stretch(r, splitter, until);
	if (length == 0)
		return 0;

	uint64_t begin = r->cursor.position, first = events_before(&r->cursor);
	const uint64_t *copied = vt_splitter_room(splitter, &room);
	enum vt_split_end end = vt_splitter_take(splitter, &r->cursor, r->segment_size, length,
	                                         vt_ring_view_layout, view);
	if (end == VT_SPLIT_MISFIT) {
		/* No record here: what is left of this segment is lost, and the next header says how much. */
		r->damaged = true;
		jump(r, (r->cursor.position / r->segment_size + 1) * r->segment_size);
	}
	uint64_t at = r->cursor.position;
	int err = give_events(r, splitter, begin, first, sink);
	if (!err && end == VT_SPLIT_LOST)
		err = give_gap(r, (const struct vt_segment *)(const void *)(copied + (at - begin) / 8),
		               before, sink);
	return err;
}

int64_t vt_drain(struct vt_drain_ring *r, uint64_t until, uint64_t budget, struct vt_splitter *splitter,
                 struct vt_ring_view *view, const struct vt_drain_sink *sink)
{
	uint64_t start = r->cursor.position;

	while (r->cursor.position < until && r->cursor.position - start < budget) {
		struct vt_drain_ring saved = *r;
		int err = drain_once(r, until, splitter, view, sink);
		if (err < 0) {
			*r = saved;
			return err;
		}
		if (r->cursor.position == saved.cursor.position && !memcmp(&saved, r, sizeof(saved)))
			break;          /* a record that `until` cuts: cannot be, but must not spin */
	}
	return (int64_t)(r->cursor.position - start);
}
