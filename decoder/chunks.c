/* chunks.c - see chunks.h. */
#include "decoder/chunks.h"

#include <errno.h>
#include <stdlib.h>

#include "core/crc32c.h"
#include "core/wire.h"

#define MAX_CHUNKS      (1u << 24)
#define MAX_SECTIONS    (1u << 26)
#define MAX_COUNTERS    (1u << 20)

void vt_chunk_damaged(struct vt_log *log, int code, uint32_t feed, uint64_t offset, uint64_t bytes,
                      const char *what)
{
	log->run.damaged_bytes += bytes;
	vt_notes_add(&log->notes, (enum vt_note_code)code, log->feeds[feed].name, offset,
	             "%s: skipped %llu bytes", what, (unsigned long long)bytes);
}

int vt_chunk_payload(struct vt_log *log, uint32_t feed, uint64_t offset,
                     const struct vt_chunk_header *h)
{
	struct vt_packed packed = {
		.offset = offset + h->length, .stored = h->stored, .frame = h->stored, .raw = h->raw,
		.crc_stored = h->crc_stored, .crc_raw = h->crc_raw, .codec = h->codec,
	};

	if (h->raw > log->payload_capacity && h->raw <= VT_MAX_RAW) {
		uint8_t *grown = realloc(log->payload, h->raw);
		if (!grown)
			return -ENOMEM;
		log->payload = grown;
		log->payload_capacity = h->raw;
	}
	return h->raw == 0 ? 0 : vt_unpack(&log->unpacker, &log->feeds[feed], &packed, log->payload);
}

static int take_anchor(struct vt_log *log, struct vt_in body)
{
	struct vt_rec_anchor r;

	if (!vt_rec_anchor_decode(body, &r))
		return NOTE_E_RECORD;
	return vt_timeline_add(&log->timeline, r.ticks, r.monotonic) < 0 ? NOTE_E_LIMIT : 0;
}

static int take_counters(struct vt_log *log, uint32_t feed, uint64_t offset, uint32_t record,
                         const struct vt_chunk_header *h, struct vt_in body)
{
	struct vt_counter_sample sample;

	if (!vt_rec_counters_decode(body, &sample))
		return NOTE_E_RECORD;
	struct vt_log_process *p = vt_catalog_process(&log->catalog, sample.process);
	if (!p || !vt_array_grow(&log->counters, &log->counter_capacity, log->counter_count,
	                         sizeof *log->counters, MAX_COUNTERS))
		return NOTE_E_LIMIT;
	log->counters[log->counter_count++] = (struct vt_counter_ref){
		.ticks = sample.ticks, .sequence = sample.sequence, .offset = offset,
		.feed = feed, .process = sample.process, .record = record,
	};
	if (sample.ticks > log->run.last)
		log->run.last = sample.ticks;
	/* The times of a recovered one are made of tick_hz: nobody was there to read the clocks. */
	if (!(h->flags & VT_CHUNK_RECOVERED) &&
	    vt_timeline_add(&log->timeline, sample.ticks, sample.monotonic) < 0)
		return NOTE_E_LIMIT;
	return 0;
}

static int take_record(struct vt_log *log, uint32_t feed, uint64_t offset, uint32_t number,
                       const struct vt_chunk_header *h, uint16_t kind, struct vt_in body)
{
	switch (h->type) {
	case VT_CHUNK_COUNTERS:
		return kind == VT_REC_COUNTERS ? take_counters(log, feed, offset, number, h, body) :
		       kind == VT_REC_CALLS ? vt_catalog_calls(&log->catalog, body) :
		       kind == VT_REC_ANCHOR ? take_anchor(log, body) : 0;
	case VT_CHUNK_LOSS:
		return vt_loss_record(&log->loss, &log->catalog, h->process, kind, body);
	default:
		return vt_catalog_record(&log->catalog, h->type, h->process, kind, body);
	}
}

/* One note a chunk and kind of trouble, however many records have it. */
static int take_records(struct vt_log *log, uint32_t feed, uint64_t offset,
                        const struct vt_chunk_header *h)
{
	unsigned bad = 0, beyond = 0;
	uint32_t number = 0;
	uint16_t kind;
	struct vt_in body;

	int err = vt_chunk_payload(log, feed, offset, h);
	if (err < 0)
		return err;
	if (err > 0) {
		vt_chunk_damaged(log, err, feed, offset, h->stored, "a chunk without events");
		return 0;
	}
	struct vt_in in = vt_in_of(log->payload, h->raw);
	for (; vt_record_next(&in, &kind, &body); number++) {
		err = take_record(log, feed, offset, number, h, kind, body);
		bad += err == NOTE_E_RECORD;
		beyond += err == NOTE_E_LIMIT;
	}
	if (in.bad)
		bad++;
	if (bad > 0)
		vt_notes_add(&log->notes, NOTE_E_RECORD, log->feeds[feed].name, offset,
		             "%u records of a chunk of type %u", bad, h->type);
	if (beyond > 0)
		vt_notes_add(&log->notes, NOTE_E_LIMIT, log->feeds[feed].name, offset,
		             "%u records of a chunk of type %u are left out", beyond, h->type);
	return 0;
}

/* The checked section table, or the note code. */
static int read_table(struct vt_log *log, uint32_t feed, uint64_t offset,
                      const struct vt_chunk_header *h, const uint8_t *bytes, size_t have,
                      struct vt_section_entry *table)
{
	uint8_t buffer[VT_MAX_SECTIONS * VT_SECTION_ENTRY];
	size_t size = (size_t)h->sections * VT_SECTION_ENTRY;
	const uint8_t *from = buffer;

