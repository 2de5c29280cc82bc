/* batch.h - sections as they are, column by column: the fast way to count. */
#ifndef DECODER_BATCH_H
#define DECODER_BATCH_H

#include "decoder/filter.h"
#include "decoder/section.h"

struct vt_batch_buffer {                /* a decoded column, kept until the next batch */
	uint64_t *values;
	unsigned type, field;
};

struct vt_batches {
	struct vt_log *log;
	const struct vt_selection *selection;
	size_t next_section;
	struct vt_opened opened;
	bool open;
	struct vt_batch batch;
	uint32_t counts[VT_MAX_TYPES];
	struct vt_batch_buffer *columns;
	size_t column_count, column_capacity, column_bytes;
	uint64_t *ticks;
	uint8_t *types;
};

void vt_batches_start(struct vt_batches *b, struct vt_log *log, const struct vt_selection *s);

/* 1: b->batch is the next one; 0: the end; -ENOMEM. */
int vt_batches_next(struct vt_batches *b);

const uint64_t *vt_batches_column(struct vt_batches *b, unsigned type, unsigned field);
const uint64_t *vt_batches_ticks(struct vt_batches *b);
const uint8_t *vt_batches_types(struct vt_batches *b);

void vt_batches_stop(struct vt_batches *b);

#endif
