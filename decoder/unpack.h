/* unpack.h - stored bytes to checked, decompressed bytes: the only place where codecs run. */
#ifndef DECODER_UNPACK_H
#define DECODER_UNPACK_H

#include <valktrace/format.h>

#include "decoder/feed.h"

#define VT_UNPACK_CODECS 8u

struct vt_unpacker {
	void *states[VT_UNPACK_CODECS]; /* by codec id */
	uint8_t *stored;                /* one buffer of VT_MAX_STORED at most */
	size_t capacity;
};

struct vt_packed {
	uint64_t offset;                /* in the input */
	uint32_t stored, frame, raw, crc_stored, crc_raw;
	uint8_t codec;
};

/*
 * Reads and decompresses into `to`, which has p->raw bytes. 0, the enum vt_note_code of the damage, or
 * -ENOMEM.
 */
int vt_unpack(struct vt_unpacker *u, const struct vt_feed *feed, const struct vt_packed *p,
              uint8_t *to);

void vt_unpacker_free(struct vt_unpacker *u);

#endif
