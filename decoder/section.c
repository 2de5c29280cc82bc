/* section.c - see section.h. */
#include "decoder/section.h"

#include <errno.h>
#include <stdlib.h>

#include <valktrace/error.h>

#include "core/wire.h"
#include "decoder/chunks.h"

void vt_section_give_up(struct vt_log *log, struct vt_section_ref *ref, int code)
{
	const struct vt_chunk_ref *chunk = &log->chunks[ref->chunk];
	struct vt_log_ring *ring = vt_catalog_find_ring(&log->catalog, chunk->ring);
	uint32_t events = ref->events - ref->skip;

	if (ref->bad)
		return;
	ref->bad = true;
	ring->info.decoded[ref->category] -= events;
	ring->info.lost[VT_LOST_DAMAGED][ref->category] += events;
	log->run.decoded[ref->category] -= events;
	log->run.lost[VT_LOST_DAMAGED][ref->category] += events;
	log->run.damaged = true;
	vt_notes_add(&log->notes, (enum vt_note_code)code, log->feeds[chunk->feed].name,
	             chunk->offset, "ring %u, section %u: skipped %u events", chunk->ring,
	             ref->index, events);
}

struct schemas {
	const struct vt_schema *schema;
	uint8_t category;
};

static int text_column(void *user, unsigned id)
{
	const struct schemas *s = user;
	const struct vt_event_desc *d = vt_schema_event(s->schema, id);

	return !d || d->category != s->category ? VT_TEXT_UNKNOWN : d->text;
}

static int read_entry(const struct vt_log *log, const struct vt_section_ref *ref,
                      struct vt_section_entry *table, uint64_t *offset)
{
	const struct vt_chunk_ref *chunk = &log->chunks[ref->chunk];
	uint8_t bytes[VT_MAX_SECTIONS * VT_SECTION_ENTRY];
	size_t count = ref->index + 1u;

	/* The entries before this one say where its bytes are. */
	*offset = chunk->offset + chunk->length;
	if (vt_feed_read(&log->feeds[chunk->feed], *offset, bytes, count * VT_SECTION_ENTRY) < 0)
		return NOTE_E_READ;
	*offset += (uint64_t)chunk->sections * VT_SECTION_ENTRY;
	for (size_t i = 0; i < count; i++) {
		if (vt_section_entry_decode(table, bytes + i * VT_SECTION_ENTRY) < 0)
			return NOTE_E_TABLE;
		if (i + 1 < count)
			*offset += (table->stored + 7u) & ~7u;
	}
	/* The file may have changed since the scan. */
	if (table->category != ref->category || table->events != ref->events ||
	    table->t_min != ref->t_min || table->t_max != ref->t_max)
		return NOTE_E_TABLE;
	return 0;
}

static int describe(struct vt_opened *o, const struct vt_log *log, const struct vt_section_ref *ref)
{
	const struct vt_schema *schema = o->ring->info.process->schema;

	o->desc = calloc(o->map.types, sizeof *o->desc);
	if (!o->desc)
		return -ENOMEM;
	for (uint32_t i = 0; i < o->map.types; i++) {
		const struct vt_section_type *t = &o->map.type[i];
		if (t->id >> 8 != ref->category)
			return NOTE_E_COLUMNS;
		o->desc[i] = vt_catalog_find_event(&log->catalog, schema, ref->category, t->id, t->columns);
		o->strange |= !o->desc[i];
	}
	return 0;
}

static int describe_strangers(struct vt_opened *o, struct vt_log *log, const struct vt_section_ref *ref)
{
	for (uint32_t i = 0; i < o->map.types; i++) {
		const struct vt_section_type *t = &o->map.type[i];
		if (!o->desc[i])
			o->desc[i] = vt_catalog_add_event(&log->catalog, ref->category, t->id, t->columns);
		if (!o->desc[i])
			return NOTE_E_LIMIT;
	}
	o->strange = false;
	return 0;
}

static int load(struct vt_opened *o, const struct vt_log *log, struct vt_unpacker *unpacker,
                const struct vt_section_ref *ref)
{
	const struct vt_chunk_ref *chunk = &log->chunks[ref->chunk];
	struct schemas schemas = { o->ring->info.process->schema, ref->category };
	struct vt_section_entry e;
	struct vt_packed packed;

	int err = read_entry(log, ref, &e, &packed.offset);
	if (err != 0)
		return err;
	packed.stored = e.stored;
	packed.frame = e.frame;
	packed.raw = e.raw;
	packed.crc_stored = e.crc_stored;
	packed.crc_raw = e.crc_raw;
	packed.codec = e.codec;
	o->raw = malloc(e.raw);
	if (!o->raw)
		return -ENOMEM;
	err = vt_unpack(unpacker, &log->feeds[chunk->feed], &packed, o->raw);
	if (err != 0)
		return err;
	err = vt_section_map(&o->map, o->raw, e.raw, e.events, e.types, e.t_min, e.t_max,
	                     text_column, &schemas);
	if (err < 0)
		return err == -ENOMEM ? err : NOTE_E_COLUMNS;
	o->bytes = e.raw + o->map.columns * 16u + e.types * 64u;
	return describe(o, log, ref);
}

int vt_opened_read(struct vt_opened *o, const struct vt_log *log, struct vt_unpacker *unpacker,
                   const struct vt_section_ref *ref)
{
	*o = (struct vt_opened){ .ring = vt_catalog_find_ring(&log->catalog, log->chunks[ref->chunk].ring) };
	int err = load(o, log, unpacker, ref);
	if (err != 0)
		vt_opened_free(o);
	return err;
}

int vt_opened_load(struct vt_opened *o, struct vt_log *log, struct vt_section_ref *ref)
{
	if (ref->bad) {
		*o = (struct vt_opened){ 0 };
		return -VT_E_DAMAGED;
	}
	int err = vt_opened_read(o, log, &log->unpacker, ref);
	if (err == 0 && o->strange && (err = describe_strangers(o, log, ref)) > 0)
		vt_opened_free(o);
	if (err <= 0)
		return err;
	vt_section_give_up(log, ref, err);
	return -VT_E_DAMAGED;
}

void vt_opened_free(struct vt_opened *o)
{
	vt_section_free(&o->map);
	free(o->desc);
	free(o->raw);
	o->desc = NULL;
	o->raw = NULL;
	o->bytes = 0;
}
