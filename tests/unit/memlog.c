/* memlog.c - see memlog.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/columns.h"
#include "core/crc32c.h"
#include "core/process.h"
#include "tests/unit/memlog.h"

#define MOST_WORDS (VT_SPLIT_BYTES / 8)

static void wrong(struct memlog *log, const char *format, ...)
{
	va_list list;

	if (log->wrong++ >= 10)
		return;
	va_start(list, format);
	fprintf(stderr, "memlog: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
}

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct mem_ring *memlog_ring(struct memlog *log, uint32_t id)
{
	for (unsigned i = log->ring_count; i > 0; i--)
		if (log->rings[i - 1].id == id)
			return &log->rings[i - 1];
	log->rings = need(realloc(log->rings, (log->ring_count + 1) * sizeof(*log->rings)));
	struct mem_ring *r = &log->rings[log->ring_count++];
	memset(r, 0, sizeof(*r));
	r->id = id;
	return r;
}

/* ---- events ---------------------------------------------------------------------------------- */

static int text_column(void *user, unsigned id)
{
	struct memlog *log = user;
	const struct vt_layout *l = vt_ring_view_layout(log->view, id);
	return l && l->known ? l->text : VT_TEXT_UNKNOWN;
}

/* Where the values of one type of a section are while its events are given. */
struct cursor {
	const uint64_t *columns[VT_MAX_FIELDS];
	const char *text;
	uint32_t next, count;
};

static void read_columns(struct memlog *log, const struct vt_section *s, struct cursor *types)
{
	uint64_t *to = log->values;

	for (unsigned t = 0; t < s->types; t++) {
		const struct vt_section_type *type = &s->type[t];
		const struct vt_layout *l = vt_ring_view_layout(log->view, type->id);
		types[t].next = 0;
		types[t].count = type->columns;
		types[t].text = type->text >= 0 ? (const char *)s->raw + type->texts : NULL;
		for (unsigned f = 0; f < type->columns; f++) {
			uint64_t before = 0;
			vt_section_field(s, t, f, l->kinds[f], 0, type->events, &before, to);
			types[t].columns[f] = to;
			to += type->events;
		}
	}
}

static void give_events(struct memlog *log, struct mem_ring *ring, const struct vt_section *s,
                        unsigned category)
{
	static struct cursor types[VT_MAX_TYPES];
	uint64_t values[VT_MAX_FIELDS];

	read_columns(log, s, types);
	vt_section_types(s, 0, s->events, log->kinds);
	vt_section_ticks(s, 0, s->events, 0, log->ticks);
	for (uint32_t i = 0; i < s->events; i++) {
		struct cursor *c = &types[log->kinds[i]];
		const struct vt_section_type *type = &s->type[log->kinds[i]];
		for (unsigned f = 0; f < c->count; f++)
			values[f] = c->columns[f][c->next];
		c->next++;
		struct mem_event e = { ring->id, type->id, log->ticks[i], values, c->count, c->text };
		if (e.ticks <= ring->ticks[category])
			wrong(log, "ring %u: ticks of category %u do not rise", ring->id, category);
		ring->ticks[category] = e.ticks;
		if (log->each)
			log->each(log->user, ring, &e);
		if (c->text)
			c->text += values[type->text];
	}
}

static void read_section(struct memlog *log, struct mem_ring *ring, const struct vt_section_entry *e,
                         const uint8_t *stored)
{
	const struct vt_codec *codec = vt_codec_by_id(e->codec);
	void *state = codec->open_decoder ? codec->open_decoder() : NULL;
	struct vt_section s;

	int err = vt_crc32c(0, stored, e->stored) != e->crc_stored ||
	          codec->decompress(state, log->raw, e->raw, stored, e->frame) != 0 ||
	          vt_crc32c(0, log->raw, e->raw) != e->crc_raw;
	if (state)
		codec->close_decoder(state);
	if (err || vt_section_map(&s, log->raw, e->raw, e->events, e->types, e->t_min, e->t_max,
	                          text_column, log) != 0) {
		wrong(log, "ring %u: a section of category %u cannot be read", ring->id, e->category);
		return;
	}
	/* What is missing before it is what the gaps so far have told. */
	uint64_t before = ring->decoded[e->category];
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		before += ring->gaps[cause][e->category];
	/* The next header counts what was emitted, which is less than what was read then. */
	if (log->made_up && e->first < before)
		ring->decoded[e->category] -= before - e->first;
	else if (e->first != before && !log->made_up)
		wrong(log, "ring %u: category %u begins at %llu and not %llu", ring->id, e->category,
		      (unsigned long long)e->first, (unsigned long long)before);
	ring->decoded[e->category] += e->events;
	log->events += e->events;
	give_events(log, ring, &s, e->category);
	vt_section_free(&s);
}

