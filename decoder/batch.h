/* batch.h - sections as they are, column by column: the fast way to count. */
#ifndef DECODER_BATCH_H
#define DECODER_BATCH_H

#include <stdatomic.h>

#include "decoder/filter.h"
#include "decoder/section.h"

struct vt_batch_buffer {                /* a decoded column, kept until the next batch */
	uint64_t *values;
	unsigned type, field;
};

/* Which sections a walk takes. */
enum vt_batches_take {
	VT_TAKE_ALL,
	VT_TAKE_CLAIMED,                /* those that no other lane has: see lanes.h */
	VT_TAKE_LEFT,                   /* those that lanes left, because of VT_FOUND_STRANGE */
};

struct vt_batches {
	struct vt_log *log;
	const struct vt_selection *selection;
	enum vt_batches_take take;
	atomic_size_t *claim;           /* VT_TAKE_CLAIMED: the next section, of all lanes */
	struct vt_unpacker *unpacker;   /* VT_TAKE_CLAIMED: the lane's own */
	size_t next_section;
	struct vt_opened opened;
	bool open;
	struct vt_batch batch;
	uint32_t counts[VT_MAX_TYPES];
	struct vt_batch_buffer *columns;
	size_t column_count, column_capacity, column_bytes;
	uint64_t *ticks, *times;
	uint8_t *types;
	struct vt_clock clock;
};

void vt_batches_start(struct vt_batches *b, struct vt_log *log, const struct vt_selection *s);

/*
 * 1: b->batch is the next one; 0: the end; -ENOMEM. Where sections are claimed, what is wrong with one is only
 * written down in its `found`: lanes change nothing that they share.
 */
int vt_batches_next(struct vt_batches *b);

const uint64_t *vt_batches_column(struct vt_batches *b, unsigned type, unsigned field);
const uint64_t *vt_batches_ticks(struct vt_batches *b);
const uint64_t *vt_batches_times(struct vt_batches *b);
const uint8_t *vt_batches_types(struct vt_batches *b);

void vt_batches_stop(struct vt_batches *b);

#endif
