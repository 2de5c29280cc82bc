/* logmaker.c - see logmaker.h. */
#include "tests/unit/logmaker.h"

#include "core/codec.h"
#include "core/crc32c.h"

#define MAX_EVENTS  4096u

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* ---- columns -------------------------------------------------------------------------------- */

/* Eight bits at a time, and a last plane of 1, 2, 4 or 8. */
static uint8_t width_of(uint64_t largest)
{
	unsigned whole = 0;

	while (whole < 64 && largest >> whole > 0xff)
		whole += 8;
	uint64_t top = whole < 64 ? largest >> whole : 0;
	return (uint8_t)(whole + (top == 0 ? 0 : top < 2 ? 1 : top < 4 ? 2 : top < 16 ? 4 : 8));
}

uint8_t lm_column(struct vt_out *to, const uint64_t *values, size_t count)
{
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all |= values[i];
	uint8_t width = width_of(all);
	unsigned planes = width / 8u, rest = width % 8u;
	for (unsigned plane = 0; plane < planes; plane++)
		for (size_t i = 0; i < count; i++)
			vt_out_u8(to, (uint8_t)(values[i] >> 8 * plane));
	unsigned per_byte = rest > 0 ? 8u / rest : 0;
	for (size_t i = 0; rest > 0 && i < count; i += per_byte) {
		unsigned byte = 0;
		for (size_t k = 0; k < per_byte && i + k < count; k++)
			byte |= (unsigned)(values[i + k] >> 8 * planes) << k * rest;
		vt_out_u8(to, (uint8_t)byte);
	}
	return width;
}

static uint64_t zigzag(uint64_t v)
{
	return v << 1 ^ (v >> 63 ? ~(uint64_t)0 : 0);
}

struct packer {
	struct vt_out widths, shifts, columns, texts;
	uint64_t values[MAX_EVENTS];
};

/* Every other column leaves out the zero bits that all its values share below. */
static void column(struct packer *p, size_t count)
{
	unsigned shift = 0;

	if (p->shifts.length % 2 == 0) {
		uint64_t all = 0;
		for (size_t i = 0; i < count; i++)
			all |= p->values[i];
		while (all > 0 && (all >> shift & 1) == 0)
			shift++;
	}
	for (size_t i = 0; i < count; i++)
		p->values[i] >>= shift;
	/* The column of type indexes, the first, has no shift: 0 is among its values, 1 too or it is empty. */
	vt_out_u8(&p->shifts, (uint8_t)shift);
	vt_out_u8(&p->widths, lm_column(&p->columns, p->values, count));
}

/* All events of one type: its fields, one column each. */
static void type_columns(struct packer *p, uint16_t id, const struct lm_event *events, size_t count)
{
	const struct vt_event_desc *d = vt_schema_event(vt_schema_builtin(), id);
	unsigned fields = d ? d->count : 2;

	for (unsigned f = 0; f < fields; f++) {
		uint64_t before = 0;
		size_t n = 0;
		for (size_t i = 0; i < count; i++) {
			if (events[i].id != id)
				continue;
			uint64_t v = f < LM_VALUES ? events[i].values[f] : 0;
			unsigned kind = d ? d->fields[f].kind : VT_KIND_UINT;
			if (kind == VT_KIND_GAUGE) {
				p->values[n++] = zigzag(v - before);
				before = v;
			} else if (kind == VT_KIND_INT) {
				p->values[n++] = zigzag(v);
			} else if (kind == VT_KIND_TEXT) {
				size_t length = strlen(events[i].text);
				p->values[n++] = length;
				vt_out_bytes(&p->texts, events[i].text, length);
			} else {
				p->values[n++] = v;
			}
		}
		column(p, n);
	}
}

