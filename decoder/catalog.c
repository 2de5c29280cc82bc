/* catalog.c - see catalog.h. */
#include "decoder/catalog.h"

#include <stdio.h>
#include <stdlib.h>

#define CATALOG_MEMORY  (64u << 20)     /* of descriptors and strings */
#define MAX_OWN_SCOPES  1024u           /* processes that register types: each costs a table of ids */
#define MAX_FACTS       256u            /* of a process */
#define MAX_REASONS     128u
#define MAX_UNKNOWN     4096u
#define BYTES_A_RING    8u              /* an honest log spends more than this on each */
#define FREE_RINGS      64u             /* ... but small logs may have a few more */

void vt_catalog_init(struct vt_catalog *c, struct vt_notes *notes)
{
	*c = (struct vt_catalog){ .arena.limit = CATALOG_MEMORY, .notes = notes };
}

static bool plausible(const struct vt_catalog *c, unsigned count)
{
	return count < FREE_RINGS + c->input_bytes / BYTES_A_RING;
}

struct vt_log_process *vt_catalog_process(struct vt_catalog *c, uint32_t index)
{
	if (index >= VT_MAX_PROCESSES || !vt_table_reach(&c->processes, &c->process_limit, index))
		return NULL;
	if (c->processes[index])
		return c->processes[index];
	if (!plausible(c, c->process_count))
		return NULL;
	struct vt_log_process *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->info.index = index;
	p->info.parent = VT_NO_PROCESS;
	p->info.program = "";
	p->info.schema = &c->recorder.schema;
	c->processes[index] = p;
	c->process_count++;
	return p;
}

struct vt_log_ring *vt_catalog_find_ring(const struct vt_catalog *c, uint32_t id)
{
	return id < c->ring_limit ? c->rings[id] : NULL;
}

struct vt_log_ring *vt_catalog_ring(struct vt_catalog *c, uint32_t id, uint32_t process)
{
	if (id >= VT_MAX_RINGS || !vt_table_reach(&c->rings, &c->ring_limit, id))
		return NULL;
	if (c->rings[id])
		return c->rings[id];
	struct vt_log_process *p = vt_catalog_process(c, process);
	if (!p || !plausible(c, c->ring_count))
		return NULL;
	struct vt_log_ring *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->info.id = id;
	r->info.process = &p->info;
	r->info.name = "";
	c->rings[id] = r;
	c->ring_count++;
	return r;
}

static int take_schema(struct vt_catalog *c, uint32_t process, uint16_t kind, struct vt_in body)
{
	if (process == VT_NO_PROCESS)
		return vt_scope_record(&c->recorder, NULL, &c->arena, kind, body);
	struct vt_log_process *p = vt_catalog_process(c, process);
	if (!p)
		return NOTE_E_LIMIT;
	if (!p->own) {
		p->own = calloc(1, sizeof *p->own);
		if (!p->own)
			return NOTE_E_LIMIT;
		p->info.schema = &p->own->schema;
	}
	return vt_scope_record(p->own, &c->recorder, &c->arena, kind, body);
}

static int take_string(struct vt_catalog *c, uint32_t process, uint16_t kind, struct vt_in body)
{
	struct vt_rec_string r;

	if (kind != VT_REC_STRING)
		return 0;
	if (!vt_rec_string_decode(body, &r))
		return NOTE_E_RECORD;
	if (r.bytes.length > VT_MAX_STRING || r.id >= VT_MAX_STRINGS ||
	    !vt_interned_add(&c->strings, &c->arena, process, r.id, r.bytes.at, r.bytes.length))
		return NOTE_E_LIMIT;
	return 0;
}

static int take_process(struct vt_catalog *c, struct vt_in body)
{
	struct vt_rec_process r;

	if (!vt_rec_process_decode(body, &r))
		return NOTE_E_RECORD;
	struct vt_log_process *p = vt_catalog_process(c, r.index);
	if (!p)
		return NOTE_E_LIMIT;
	struct vt_process_info *info = &p->info;
	info->parent = r.parent;
	info->pid = r.pid;
	info->ending = r.ending;
	info->status = r.status;
	info->start = r.start;
	info->end = r.end;
	p->image = r.image;
	if (strlen(info->program) == r.program.length &&
	    memcmp(info->program, r.program.at ? r.program.at : "", r.program.length) == 0)
		return 0;
	const char *program = vt_arena_string(&c->arena, r.program.at, r.program.length);
	if (!program)
		return NOTE_E_LIMIT;
	info->program = program;
	return 0;
}

static int take_fact(struct vt_catalog *c, struct vt_in body)
{
	struct vt_rec_fact r;
	unsigned at = 0;

	if (!vt_rec_fact_decode(body, &r))
		return NOTE_E_RECORD;
	struct vt_log_process *p = vt_catalog_process(c, r.index);
	const char *key = vt_arena_string(&c->arena, r.key.at, r.key.length);
	const char *value = vt_arena_string(&c->arena, r.value.at, r.value.length);
	if (!p || !key || !value)
		return NOTE_E_LIMIT;
	while (at < p->info.fact_count && strcmp(p->facts[at].key, key) != 0)
		at++;
	if (at == p->info.fact_count) {
		if (!vt_array_grow(&p->facts, &p->fact_capacity, at, sizeof *p->facts, MAX_FACTS))
			return NOTE_E_LIMIT;
		p->info.fact_count++;
		p->info.facts = p->facts;
	}
	p->facts[at] = (struct vt_fact){ key, value, r.class_flag };
	return 0;
}