static int on_events(void *user, struct vt_chunk_header *h, const struct vt_split_section *sections,
                     unsigned count)
{
	struct memlog *log = user;
	struct mem_ring *ring = memlog_ring(log, h->ring);
	struct vt_chunk_header got;
	struct vt_section_entry entry;

	int err = vt_chunk_events(&log->chunker, h, sections, count);
	if (err)
		return err;
	const uint8_t *bytes = log->chunker.bytes.data;
	if (vt_chunk_header_decode(&got, bytes, log->chunker.bytes.length) != 0 ||
	    vt_chunk_total(&got) != log->chunker.bytes.length) {
		wrong(log, "a chunk's header cannot be read");
		return 0;
	}
	if (got.pos_begin < ring->position || got.pos_end <= got.pos_begin)
		wrong(log, "ring %u: positions overlap", ring->id);
	ring->position = got.pos_end;
	const uint8_t *at = bytes + got.length + got.sections * VT_SECTION_ENTRY;
	for (unsigned i = 0; i < got.sections; i++) {
		if (vt_section_entry_decode(&entry, bytes + got.length + i * VT_SECTION_ENTRY) != 0) {
			wrong(log, "a section table cannot be read");
			return 0;
		}
		read_section(log, ring, &entry, at);
		at += (entry.stored + 7) & ~7u;
	}
	return 0;
}

/* ---- losses and threads ---------------------------------------------------------------------- */

static int on_gap(void *user, const struct vt_rec_gap *gap)
{
	struct memlog *log = user;
	struct mem_ring *ring = memlog_ring(log, gap->ring);

	if (gap->pos_end < gap->pos_begin || gap->t_after < gap->t_before)
		wrong(log, "ring %u: a gap that runs backwards", ring->id);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		ring->gaps[gap->cause][c] += gap->events[c];
	return 0;
}

static void take_totals(struct memlog *log, const struct vt_rec_totals *t)
{
	if (t->ring == VT_NO_RING) {
		memcpy(log->no_ring, t->lost[VT_LOST_NORING], sizeof(log->no_ring));
		return;
	}
	struct mem_ring *ring = memlog_ring(log, t->ring);
	if (ring->totals)
		wrong(log, "ring %u: totals twice", ring->id);
	ring->totals = true;
	memcpy(ring->committed, t->committed, sizeof(ring->committed));
	memcpy(ring->lost, t->lost, sizeof(ring->lost));
}

static void take_record(struct memlog *log, enum vt_chunk_type type, uint16_t kind, struct vt_in body)
{
	struct vt_rec_thread thread;
	struct vt_rec_totals totals;
	struct vt_rec_gap gap;

	if (type == VT_CHUNK_THREADS && kind == VT_REC_THREAD && vt_rec_thread_decode(body, &thread)) {
		struct mem_ring *ring = memlog_ring(log, thread.ring);
		ring->tid = thread.tid;
		ring->is_signal = thread.kind == 1;
	} else if (type == VT_CHUNK_LOSS && kind == VT_REC_GAP && vt_rec_gap_decode(body, &gap)) {
		on_gap(log, &gap);
	} else if (type == VT_CHUNK_LOSS && kind == VT_REC_TOTALS && vt_rec_totals_decode(body, &totals)) {
		take_totals(log, &totals);
	} else if (type == VT_CHUNK_LOSS || type == VT_CHUNK_THREADS) {
		wrong(log, "a record that cannot be read");
	}
}