void lm_section(struct vt_out *to, const struct lm_event *events, size_t count, uint16_t *types)
{
	static struct packer p;
	uint16_t ids[VT_MAX_TYPES];
	uint32_t counts[VT_MAX_TYPES] = { 0 };
	uint16_t n = 0;

	must(count <= MAX_EVENTS);
	memset(&p, 0, sizeof p);
	for (size_t i = 0; i < count; i++) {
		uint16_t type = 0;
		while (type < n && ids[type] != events[i].id)
			type++;
		if (type == n)
			ids[n++] = events[i].id;
		counts[type]++;
		p.values[i] = type;
	}
	column(&p, count);
	for (size_t i = 0; i < count; i++)
		p.values[i] = i == 0 ? 0 : events[i].ticks - events[i - 1].ticks - 1;
	column(&p, count);
	for (uint16_t t = 0; t < n; t++) {
		const struct vt_event_desc *d = vt_schema_event(vt_schema_builtin(), ids[t]);
		vt_out_u16(to, ids[t]);
		vt_out_u16(to, d ? d->count : 2);
		vt_out_u32(to, counts[t]);
		type_columns(&p, ids[t], events, count);
	}
	vt_out_bytes(&p.widths, p.shifts.data, p.shifts.length);
	vt_out_pad8(&p.widths);
	vt_out_bytes(to, p.widths.data, p.widths.length);
	vt_out_bytes(to, p.columns.data, p.columns.length);
	vt_out_bytes(to, p.texts.data, p.texts.length);
	vt_out_free(&p.widths);
	vt_out_free(&p.shifts);
	vt_out_free(&p.columns);
	vt_out_free(&p.texts);
	*types = n;
}

/* ---- chunks --------------------------------------------------------------------------------- */

static size_t compress(uint8_t codec_id, const struct vt_out *from, struct vt_out *to)
{
	const struct vt_codec *codec = vt_codec_by_id(codec_id);
	void *state = codec->open ? codec->open(codec->level_default) : NULL;
	size_t bound = codec->bound(from->length);
	uint32_t piece = (uint32_t)from->length;
	uint8_t *room = vt_out_room(to, bound);

	must(room != NULL);
	size_t length = codec->compress(state, room, bound, from->data, &piece, 1);
	must(length > 0);
	to->length += length;
	if (codec->close && state)
		codec->close(state);
	return length;
}

static void put_chunk(struct lm *lm, struct vt_chunk_header *h, const struct vt_out *payload)
{
	uint8_t header[VT_CHUNK_HEADER], trailer[VT_CHUNK_TRAILER];

	h->run = lm->run;
	h->sequence = lm->sequence++;
	h->stored = (uint32_t)payload->length;
	lm->chunk_at = lm->out.length;
	lm->chunks++;
	vt_chunk_header_encode(h, header);
	vt_chunk_trailer_encode(h, trailer);
	vt_out_bytes(&lm->out, header, sizeof header);
	vt_out_bytes(&lm->out, payload->data, payload->length);
	vt_out_pad8(&lm->out);
	vt_out_bytes(&lm->out, trailer, sizeof trailer);
	must(!lm->out.failed);
}

void lm_chunk(struct lm *lm, uint16_t type, uint32_t process, struct vt_out *records)
{
	struct vt_out payload = { 0 };
	struct vt_chunk_header h = { .type = type, .codec = lm->codec, .process = process,
	                             .raw = (uint32_t)records->length };

	compress(lm->codec, records, &payload);
	h.crc_stored = vt_crc32c(0, payload.data, payload.length);
	h.crc_raw = vt_crc32c(0, records->data, records->length);
	put_chunk(lm, &h, &payload);
	vt_out_free(&payload);
	vt_out_free(records);
}