static int take_thread(struct vt_catalog *c, uint16_t kind, struct vt_in body)
{
	struct vt_rec_thread r;

	if (kind != VT_REC_THREAD)
		return 0;
	if (!vt_rec_thread_decode(body, &r))
		return NOTE_E_RECORD;
	struct vt_log_ring *ring = vt_catalog_ring(c, r.ring, r.process);
	if (!ring)
		return NOTE_E_LIMIT;
	ring->info.tid = r.tid;
	ring->slot = r.slot;
	ring->generation = r.generation;
	ring->info.is_signal = r.kind == 1;
	ring->info.is_recorder = r.kind == 2;
	if (strlen(ring->info.name) == r.name.length &&
	    memcmp(ring->info.name, r.name.at ? r.name.at : "", r.name.length) == 0)
		return 0;
	const char *name = vt_arena_string(&c->arena, r.name.at, r.name.length);
	if (!name)
		return NOTE_E_LIMIT;
	ring->info.name = name;
	return 0;
}

int vt_catalog_record(struct vt_catalog *c, uint16_t chunk_type, uint32_t process, uint16_t kind,
                      struct vt_in body)
{
	switch (chunk_type) {
	case VT_CHUNK_SCHEMA:
		return take_schema(c, process, kind, body);
	case VT_CHUNK_STRINGS:
		return take_string(c, process, kind, body);
	case VT_CHUNK_THREADS:
		return take_thread(c, kind, body);
	case VT_CHUNK_PROCESS:
		return kind == VT_REC_PROCESS ? take_process(c, body) :
		       kind == VT_REC_FACT ? take_fact(c, body) : 0;
	default:
		return 0;
	}
}

bool vt_catalog_finish(struct vt_catalog *c)
{
	if (!vt_scope_finish(&c->recorder, NULL))
		return false;
	for (size_t i = 0; i < c->process_limit; i++) {
		struct vt_log_process *p = c->processes[i];
		if (p && p->own && !vt_scope_finish(p->own, &c->recorder))
			return false;
	}
	return true;
}

static const struct vt_event_desc *make_unknown(struct vt_catalog *c, uint8_t category, uint16_t id,
                                                uint8_t columns)
{
	struct vt_event_desc *d = vt_arena_take(&c->arena, sizeof *d);
	struct vt_field_desc *fields = vt_arena_take(&c->arena, columns * sizeof *fields);
	char name[16];

	int length = snprintf(name, sizeof name, "#%u", id);
	const char *copy = vt_arena_string(&c->arena, name, (size_t)length);
	if (!d || !fields || !copy)
		return NULL;
	for (uint8_t i = 0; i < columns; i++) {
		length = snprintf(name, sizeof name, "f%u", i);
		fields[i] = (struct vt_field_desc){
			.name = vt_arena_string(&c->arena, name, (size_t)length),
			.help = "", .kind = VT_KIND_UINT,
		};
		if (!fields[i].name)
			return NULL;
	}
	*d = (struct vt_event_desc){ .name = copy, .help = "", .fields = fields, .id = id,
	                             .category = category, .count = columns, .words = columns,
	                             .text = -1, .time = -1 };
	return d;
}

static uint32_t unknown_key(uint8_t category, uint16_t id, uint16_t columns)
{
	return (uint32_t)id << 16 | (uint32_t)columns << 8 | category;
}

const struct vt_event_desc *vt_catalog_find_event(const struct vt_catalog *c, const struct vt_schema *schema,
                                                  uint8_t category, uint16_t id, uint16_t columns)
{
	const struct vt_event_desc *d = vt_schema_event(schema, id);
	uint32_t key = unknown_key(category, id, columns);

	if (d && d->category == category)
		return d;
	for (size_t i = 0; i < c->unknown_count; i++)
		if (c->unknown[i].key == key)
			return c->unknown[i].desc;
	return NULL;
}

const struct vt_event_desc *vt_catalog_add_event(struct vt_catalog *c, uint8_t category, uint16_t id,
                                                 uint16_t columns)
{
	if (columns > VT_MAX_FIELDS ||
	    !vt_array_grow(&c->unknown, &c->unknown_capacity, c->unknown_count, sizeof *c->unknown,
	                   MAX_UNKNOWN))
		return NULL;
	const struct vt_event_desc *d = make_unknown(c, category, id, (uint8_t)columns);
	if (d)
		c->unknown[c->unknown_count++] = (struct vt_unknown){ unknown_key(category, id, columns), d };
	return d;
}

const char *vt_catalog_reason(struct vt_catalog *c, struct vt_span text)
{
	for (size_t i = 0; i < c->reason_count; i++)
		if (strlen(c->reasons[i]) == text.length &&
		    (text.length == 0 || memcmp(c->reasons[i], text.at, text.length) == 0))
			return c->reasons[i];
	if (!vt_array_grow(&c->reasons, &c->reason_capacity, c->reason_count, sizeof *c->reasons,
	                   MAX_REASONS))
		return "too many different reasons";
	const char *copy = vt_arena_string(&c->arena, text.at, text.length);
	if (!copy)
		return "no memory for the reason";
	c->reasons[c->reason_count++] = copy;
	return copy;
}

void vt_catalog_free(struct vt_catalog *c)
{
	for (size_t i = 0; i < c->process_limit; i++) {
		struct vt_log_process *p = c->processes[i];
		if (!p)
			continue;
		if (p->own)
			vt_scope_free(p->own);
		free(p->own);
		free(p->facts);
		free(p->noring);
		free(p);
	}
	for (size_t i = 0; i < c->ring_limit; i++)
		free(c->rings[i]);
	free(c->processes);
	free(c->rings);
	free(c->unknown);
	free(c->reasons);
	vt_scope_free(&c->recorder);
	vt_interned_free(&c->strings);
	vt_arena_free(&c->arena);
}
