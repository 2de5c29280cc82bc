/*
 * chunk.h - whole chunks in memory: from column sections, or from records. The log appends them to a
 * file; the recoverer hands them to the reader without one.
 */
#ifndef CORE_CHUNK_H
#define CORE_CHUNK_H

#include "core/bytes.h"
#include "core/codec.h"
#include "core/split.h"
#include "core/wire.h"

struct vt_chunker {
	const struct vt_codec *codec;
	void *codec_state;
	/* Under pressure size is traded for time: sections are then compressed by lz4 instead of zstd. */
	bool hurry;
	void *hurry_state;
	bool tuned;                     /* codec_state is at the level that suits columns alone */
	uint64_t run;
	struct vt_out bytes;            /* the chunk that was made last */
};

/* 0 or -ENOMEM. `level` 0: the codec's default. */
int vt_chunker_open(struct vt_chunker *c, const struct vt_codec *codec, int level, uint64_t run);
void vt_chunker_close(struct vt_chunker *c);

/*
 * An EVENTS chunk into c->bytes. Of `h` the caller fills in sequence, ring, process, positions, first and
 * flags; the rest is filled in here. 0 or a negative error.
 */
int vt_chunk_events(struct vt_chunker *c, struct vt_chunk_header *h,
                    const struct vt_split_section *sections, unsigned count);

/* A chunk of records. Of `h` the caller fills in type, sequence and process. -VT_E_LIMIT: too long. */
int vt_chunk_records(struct vt_chunker *c, struct vt_chunk_header *h, const void *payload, size_t length);

#endif