static void put_section(struct lm *lm, struct vt_out *table, struct vt_out *sections, uint32_t ring,
                        const struct lm_event *events, size_t count)
{
	struct vt_out raw = { 0 }, stored = { 0 };
	uint8_t category = (uint8_t)(events[0].id >> 8), entry[VT_SECTION_ENTRY];
	struct vt_section_entry e = {
		.category = category, .codec = lm->codec, .events = (uint32_t)count,
		.t_min = events[0].ticks, .t_max = events[count - 1].ticks,
		.first = lm->first[ring][category],
	};

	lm_section(&raw, events, count, &e.types);
	e.raw = (uint32_t)raw.length;
	e.frame = (uint32_t)compress(lm->codec, &raw, &stored);
	while (stored.length < raw.length / VT_MAX_EXPANSION + 1)
		vt_out_u8(&stored, 0);
	e.stored = (uint32_t)stored.length;
	e.crc_stored = vt_crc32c(0, stored.data, stored.length) ^ lm->torn;
	e.crc_raw = vt_crc32c(0, raw.data, raw.length);
	vt_section_entry_encode(&e, entry);
	vt_out_bytes(table, entry, sizeof entry);
	vt_out_bytes(sections, stored.data, stored.length);
	vt_out_pad8(sections);
	lm->first[ring][category] += count;
	vt_out_free(&raw);
	vt_out_free(&stored);
}

void lm_events(struct lm *lm, uint32_t ring, uint32_t process, const struct lm_event *events,
               size_t count)
{
	static struct lm_event some[MAX_EVENTS];
	struct vt_out table = { 0 }, sections = { 0 };
	struct vt_chunk_header h = {
		.type = VT_CHUNK_EVENTS, .ring = ring, .process = process, .events = (uint32_t)count,
		.pos_begin = lm->pos[ring], .t_min = events[0].ticks, .t_max = events[count - 1].ticks,
	};

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		size_t n = 0;
		for (size_t i = 0; i < count; i++)
			if (events[i].id >> 8 == c)
				some[n++] = events[i];
		if (n == 0)
			continue;
		h.first += lm->first[ring][c];
		h.categories |= (uint64_t)1 << c;
		h.sections++;
		put_section(lm, &table, &sections, ring, some, n);
	}
	h.raw = 0;
	for (unsigned i = 0; i < h.sections; i++)
		h.raw += vt_le32(table.data + i * VT_SECTION_ENTRY + 12);
	h.crc_table = vt_crc32c(0, table.data, table.length);
	lm->pos[ring] += 8 * count;
	h.pos_end = lm->pos[ring];
	lm->events += count;
	vt_out_bytes(&table, sections.data, sections.length);
	put_chunk(lm, &h, &table);
	lm->torn = false;
	vt_out_free(&table);
	vt_out_free(&sections);
}

/* ---- records -------------------------------------------------------------------------------- */

static struct vt_span span(const char *text)
{
	return (struct vt_span){ text, strlen(text) };
}

void lm_begin(struct lm *lm, uint32_t part)
{
	uint8_t bytes[VT_FILE_HEADER];
	struct vt_file_header h = {
		.run = LM_RUN, .part = part, .pid = 1, .realtime = 1700000000000000000u,
		.monotonic = LM_MONOTONIC, .ticks = LM_START + (part - 1) * 1000, .tick_hz = LM_HZ,
	};

	h.monotonic += (part - 1) * 1000;
	lm->run = LM_RUN;
	lm->sequence = lm->chunks = lm->events = 0;
	vt_file_header_encode(&h, bytes);
	vt_out_bytes(&lm->out, bytes, sizeof bytes);
}

void lm_end(struct lm *lm)
{
	uint8_t bytes[VT_FILE_TAIL];
	struct vt_file_tail t = {
		.run = lm->run, .footer = lm->chunk_at, .length = lm->out.length + VT_FILE_TAIL,
		.chunks = lm->chunks, .events = lm->events,
	};

	vt_file_tail_encode(&t, bytes);
	vt_out_bytes(&lm->out, bytes, sizeof bytes);
}

void lm_free(struct lm *lm)
{
	vt_out_free(&lm->out);
}

void lm_schema(struct lm *lm)
{
	struct vt_out records = { 0 };

	vt_schema_encode(&records, vt_schema_builtin());
	lm_chunk(lm, VT_CHUNK_SCHEMA, VT_NO_PROCESS, &records);
}

