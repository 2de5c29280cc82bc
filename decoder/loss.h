/*
 * loss.h - what is missing: how many events of which ring and category, when, and why.
 *
 * Three sources are brought together. Each section says how many events of its category were committed
 * before it, so the difference to the section before is exactly what is missing between them: a hole.
 * GAP records say why. TOTALS records are the producer's own counts, and end the last hole. Holes are
 * the authority: a GAP explains at most what is missing, and what no GAP explains becomes a gap of its
 * own. So committed = decoded + lost holds for each ring and category.
 */
#ifndef DECODER_LOSS_H
#define DECODER_LOSS_H

#include "decoder/catalog.h"

struct vt_hole {
	struct vt_break at;
	uint64_t events;
	uint32_t ring;
	uint8_t category, cause;        /* the cause of what no GAP record explains */
};

struct vt_gap_count {
	uint64_t events;
	uint8_t category;
};

struct vt_gap_entry {
	struct vt_break at;
	uint32_t ring, process;
	uint32_t first_count;           /* into counts */
	uint16_t cause;
	uint8_t count;
};

struct vt_loss {
	struct vt_hole *holes;
	struct vt_gap_entry *gaps;      /* after vt_loss_finish: sorted by time, process, ring */
	struct vt_gap_count *counts;
	size_t hole_count, hole_capacity, gap_count, gap_capacity, count_count, count_capacity;
	bool overflow;                  /* more gaps than are kept: they are counted, not delivered */
};

struct vt_loss_section {                /* what vt_loss_section has to know */
	uint8_t category;
	uint32_t events;
	uint64_t first, pos_begin, pos_end, t_min, t_max, chunk_t_min;
	uint64_t damage;                /* notes of damage so far */
};

/* An undamaged chunk of a ring, before its sections. */
void vt_loss_chunk(struct vt_log_ring *ring, uint64_t pos_begin, uint64_t t_min);

/* Returns how many events at the section's start were seen before; they are to be left out. */
uint32_t vt_loss_section(struct vt_loss *l, struct vt_log_ring *ring, const struct vt_loss_section *s);

/* One record of a LOSS chunk of `process`. 0 or the note code of what is wrong. */
int vt_loss_record(struct vt_loss *l, struct vt_catalog *c, uint32_t process, uint16_t kind,
                   struct vt_in body);

/* Brings all together; `start` and `last` are the run's ticks. */
void vt_loss_finish(struct vt_loss *l, struct vt_catalog *c, uint64_t start, uint64_t last,
                    uint64_t damage);

void vt_loss_free(struct vt_loss *l);

#endif