static int on_records(void *user, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload)
{
	struct vt_in in = vt_in_of(payload->data, payload->length), body;
	uint16_t kind;

	(void)process;
	while (vt_record_next(&in, &kind, &body))
		take_record(user, type, kind, body);
	if (in.bad)
		wrong(user, "records that cannot be read");
	return 0;
}

static uint32_t new_ring(void *user)
{
	struct memlog *log = user;
	return memlog_ring(log, log->ring_count + 1)->id;
}

/* ---- open, round, close ---------------------------------------------------------------------- */

void memlog_open(struct memlog *log, struct vt_ring_view *view, const char *codec)
{
	memset(log, 0, sizeof(*log));
	log->view = view;
	log->splitter = need(vt_splitter_new());
	log->ticks = need(malloc(MOST_WORDS * sizeof(uint64_t)));
	log->values = need(malloc(MOST_WORDS * sizeof(uint64_t)));
	log->kinds = need(malloc(MOST_WORDS));
	log->raw = need(malloc(VT_MAX_RAW));
	if (vt_chunker_open(&log->chunker, vt_codec_by_name(codec ? codec : "none"), 0, 77) != 0)
		abort();
}

void memlog_close(struct memlog *log)
{
	if (log->process.slots)
		vt_follow_close(&log->process);
	vt_splitter_free(log->splitter);
	vt_chunker_close(&log->chunker);
	free(log->ticks);
	free(log->values);
	free(log->kinds);
	free(log->raw);
	free(log->rings);
}

struct vt_drain_sink memlog_sink(struct memlog *log)
{
	return (struct vt_drain_sink){ on_events, on_gap, log };
}

void memlog_follow(struct memlog *log, struct vt_ring_view *view)
{
	struct vt_ring_view own;

	memlog_open(log, NULL, NULL);
	if (!view) {
		vt_ring_view_borrow(&own, vt_process.file);
		view = &own;
	}
	if (vt_follow_open(&log->process, view, 0, VT_NO_PROCESS, 0) != 0)
		abort();
	log->view = &log->process.view;
}

int64_t memlog_round(struct memlog *log)
{
	struct vt_follow_out out = { on_records, on_events, new_ring, log };
	return vt_follow_round(&log->process, VT_ROUND_RAW, log->splitter, &out);
}

void memlog_finish(struct memlog *log)
{
	struct vt_follow_out out = { on_records, on_events, new_ring, log };
	int err = vt_follow_finish(&log->process, log->splitter, &out);
	if (err)
		wrong(log, "finish: %d", err);
	for (unsigned i = 0; i < vt_load_relaxed(&log->process.view.file->slots_used); i++) {
		const struct vt_followed_slot *s = &log->process.slots[i];
		log->corrections += s->main.cursor.corrections + s->signal.cursor.corrections;
	}
}

/* ---- sums ------------------------------------------------------------------------------------ */

uint64_t memlog_decoded(const struct memlog *log, uint32_t tid, unsigned category)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < log->ring_count; i++)
		if (tid == 0 || log->rings[i].tid == tid)
			sum += log->rings[i].decoded[category];
	return sum;
}

uint64_t memlog_lost(const struct memlog *log, uint32_t tid, unsigned category)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < log->ring_count; i++)
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			if (tid == 0 || log->rings[i].tid == tid)
				sum += log->rings[i].gaps[cause][category] + log->rings[i].lost[cause][category];
	return sum;
}

uint64_t memlog_lost_by(const struct memlog *log, uint32_t tid, enum vt_lost_cause cause)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < log->ring_count; i++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			if (tid == 0 || log->rings[i].tid == tid)
				sum += log->rings[i].gaps[cause][c] + log->rings[i].lost[cause][c];
	return sum;
}

unsigned memlog_unbalanced(const struct memlog *log)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < log->ring_count; i++) {
		const struct mem_ring *r = &log->rings[i];
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			uint64_t sum = r->decoded[c];
			for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
				sum += r->gaps[cause][c];
			if (!r->totals || sum != r->committed[c])
				fprintf(stderr, "ring %u (%u%s) category %u: %llu of %llu\n", r->id, r->tid,
				        r->is_signal ? ", signal" : "", c, (unsigned long long)sum,
				        (unsigned long long)r->committed[c]);
			bad += !r->totals || sum != r->committed[c];
		}
	}
	return bad;
}
