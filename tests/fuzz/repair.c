/* repair.c - the checksums of a log, computed anew. */
#include <string.h>

#include <valktrace/format.h>

#include "core/bytes.h"
#include "core/codec.h"
#include "core/crc32c.h"
#include "tests/fuzz/fuzz.h"

#define AT(type, member) (offsetof(struct type, member))

/* Of what comes out when it is decompressed, if it can be; else of the stored bytes. */
static uint32_t raw_crc(uint8_t codec, const uint8_t *from, size_t frame, size_t raw)
{
	const struct vt_codec *c = vt_codec_by_id(codec);
	uint32_t crc = vt_crc32c(0, from, frame);

	if (codec == VT_CODEC_NONE || !c || raw > VT_MAX_RAW)
		return crc;
	uint8_t *to = malloc(raw + 1);
	void *state = c->open_decoder ? c->open_decoder() : NULL;
	if (to && c->decompress(state, to, raw, from, frame) == 0)
		crc = vt_crc32c(0, to, raw);
	if (state)
		c->close_decoder(state);
	free(to);
	return crc;
}

static void repair_sections(uint8_t *chunk, uint8_t *payload, size_t stored)
{
	uint16_t sections = vt_le16(chunk + AT(vt_chunk_header, sections));
	size_t table = (size_t)sections * VT_SECTION_ENTRY, at = table;
	if (sections > VT_MAX_SECTIONS || table > stored)
		return;
	for (unsigned i = 0; i < sections; i++) {
		uint8_t *e = payload + (size_t)i * VT_SECTION_ENTRY;
		size_t length = vt_le32(e + AT(vt_section_entry, stored));
		size_t frame = vt_le32(e + AT(vt_section_entry, frame));
		if (length > stored - at || frame > length)
			break;
		vt_put_le32(e + AT(vt_section_entry, crc_stored), vt_crc32c(0, payload + at, length));
		vt_put_le32(e + AT(vt_section_entry, crc_raw),
		       raw_crc(e[1], payload + at, frame, vt_le32(e + AT(vt_section_entry, raw))));
		at += (length + 7) / 8 * 8;
		if (at > stored)
			break;
	}
	vt_put_le32(chunk + AT(vt_chunk_header, crc_table), vt_crc32c(0, payload, table));
}

/* A chunk whose mark is here. */
static void repair_chunk(uint8_t *chunk, size_t left)
{
	uint16_t length = vt_le16(chunk + AT(vt_chunk_header, length));
	uint16_t type = vt_le16(chunk + AT(vt_chunk_header, type));
	size_t stored = vt_le32(chunk + AT(vt_chunk_header, stored));
	if (length < VT_CHUNK_HEADER || length > left || stored > left - length)
		return;
	uint8_t *payload = chunk + length;
	if (type == VT_CHUNK_EVENTS) {
		repair_sections(chunk, payload, stored);
	} else {
		vt_put_le32(chunk + AT(vt_chunk_header, crc_stored), vt_crc32c(0, payload, stored));
		vt_put_le32(chunk + AT(vt_chunk_header, crc_raw), raw_crc(chunk[AT(vt_chunk_header, codec)], payload,
		       stored, vt_le32(chunk + AT(vt_chunk_header, raw))));
	}
	uint32_t crc = vt_crc32c(0, chunk, AT(vt_chunk_header, crc));
	crc = vt_crc32c(crc, chunk + VT_CHUNK_HEADER, length - VT_CHUNK_HEADER);
	vt_put_le32(chunk + AT(vt_chunk_header, crc), crc);
	size_t trailer = length + (stored + 7) / 8 * 8;
	if (trailer <= left && left - trailer >= VT_CHUNK_TRAILER)
		vt_put_le32(chunk + trailer + AT(vt_chunk_trailer, crc), crc);
}

void fuzz_repair_log(uint8_t *data, size_t size)
{
	if (size >= VT_FILE_HEADER)
		vt_put_le32(data + AT(vt_file_header, crc), vt_crc32c(0, data, AT(vt_file_header, crc)));
	for (size_t at = 0; at + VT_CHUNK_HEADER <= size; at++)
		if (memcmp(data + at, VT_CHUNK_MARK, 8) == 0)
			repair_chunk(data + at, size - at);
	uint8_t *tail = size >= VT_FILE_TAIL ? data + size - VT_FILE_TAIL : NULL;
	if (tail && memcmp(tail, VT_TAIL_MAGIC, 8) == 0)
		vt_put_le32(tail + AT(vt_file_tail, crc), vt_crc32c(0, tail, AT(vt_file_tail, crc)));
}
