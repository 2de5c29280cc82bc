/*
 * heads.h - what stands around the start of each chunk: the trailer of the one before, the header, and as much
 * of the section table as usual ones have. One read a chunk; for large files another thread reads ahead.
 *
 * Reading ahead only guesses: it follows the lengths in the headers. A scan that finds damage goes another
 * way, and reads for itself what was not read ahead.
 */
#ifndef DECODER_HEADS_H
#define DECODER_HEADS_H

#include <valktrace/format.h>

#include "decoder/feed.h"

#define VT_HEAD_BYTES (VT_CHUNK_TRAILER + VT_CHUNK_HEADER + 5 * VT_SECTION_ENTRY)

/* bytes[VT_CHUNK_TRAILER] is at `at`. */
struct vt_head {
	uint64_t at;
	size_t have;                    /* from `at` on */
	uint8_t bytes[VT_HEAD_BYTES];
};

/* Reads the head at `at` of chunks that end at `end`. 0, or an error of vt_feed_read. */
int vt_head_read(const struct vt_feed *feed, uint64_t at, uint64_t end, struct vt_head *head);

struct vt_heads;

/* Begins to read ahead, from the chunk at `at` on. NULL: that cannot be had. */
struct vt_heads *vt_heads_begin(const struct vt_feed *feed, uint64_t at, uint64_t end);

/* The head at `at`, if it was read ahead; places must rise from call to call. */
bool vt_heads_take(struct vt_heads *h, uint64_t at, struct vt_head *head);

/* Ends the thread. NULL: nothing to do. */
void vt_heads_end(struct vt_heads *h);

#endif