	if (h->length + size <= have)
		from = bytes + h->length;
	else if (vt_feed_read(&log->feeds[feed], offset + h->length, buffer, size) < 0)
		return NOTE_E_READ;
	if (vt_crc32c(0, from, size) != h->crc_table)
		return NOTE_E_TABLE;
	for (unsigned i = 0; i < h->sections; i++)
		if (vt_section_entry_decode(&table[i], from + (size_t)i * VT_SECTION_ENTRY) < 0)
			return NOTE_E_TABLE;
	return vt_section_table_check(table, h) < 0 ? NOTE_E_TABLE : 0;
}

static int add_section(struct vt_log *log, struct vt_log_ring *ring,
                       const struct vt_chunk_header *h, const struct vt_section_entry *e,
                       uint8_t index, uint32_t *skipped)
{
	struct vt_loss_section place = {
		.category = e->category, .events = e->events, .first = e->first,
		.pos_begin = h->pos_begin, .pos_end = h->pos_end,
		.t_min = e->t_min, .t_max = e->t_max, .chunk_t_min = h->t_min,
		.damage = log->notes.damage,
	};

	if (!vt_array_grow(&log->sections, &log->section_capacity, log->section_count,
	                   sizeof *log->sections, MAX_SECTIONS))
		return -ENOMEM;
	uint32_t skip = vt_loss_section(&log->loss, ring, &place);
	if (!(h->flags & VT_CHUNK_RECOVERED))   /* what was read from a ring takes no bytes of the log */
		log->run.stored[e->category] += e->stored;
	*skipped += skip;
	if (skip == e->events)
		return 0;
	ring->info.decoded[e->category] += e->events - skip;
	log->sections[log->section_count++] = (struct vt_section_ref){
		.t_min = e->t_min, .t_max = e->t_max, .chunk = (uint32_t)log->chunk_count,
		.events = e->events, .skip = skip, .index = index, .category = e->category,
	};
	return 0;
}

static void widen(struct vt_log *log, struct vt_log_ring *ring, const struct vt_chunk_header *h)
{
	struct vt_ring_track *t = &ring->track;

	if (t->pos_high == 0 || h->t_min < ring->info.first)
		ring->info.first = h->t_min;
	if (h->t_max > ring->info.last)
		ring->info.last = h->t_max;
	t->pos_high = h->pos_end;
	t->t_high = h->t_max;
	if (h->t_max > log->run.last)
		log->run.last = h->t_max;
}

static int take_events(struct vt_log *log, uint32_t feed, uint64_t offset,
                       const struct vt_chunk_header *h, const uint8_t *bytes, size_t have)
{
	struct vt_section_entry table[VT_MAX_SECTIONS];
	uint32_t skipped = 0;

	int err = read_table(log, feed, offset, h, bytes, have, table);
	if (err > 0) {
		vt_chunk_damaged(log, err, feed, offset, h->stored, "a chunk of events");
		return 0;
	}
	struct vt_log_ring *ring = vt_catalog_ring(&log->catalog, h->ring, h->process);
	if (!ring || h->pos_end == h->pos_begin || ring->info.process->index != h->process) {
		vt_chunk_damaged(log, ring ? NOTE_E_ORDER : NOTE_E_LIMIT, feed, offset, h->stored,
		                 "a chunk of events of an impossible ring");
		return 0;
	}
	if (h->pos_end <= ring->track.pos_high) {
		vt_notes_add(&log->notes, NOTE_N_SEEN, log->feeds[feed].name, offset,
		             "ring %u: positions %llu to %llu came before", h->ring,
		             (unsigned long long)h->pos_begin, (unsigned long long)h->pos_end);
		return 0;
	}
	if (!vt_array_grow(&log->chunks, &log->chunk_capacity, log->chunk_count, sizeof *log->chunks,
	                   MAX_CHUNKS))
		return -ENOMEM;
	vt_loss_chunk(ring, h->pos_begin, h->t_min);
	for (unsigned i = 0; i < h->sections; i++) {
		err = add_section(log, ring, h, &table[i], (uint8_t)i, &skipped);
		if (err < 0)
			return err;
	}
	widen(log, ring, h);
	if (h->flags & VT_CHUNK_RECOVERED)
		log->catalog.processes[h->process]->info.recovered = true;
	log->chunks[log->chunk_count++] = (struct vt_chunk_ref){
		.offset = offset, .feed = feed, .ring = h->ring, .length = h->length,
		.sections = h->sections,
	};
	if (skipped > 0)
		vt_notes_add(&log->notes, NOTE_N_SEEN, log->feeds[feed].name, offset,
		             "ring %u: %u events came before", h->ring, skipped);
	return 0;
}

int vt_chunk_take(struct vt_log *log, uint32_t feed, uint64_t offset,
                  const struct vt_chunk_header *h, const uint8_t *bytes, size_t have)
{
	switch (h->type) {
	case VT_CHUNK_EVENTS:
		return take_events(log, feed, offset, h, bytes, have);
	case VT_CHUNK_SCHEMA:
	case VT_CHUNK_STRINGS:
	case VT_CHUNK_PROCESS:
	case VT_CHUNK_THREADS:
	case VT_CHUNK_COUNTERS:
	case VT_CHUNK_LOSS:
	case VT_CHUNK_INDEX:    /* only its checksum: following the chain costs no more */
	case VT_CHUNK_FOOTER:
		return take_records(log, feed, offset, h);
	default:
		if (!(h->type & VT_CHUNK_ANCILLARY))
			vt_chunk_damaged(log, NOTE_E_CHUNK_TYPE, feed, offset, h->stored,
			                 "a chunk of a type that this version does not know");
		return 0;
	}
}
