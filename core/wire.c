/*
 * wire.c - the fixed structures of format.h. One list of fields a structure serves both directions;
 * each field goes to the offset that the struct has, which format.h asserts to be the file's.
 */
#include "core/wire.h"

#include <valktrace/error.h>

#include "core/crc32c.h"

#define FILE_HEADER_FIELDS(F) \
	F(16, major) F(16, minor) F(32, length) F(32, incompat) F(32, compat) F(64, run) \
	F(32, part) F(32, pid) F(64, realtime) F(64, monotonic) F(64, ticks) F(64, tick_hz) \
	F(32, crc)
#define CHUNK_HEADER_FIELDS(F) \
	F(64, run) F(16, length) F(16, type) F(8, codec) F(8, flags) F(16, sections) F(32, stored) \
	F(32, raw) F(64, sequence) F(32, ring) F(32, process) F(64, pos_begin) F(64, pos_end) \
	F(64, first) F(32, events) F(64, t_min) F(64, t_max) F(64, categories) F(32, crc_stored) \
	F(32, crc_raw) F(32, crc_table) F(32, crc)
#define SECTION_ENTRY_FIELDS(F) \
	F(8, category) F(8, codec) F(16, types) F(32, stored) F(32, frame) F(32, raw) \
	F(32, events) F(64, t_min) F(64, t_max) F(64, first) F(32, crc_stored) F(32, crc_raw)
#define FILE_TAIL_FIELDS(F) \
	F(64, run) F(64, footer) F(64, length) F(64, chunks) F(64, events) F(32, crc)

#define GET_8(p)     (*(p))
#define GET_16       vt_le16
#define GET_32       vt_le32
#define GET_64       vt_le64
#define PUT_8(p, v)  (*(p) = (v))
#define PUT_16       vt_put_le16
#define PUT_32       vt_put_le32
#define PUT_64       vt_put_le64

#define GET_FIELD(bits, name) s->name = GET_##bits(from + offsetof(STRUCT, name));
#define PUT_FIELD(bits, name) PUT_##bits(to + offsetof(STRUCT, name), s->name);

static uint32_t pad8(uint32_t length)
{
	return (length + 7u) & ~7u;
}

/* A run of ticks that strictly increase from t_min to t_max has at most that many. */
static bool ticks_fit(uint64_t t_min, uint64_t t_max, uint32_t events)
{
	return t_min <= t_max && (events == 0 || t_max - t_min >= events - 1u);
}

/* ---- file header --------------------------------------------------------------------------- */

#define STRUCT struct vt_file_header

void vt_file_header_encode(struct vt_file_header *s, uint8_t to[VT_FILE_HEADER])
{
	memcpy(s->magic, VT_FILE_MAGIC, sizeof(s->magic));
	memset(s->zero, 0, sizeof(s->zero));
	s->major = VT_FORMAT_MAJOR;
	s->minor = VT_FORMAT_MINOR;
	s->length = VT_FILE_HEADER;

	memset(to, 0, VT_FILE_HEADER);
	memcpy(to, s->magic, sizeof(s->magic));
	FILE_HEADER_FIELDS(PUT_FIELD)
	s->crc = vt_crc32c(0, to, offsetof(STRUCT, crc));
	PUT_32(to + offsetof(STRUCT, crc), s->crc);
}

int vt_file_header_decode(struct vt_file_header *s, const uint8_t from[VT_FILE_HEADER])
{
	memcpy(s->magic, from, sizeof(s->magic));
	memset(s->zero, 0, sizeof(s->zero));
	FILE_HEADER_FIELDS(GET_FIELD)
	if (memcmp(s->magic, VT_FILE_MAGIC, sizeof(s->magic)) != 0)
		return -VT_E_NOT_A_LOG;
	if (s->crc != vt_crc32c(0, from, offsetof(STRUCT, crc)))
		return -VT_E_DAMAGED;
	if (s->major != VT_FORMAT_MAJOR)
		return -VT_E_VERSION;
	if (s->incompat != 0)
		return -VT_E_INCOMPAT;
	if (s->length < VT_FILE_HEADER || s->length > VT_MAX_FILE_HEADER || s->length % 8 != 0)
		return -VT_E_LIMIT;
	return 0;
}

#undef STRUCT

