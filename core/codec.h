/* codec.h - compression as a vtable: one file and one line in vt_codecs[] a codec. */
#ifndef CORE_CODEC_H
#define CORE_CODEC_H

#include <stddef.h>
#include <stdint.h>

struct vt_codec {
	const char *name;
	uint8_t id;                                 /* enum vt_codec_id */
	int level_min, level_max, level_default;
	size_t (*bound)(size_t length);             /* worst compressed size */

	/* A compression state, reused for many blocks; NULL: no memory. NULL member: needs none. */
	void *(*open)(int level);
	void (*close)(void *state);

	/*
	 * Compresses the pieces of one block into `to`, which has bound(total) bytes. A codec with an entropy
	 * stage starts new statistics at each piece. Returns the length, 0 on failure.
	 */
	size_t (*compress)(void *state, uint8_t *to, size_t capacity,
	                   const uint8_t *from, const uint32_t *pieces, unsigned count);

	/* A decompression state, as above, and its use: 0 if exactly `raw` bytes came out, else -1. */
	void *(*open_decoder)(void);
	void (*close_decoder)(void *state);
	int (*decompress)(void *state, uint8_t *to, size_t raw, const uint8_t *from, size_t length);
};

extern const struct vt_codec vt_codec_none, vt_codec_lz4, vt_codec_zstd;

/* By wire id or by name; NULL: unknown. */
const struct vt_codec *vt_codec_by_id(uint8_t id);
const struct vt_codec *vt_codec_by_name(const char *name);

#endif
