/*
 * fakering.h - a ring in plain memory, written as ring.h says but not by the code in core/: any position
 * to begin at, any ticks, any damage. It remembers what it wrote, to compare with what comes out.
 */
#ifndef TESTS_FAKERING_H
#define TESTS_FAKERING_H

#include "core/drain.h"

#define FAKE_MOST 60000u

struct fake_event {
	uint64_t ticks, position;
	uint16_t id;
	uint8_t fields;
	uint64_t values[VT_MAX_FIELDS];
	uint32_t text;                  /* length; its bytes follow from the first value */
};

struct fake_ring {
	struct vt_ring ring;
	char *segments;
	uint64_t begin;                 /* the first position; a multiple of the segment size */
	struct vt_ring_view view;       /* knows the types */
	struct fake_event *events;
	uint32_t count;
	uint32_t longest_text;          /* of random events */
	uint64_t random, now;           /* now: ticks of random events, which rise */
};

void fake_open(struct fake_ring *f, uint32_t segment_size, uint32_t segments, uint64_t begin);
void fake_close(struct fake_ring *f);

/* Appends an event at `ticks`. Its TEXT field's value is the length of the text. */
void fake_emit(struct fake_ring *f, unsigned id, const uint64_t *values, uint64_t ticks);

/* Appends `count` random events of all built-in types and of those that the view learned, all widths. */
void fake_random(struct fake_ring *f, uint32_t count);

/* Registers a type with these kinds; `id` in a host category. */
void fake_type(struct fake_ring *f, unsigned id, const uint8_t *kinds, unsigned count);

/* A byte of the text of the event whose first field that is no text has this value. */
static inline char fake_letter(uint64_t value, uint32_t at)
{
	return (char)('a' + (value + at * 7) % 26);
}

/* The segment that begins at `position`, while it is in the ring. */
static inline char *fake_segment(const struct fake_ring *f, uint64_t position)
{
	return f->segments + position / f->ring.segment_size % f->ring.segment_count *
	                     f->ring.segment_size;
}

/* A drain from the beginning of the ring, with the ring's id 1. */
void fake_drain(struct fake_ring *f, struct vt_drain_ring *r);

#endif
