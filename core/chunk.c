/* chunk.c - header, section table, compressed sections, trailer. */
#include <errno.h>

#include <valktrace/error.h>

#include "core/chunk.h"
#include "core/crc32c.h"

/*
 * zstd's level 1 is tuned for the columns of events, where short matches are no gain. Records are text, mostly:
 * at this level the schema takes 9 KiB, at that one 22. Its state is 340 KiB, and long ones are rare: it is made
 * for each.
 */
#define RECORDS_LEVEL   3
#define LONG_RECORDS    (8u << 10)

int vt_chunker_open(struct vt_chunker *c, const struct vt_codec *codec, int level, uint64_t run)
{
	*c = (struct vt_chunker){ .codec = codec, .run = run };
	level = level ? level : codec->level_default;
	c->tuned = codec->id == VT_CODEC_ZSTD && level == codec->level_default;
	if (codec->open && !(c->codec_state = codec->open(level)))
		return -ENOMEM;
	if (codec->id == VT_CODEC_ZSTD && !(c->hurry_state = vt_codec_lz4.open(1))) {
		vt_chunker_close(c);
		return -ENOMEM;
	}
	return 0;
}

void vt_chunker_close(struct vt_chunker *c)
{
	if (c->codec_state)
		c->codec->close(c->codec_state);
	if (c->hurry_state)
		vt_codec_lz4.close(c->hurry_state);
	vt_out_free(&c->bytes);
}

/*
 * Compresses behind c->bytes, by the state `normally` unless in a hurry; falls back to plain bytes when that is
 * not longer. Returns the length.
 */
static uint32_t compress_block(struct vt_chunker *c, void *normally, const uint8_t *raw, uint32_t length,
                               const uint32_t *pieces, unsigned count, uint8_t *codec)
{
	bool hurry = c->hurry && c->hurry_state;
	const struct vt_codec *used = hurry ? &vt_codec_lz4 : c->codec;
	size_t room = used->bound(length);
	uint8_t *to = vt_out_room(&c->bytes, room > length ? room : length);

	if (!to)
		return 0;
	*codec = used->id;
	size_t n = used->compress(hurry ? c->hurry_state : normally, to, room, raw, pieces, count);
	if (n == 0 || n >= length) {
		memcpy(to, raw, length);
		*codec = VT_CODEC_NONE;
		n = length;
	}
	c->bytes.length += n;
	return (uint32_t)n;
}

static void add_zeros(struct vt_out *out, size_t length)
{
	uint8_t *to = vt_out_room(out, length);
	if (to) {
		memset(to, 0, length);
		out->length += length;
	}
}

static int finish(struct vt_chunker *c, struct vt_chunk_header *h)
{
	uint8_t trailer[VT_CHUNK_TRAILER];

	h->stored = (uint32_t)(c->bytes.length - VT_CHUNK_HEADER);
	vt_out_pad8(&c->bytes);
	if (c->bytes.failed) {
		c->bytes.failed = false;
		return -ENOMEM;
	}
	if (h->stored > VT_MAX_STORED || h->raw > VT_MAX_RAW)
		return -VT_E_LIMIT;
	if (h->type != VT_CHUNK_EVENTS)
		h->crc_stored = vt_crc32c(0, c->bytes.data + VT_CHUNK_HEADER, h->stored);
	vt_chunk_header_encode(h, c->bytes.data);
	vt_chunk_trailer_encode(h, trailer);
	vt_out_bytes(&c->bytes, trailer, sizeof(trailer));
	return c->bytes.failed ? -ENOMEM : 0;
}

static void add_section(struct vt_chunker *c, const struct vt_split_section *s,
                        struct vt_section_entry *e)
{
	size_t start = c->bytes.length;

	*e = (struct vt_section_entry){
		.category = s->category, .types = s->types, .raw = s->raw_length, .events = s->events,
		.t_min = s->t_min, .t_max = s->t_max, .first = s->first,
	};
	e->frame = compress_block(c, c->codec_state, s->raw, s->raw_length, s->pieces, s->piece_count, &e->codec);
	e->stored = e->frame;
	uint32_t least = (s->raw_length + VT_MAX_EXPANSION - 1) / VT_MAX_EXPANSION;
	if (e->stored < least) {
		add_zeros(&c->bytes, least - e->stored);
		e->stored = least;
	}
	if (c->bytes.failed)
		return;
	e->crc_stored = vt_crc32c(0, c->bytes.data + start, e->stored);
	e->crc_raw = vt_crc32c(0, s->raw, s->raw_length);
	vt_out_pad8(&c->bytes);
}

int vt_chunk_events(struct vt_chunker *c, struct vt_chunk_header *h,
                    const struct vt_split_section *sections, unsigned count)
{
	struct vt_section_entry entry;
	const size_t table = VT_CHUNK_HEADER;

	h->type = VT_CHUNK_EVENTS;
	h->run = c->run;
	h->sections = (uint16_t)count;
	h->t_min = UINT64_MAX;
	c->bytes.length = 0;
	add_zeros(&c->bytes, table + (size_t)count * VT_SECTION_ENTRY);
	for (unsigned i = 0; i < count; i++) {
		const struct vt_split_section *s = &sections[i];
		add_section(c, s, &entry);
		if (c->bytes.failed)
			break;
		vt_section_entry_encode(&entry, c->bytes.data + table + (size_t)i * VT_SECTION_ENTRY);
		h->raw += s->raw_length;
		h->events += s->events;
		h->categories |= 1ull << s->category;
		h->t_min = s->t_min < h->t_min ? s->t_min : h->t_min;
		h->t_max = s->t_max > h->t_max ? s->t_max : h->t_max;
	}
	if (!c->bytes.failed)
		h->crc_table = vt_crc32c(0, c->bytes.data + table, (size_t)count * VT_SECTION_ENTRY);
	return finish(c, h);
}

int vt_chunk_records(struct vt_chunker *c, struct vt_chunk_header *h, const void *payload, size_t length)
{
	if (length > VT_MAX_RAW)
		return -VT_E_LIMIT;
	uint32_t piece = (uint32_t)length;
	h->run = c->run;
	h->raw = piece;
	h->crc_raw = vt_crc32c(0, payload, length);
	c->bytes.length = 0;
	add_zeros(&c->bytes, VT_CHUNK_HEADER);
	void *state = c->tuned && length >= LONG_RECORDS ? c->codec->open(RECORDS_LEVEL) : NULL;
	compress_block(c, state ? state : c->codec_state, payload, piece, &piece, 1, &h->codec);
	if (state)
		c->codec->close(state);
	return finish(c, h);
}