/* ---- chunk header -------------------------------------------------------------------------- */

#define STRUCT struct vt_chunk_header

void vt_chunk_header_encode(struct vt_chunk_header *s, uint8_t to[VT_CHUNK_HEADER])
{
	memcpy(s->mark, VT_CHUNK_MARK, sizeof(s->mark));
	s->length = VT_CHUNK_HEADER;
	s->zero0 = s->zero1 = s->zero2 = 0;

	memset(to, 0, VT_CHUNK_HEADER);
	memcpy(to, s->mark, sizeof(s->mark));
	CHUNK_HEADER_FIELDS(PUT_FIELD)
	s->crc = vt_crc32c(0, to, offsetof(STRUCT, crc));
	PUT_32(to + offsetof(STRUCT, crc), s->crc);
}

static int check_events_header(const struct vt_chunk_header *s)
{
	if (s->sections < 1 || s->sections > VT_MAX_SECTIONS)
		return -VT_E_LIMIT;
	if (s->stored < s->sections * VT_SECTION_ENTRY || s->stored % 8 != 0)
		return -VT_E_LIMIT;
	if (s->events < s->sections || s->events > VT_MAX_EVENTS)
		return -VT_E_LIMIT;
	if (s->ring >= VT_MAX_RINGS || s->process >= VT_MAX_PROCESSES)
		return -VT_E_LIMIT;
	if (s->codec != VT_CODEC_NONE || s->pos_begin > s->pos_end)
		return -VT_E_DAMAGED;
	return ticks_fit(s->t_min, s->t_max, s->events) ? 0 : -VT_E_DAMAGED;
}

/* What is unknown is only skipped by its length; the limits of that hold for every type. */
static int check_header(const struct vt_chunk_header *s)
{
	if (s->stored > VT_MAX_STORED || s->raw > VT_MAX_RAW)
		return -VT_E_LIMIT;
	if (s->type == VT_CHUNK_EVENTS)
		return check_events_header(s);
	if (s->process >= VT_MAX_PROCESSES && s->process != VT_NO_PROCESS)
		return -VT_E_LIMIT;
	if (s->sections != 0 || (s->codec == VT_CODEC_NONE && s->stored != s->raw))
		return -VT_E_DAMAGED;
	return 0;
}

int vt_chunk_header_decode(struct vt_chunk_header *s, const uint8_t *from, size_t available)
{
	if (available < VT_CHUNK_HEADER)
		return -VT_E_SHORT;
	memcpy(s->mark, from, sizeof(s->mark));
	s->zero0 = s->zero1 = s->zero2 = 0;
	CHUNK_HEADER_FIELDS(GET_FIELD)
	if (memcmp(s->mark, VT_CHUNK_MARK, sizeof(s->mark)) != 0)
		return -VT_E_NOT_A_LOG;
	if (s->length < VT_CHUNK_HEADER || s->length > VT_MAX_CHUNK_HEADER || s->length % 8 != 0)
		return -VT_E_LIMIT;
	if (available < s->length)
		return -VT_E_SHORT;

	uint32_t crc = vt_crc32c(0, from, offsetof(STRUCT, crc));
	crc = vt_crc32c(crc, from + VT_CHUNK_HEADER, s->length - VT_CHUNK_HEADER);
	return crc == s->crc ? check_header(s) : -VT_E_DAMAGED;
}

#undef STRUCT

uint32_t vt_chunk_total(const struct vt_chunk_header *h)
{
	return h->length + pad8(h->stored) + VT_CHUNK_TRAILER;
}

void vt_chunk_trailer_encode(const struct vt_chunk_header *h, uint8_t to[VT_CHUNK_TRAILER])
{
	PUT_32(to + offsetof(struct vt_chunk_trailer, total), vt_chunk_total(h));
	PUT_32(to + offsetof(struct vt_chunk_trailer, crc), h->crc);
	memcpy(to + offsetof(struct vt_chunk_trailer, mark), VT_TRAILER_MARK, 8);
}

int vt_chunk_trailer_check(const struct vt_chunk_header *h, const uint8_t from[VT_CHUNK_TRAILER])
{
	uint8_t expected[VT_CHUNK_TRAILER];

	vt_chunk_trailer_encode(h, expected);
	return memcmp(from, expected, sizeof(expected)) == 0 ? 0 : -VT_E_DAMAGED;
}

