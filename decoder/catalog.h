/*
 * catalog.h - who and what is in a log: processes, rings, schemas, strings, facts.
 *
 * Everything is made on demand, also by a chunk that refers to something whose description is lost.
 * Memory is limited three ways: the arena, the limits of format.h, and at most one ring or process for
 * every few bytes of input, since an honest log spends more than that on each.
 */
#ifndef DECODER_CATALOG_H
#define DECODER_CATALOG_H

#include <valktrace/reader.h>

#include "core/wire.h"
#include "decoder/memory.h"
#include "decoder/notes.h"
#include "decoder/interned.h"
#include "decoder/scope.h"


struct vt_log_process {
	struct vt_process_info info;
	struct vt_scope *own;           /* NULL: it registered nothing, the recorder's scope is its own */
	struct vt_fact *facts;
	size_t fact_capacity;
	uint64_t image;                 /* random part of its ring file's name */
	struct vt_call_info *calls;     /* in the arena */
	unsigned call_count, call_room;
	uint64_t calls_sequence, calls_missed;
	uint64_t *noring;               /* by category: lost by its threads without ring; NULL: none */
};

/* A stretch of positions that no chunk covers, and the times of the events around it. */
struct vt_break {
	uint64_t pos_lo, pos_hi, t_before, t_after;
};

/* What the loss accounting remembers of a ring; by category: where its last section ended. */
struct vt_ring_track {
	uint64_t pos_high;              /* positions below were seen */
	uint64_t t_high;                /* ticks of the last event seen */
	struct vt_break last;           /* the newest break, and where the one before it ended */
	uint64_t older_break;
	uint64_t next[VT_MAX_CATEGORIES];       /* events committed up to there */
	uint64_t pos[VT_MAX_CATEGORIES];
	uint64_t ticks[VT_MAX_CATEGORIES];
	uint64_t damage[VT_MAX_CATEGORIES];     /* damage met in the inputs until then */
	bool totals;                    /* a TOTALS record was seen */
};

struct vt_log_ring {
	struct vt_ring_info info;
	uint32_t slot, generation;      /* where it is in its ring file; 0: not told */
	struct vt_ring_track track;
};

struct vt_unknown {                     /* an event type without schema */
	uint32_t key;                   /* id << 16 | columns << 8 | category */
	const struct vt_event_desc *desc;
};

struct vt_catalog {
	struct vt_arena arena;
	struct vt_notes *notes;
	uint64_t input_bytes;
	struct vt_scope recorder;
	struct vt_interned strings;
	struct vt_log_process **processes;  /* by index, with holes */
	struct vt_log_ring **rings;         /* by id, with holes */
	size_t process_limit, ring_limit;
	unsigned process_count, ring_count;
	struct vt_unknown *unknown;
	size_t unknown_count, unknown_capacity;
	const char **reasons;           /* of unavailable sources, each once */
	size_t reason_count, reason_capacity;
};

void vt_catalog_init(struct vt_catalog *c, struct vt_notes *notes);

/* Make or find. NULL: no memory, or beyond a limit. */
struct vt_log_process *vt_catalog_process(struct vt_catalog *c, uint32_t index);
struct vt_log_ring *vt_catalog_ring(struct vt_catalog *c, uint32_t id, uint32_t process);

/* Find only. */
struct vt_log_ring *vt_catalog_find_ring(const struct vt_catalog *c, uint32_t id);

/*
 * Takes one record of a SCHEMA, STRINGS, PROCESS or THREADS chunk of `process`. 0, the note code of what
 * is wrong with it; what does not fit is NOTE_E_LIMIT.
 */
int vt_catalog_record(struct vt_catalog *c, uint16_t chunk_type, uint32_t process, uint16_t kind,
                      struct vt_in body);

/* After the last record: processes inherit what they did not register themselves. */
bool vt_catalog_finish(struct vt_catalog *c);

/* The descriptor of a type; NULL: the log has none, and none was made up for it yet. */
const struct vt_event_desc *vt_catalog_find_event(const struct vt_catalog *c, const struct vt_schema *schema,
                                                  uint8_t category, uint16_t id, uint16_t columns);

/* Makes one up. NULL: no memory, or beyond a limit. */
const struct vt_event_desc *vt_catalog_add_event(struct vt_catalog *c, uint8_t category, uint16_t id,
                                                 uint16_t columns);

/* A terminated copy that lives as long as the catalog; never NULL. */
const char *vt_catalog_reason(struct vt_catalog *c, struct vt_span text);

void vt_catalog_free(struct vt_catalog *c);

/* A CALLS record. 0, NOTE_E_RECORD or NOTE_E_LIMIT. */
int vt_catalog_calls(struct vt_catalog *c, struct vt_in body);

#endif