void lm_process(struct lm *lm, uint32_t index, uint32_t pid, const char *program)
{
	struct vt_out records = { 0 };
	struct vt_rec_process p = { .index = index, .parent = VT_NO_PROCESS, .pid = pid,
	                            .program = span(program) };
	struct vt_rec_fact f = { .index = index, .class_flag = VT_FIELD_PUBLIC,
	                         .key = span("version"), .value = span("1.0") };

	vt_rec_process_encode(&records, &p);
	vt_rec_fact_encode(&records, &f);
	lm_chunk(lm, VT_CHUNK_PROCESS, index, &records);
}

void lm_process_ended(struct lm *lm, uint32_t index, uint32_t pid, const char *program, uint32_t ending,
                      uint32_t status)
{
	struct vt_out records = { 0 };
	struct vt_rec_process p = { .index = index, .parent = VT_NO_PROCESS, .pid = pid,
	                            .program = span(program), .ending = ending, .status = status };

	vt_rec_process_encode(&records, &p);
	lm_chunk(lm, VT_CHUNK_PROCESS, index, &records);
}

void lm_thread(struct lm *lm, uint32_t ring, uint32_t process, uint32_t tid, const char *name)
{
	struct vt_out records = { 0 };
	struct vt_rec_thread t = { .ring = ring, .process = process, .tid = tid, .name = span(name) };

	vt_rec_thread_encode(&records, &t);
	lm_chunk(lm, VT_CHUNK_THREADS, process, &records);
}

void lm_lisp(struct lm *lm)
{
	lm_begin(lm, 1);
	lm_schema(lm);
	lm_process(lm, 0, 100, "lisp");
	lm_thread(lm, 0, 0, 100, "main");
}

void lm_string(struct lm *lm, uint32_t process, uint32_t id, const char *text)
{
	struct vt_out records = { 0 };
	struct vt_rec_string s = { .id = id, .flags = VT_FIELD_PUBLIC, .bytes = span(text) };

	vt_rec_string_encode(&records, &s);
	lm_chunk(lm, VT_CHUNK_STRINGS, process, &records);
}

void lm_anchor(struct lm *lm, uint64_t ticks, uint64_t monotonic)
{
	struct vt_out records = { 0 };
	struct vt_rec_anchor a = { ticks, monotonic, monotonic };

	vt_rec_anchor_encode(&records, &a);
	lm_chunk(lm, VT_CHUNK_COUNTERS, VT_NO_PROCESS, &records);
}

void lm_lose(struct lm *lm, uint32_t ring, uint8_t category, uint64_t events)
{
	lm->pos[ring] += 8 * events;
	lm->first[ring][category] += events;
}

void lm_gap(struct lm *lm, uint32_t ring, uint32_t process, uint16_t cause, uint8_t category,
            uint64_t events, uint64_t t_before, uint64_t t_after)
{
	struct vt_out records = { 0 };
	struct vt_rec_gap g = { .ring = ring, .cause = cause, .pos_begin = lm->pos[ring],
	                        .t_before = t_before, .t_after = t_after };

	lm_lose(lm, ring, category, events);
	g.pos_end = lm->pos[ring];
	g.events[category] = events;
	vt_rec_gap_encode(&records, &g);
	lm_chunk(lm, VT_CHUNK_LOSS, process, &records);
}

void lm_totals(struct lm *lm, uint32_t ring, uint32_t process, uint64_t discarded)
{
	struct vt_out records = { 0 };
	struct vt_rec_totals t = { .ring = ring };

	memcpy(t.committed, lm->first[ring], sizeof t.committed);
	t.lost[VT_LOST_DISCARDED][VT_CAT_gc] = discarded;
	vt_rec_totals_encode(&records, &t);
	lm_chunk(lm, VT_CHUNK_LOSS, process, &records);
}