/* ---- section table ------------------------------------------------------------------------- */

#define STRUCT struct vt_section_entry

void vt_section_entry_encode(const struct vt_section_entry *s, uint8_t to[VT_SECTION_ENTRY])
{
	memset(to, 0, VT_SECTION_ENTRY);
	SECTION_ENTRY_FIELDS(PUT_FIELD)
}

int vt_section_entry_decode(struct vt_section_entry *s, const uint8_t from[VT_SECTION_ENTRY])
{
	s->zero0 = 0;
	s->zero1 = 0;
	SECTION_ENTRY_FIELDS(GET_FIELD)
	if (s->category >= VT_MAX_CATEGORIES || s->types < 1 || s->types > VT_MAX_TYPES)
		return -VT_E_LIMIT;
	if (s->stored > VT_MAX_STORED || s->raw < 1 || s->raw > VT_MAX_RAW)
		return -VT_E_LIMIT;
	if (s->events < 1 || s->events > VT_MAX_EVENTS)
		return -VT_E_LIMIT;
	if (s->frame < 1 || s->frame > s->stored || s->raw > (uint64_t)s->stored * VT_MAX_EXPANSION)
		return -VT_E_LIMIT;
	if (s->codec == VT_CODEC_NONE && s->frame != s->raw)
		return -VT_E_DAMAGED;
	return ticks_fit(s->t_min, s->t_max, s->events) ? 0 : -VT_E_DAMAGED;
}

#undef STRUCT

int vt_section_table_check(const struct vt_section_entry *table, const struct vt_chunk_header *h)
{
	uint64_t stored = (uint64_t)h->sections * VT_SECTION_ENTRY, raw = 0, events = 0;
	uint64_t categories = 0, t_min = UINT64_MAX, t_max = 0;

	for (unsigned i = 0; i < h->sections; i++) {
		const struct vt_section_entry *e = &table[i];

		if (i > 0 && e->category <= table[i - 1].category)
			return -VT_E_DAMAGED;
		stored += pad8(e->stored);
		raw += e->raw;
		events += e->events;
		categories |= (uint64_t)1 << e->category;
		t_min = e->t_min < t_min ? e->t_min : t_min;
		t_max = e->t_max > t_max ? e->t_max : t_max;
	}
	if (stored != h->stored || raw != h->raw || events != h->events)
		return -VT_E_DAMAGED;
	if (categories != h->categories || t_min != h->t_min || t_max != h->t_max)
		return -VT_E_DAMAGED;
	return 0;
}

/* ---- file tail ----------------------------------------------------------------------------- */

#define STRUCT struct vt_file_tail

void vt_file_tail_encode(struct vt_file_tail *s, uint8_t to[VT_FILE_TAIL])
{
	memcpy(s->magic, VT_TAIL_MAGIC, sizeof(s->magic));
	memset(s->zero, 0, sizeof(s->zero));

	memset(to, 0, VT_FILE_TAIL);
	memcpy(to, s->magic, sizeof(s->magic));
	FILE_TAIL_FIELDS(PUT_FIELD)
	s->crc = vt_crc32c(0, to, offsetof(STRUCT, crc));
	PUT_32(to + offsetof(STRUCT, crc), s->crc);
}

int vt_file_tail_decode(struct vt_file_tail *s, const uint8_t from[VT_FILE_TAIL])
{
	memcpy(s->magic, from, sizeof(s->magic));
	memset(s->zero, 0, sizeof(s->zero));
	FILE_TAIL_FIELDS(GET_FIELD)
	if (memcmp(s->magic, VT_TAIL_MAGIC, sizeof(s->magic)) != 0)
		return -VT_E_NOT_A_LOG;
	if (s->crc != vt_crc32c(0, from, offsetof(STRUCT, crc)))
		return -VT_E_DAMAGED;
	if (s->length < VT_FILE_HEADER + VT_FILE_TAIL || s->length % 8 != 0)
		return -VT_E_LIMIT;
	if (s->footer < VT_FILE_HEADER || s->footer > s->length - VT_FILE_TAIL)
		return -VT_E_LIMIT;
	return s->footer % 8 == 0 ? 0 : -VT_E_LIMIT;
}

#undef STRUCT
