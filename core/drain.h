/*
 * drain.h - from a ring to chunks: copy, check the horizon, split, hand on. The recorder runs it on live
 * rings, the recoverer on dead ones; nothing else reads records.
 */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include "core/ring_view.h"
#include "core/split.h"

/* Who gets the chunks. Each returns 0, or an error that ends the drain with nothing taken. */
struct vt_drain_sink {
	int (*events)(void *user, struct vt_chunk_header *h,
	              const struct vt_split_section *sections, unsigned count);
	int (*gap)(void *user, const struct vt_rec_gap *gap);
	void *user;
};

/* One ring being read. */
struct vt_drain_ring {
	struct vt_ring *ring;
	const char *segments;           /* where the reader sees the first segment */
	uint32_t segment_size, most_segments;
	struct vt_ring_cursor cursor;
	uint32_t id, process;
	uint8_t flags;                  /* enum vt_chunk_flags, for its chunks */
	bool discard;                   /* the ring's mode */
	bool damaged;                   /* a misfit was met: the next gap is damage, not overwriting */
	uint64_t lost[VT_MAX_CATEGORIES];       /* by gaps so far: overwritten and damaged */
};

/* Starts at the base that the ring's owner stored: everything before belongs to another one. */
void vt_drain_begin(struct vt_drain_ring *r, struct vt_ring *ring, const char *segments,
                    uint32_t segment_size, uint32_t most_segments,
                    uint64_t position, const uint64_t counted[VT_MAX_CATEGORIES]);

/* What a log already holds of a ring: to go on where its last chunk ended. */
struct vt_resume {
	uint32_t slot, generation;      /* find the ring in its ring file */
	bool is_signal;
	uint32_t ring;                  /* its id in the log */
	uint64_t position, last;        /* end of its last chunk; ticks of its last event */
	uint64_t counted[VT_MAX_CATEGORIES];    /* events of its chunks and what was lost between them */
};
void vt_drain_resume(struct vt_drain_ring *r, const struct vt_resume *from);

/*
 * Drains up to position `until` (a value of commit), but not much more than `budget` bytes. Returns the
 * bytes passed, or the sink's error, after which the ring stands where it stood at its last chunk.
 */
int64_t vt_drain(struct vt_drain_ring *r, uint64_t until, uint64_t budget, struct vt_splitter *splitter,
                 struct vt_ring_view *view, const struct vt_drain_sink *sink);

#endif
