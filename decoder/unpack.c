/* unpack.c - see unpack.h. */
#include "decoder/unpack.h"

#include <errno.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/crc32c.h"
#include "decoder/notes.h"

static int room(struct vt_unpacker *u, size_t size)
{
	if (size <= u->capacity)
		return 0;
	uint8_t *grown = realloc(u->stored, size);
	if (!grown)
		return -ENOMEM;
	u->stored = grown;
	u->capacity = size;
	return 0;
}

static int decompress(struct vt_unpacker *u, const struct vt_packed *p, uint8_t *to)
{
	const struct vt_codec *codec = vt_codec_by_id(p->codec);

	if (!codec || codec->id >= VT_UNPACK_CODECS)
		return NOTE_E_CODEC;
	if (codec->open_decoder && !u->states[codec->id]) {
		u->states[codec->id] = codec->open_decoder();
		if (!u->states[codec->id])
			return -ENOMEM;
	}
	if (codec->decompress(u->states[codec->id], to, p->raw, u->stored, p->frame) != 0)
		return NOTE_E_DECODE;
	return 0;
}

int vt_unpack(struct vt_unpacker *u, const struct vt_feed *feed, const struct vt_packed *p,
              uint8_t *to)
{
	if (p->stored > VT_MAX_STORED || p->raw > VT_MAX_RAW || p->frame > p->stored)
		return NOTE_E_LIMIT;
	if (p->stored < p->raw / VT_MAX_EXPANSION)
		return NOTE_E_BOMB;
	int err = room(u, p->stored);
	if (err < 0)
		return err;
	if (vt_feed_read(feed, p->offset, u->stored, p->stored) < 0)
		return NOTE_E_READ;
	if (vt_crc32c(0, u->stored, p->stored) != p->crc_stored)
		return NOTE_E_PAYLOAD;
	err = decompress(u, p, to);
	if (err != 0)
		return err;
	return vt_crc32c(0, to, p->raw) == p->crc_raw ? 0 : NOTE_E_DECODE;
}

void vt_unpacker_free(struct vt_unpacker *u)
{
	for (uint8_t id = 0; id < VT_UNPACK_CODECS; id++)
		if (u->states[id])
			vt_codec_by_id(id)->close_decoder(u->states[id]);
	free(u->stored);
	*u = (struct vt_unpacker){ 0 };
}
