/*
 * wire.h - every structure of format.h to bytes and back. Both directions stand in one file, so that
 * they cannot drift apart. Decoding validates: what comes out is within the limits of format.h.
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include <valktrace/format.h>
#include <valktrace/schema.h>

#include "core/bytes.h"

/* ---- fixed structures: encode fills in marks, sizes and checksums ---------------------------- */

/* Decoding gives 0, or -VT_E_NOT_A_LOG, -VT_E_DAMAGED (crc), -VT_E_VERSION, -VT_E_INCOMPAT, -VT_E_LIMIT. */
void vt_file_header_encode(struct vt_file_header *h, uint8_t to[VT_FILE_HEADER]);
int vt_file_header_decode(struct vt_file_header *h, const uint8_t from[VT_FILE_HEADER]);

/* The header alone (length 128; its crc covers no extra bytes). */
void vt_chunk_header_encode(struct vt_chunk_header *h, uint8_t to[VT_CHUNK_HEADER]);
/* `from` has `available` bytes, at least 128; -VT_E_SHORT when the header is longer than that. */
int vt_chunk_header_decode(struct vt_chunk_header *h, const uint8_t *from, size_t available);
/* Header, payload, padding and trailer. */
uint32_t vt_chunk_total(const struct vt_chunk_header *h);

void vt_chunk_trailer_encode(const struct vt_chunk_header *h, uint8_t to[VT_CHUNK_TRAILER]);
/* 0 if the trailer agrees with its header. */
int vt_chunk_trailer_check(const struct vt_chunk_header *h, const uint8_t from[VT_CHUNK_TRAILER]);

void vt_section_entry_encode(const struct vt_section_entry *e, uint8_t to[VT_SECTION_ENTRY]);
/* Validates one entry by itself; the table as a whole (order, sums) with vt_section_table_check. */
int vt_section_entry_decode(struct vt_section_entry *e, const uint8_t from[VT_SECTION_ENTRY]);
int vt_section_table_check(const struct vt_section_entry *table, const struct vt_chunk_header *h);

void vt_file_tail_encode(struct vt_file_tail *t, uint8_t to[VT_FILE_TAIL]);
int vt_file_tail_decode(struct vt_file_tail *t, const uint8_t from[VT_FILE_TAIL]);

/* ---- records in payloads ------------------------------------------------------------------- */

/* A string inside a payload: not terminated. */
struct vt_span {
	const char *at;
	size_t length;
};

struct vt_rec_category { uint8_t id; struct vt_span name, help; };
struct vt_rec_enum { uint16_t id; struct vt_span name; uint16_t count; struct vt_in labels; };
struct vt_rec_event {
	uint16_t id;
	uint8_t flags, count;
	struct vt_span name, help;
	struct { uint8_t kind, unit, flags; uint16_t of; struct vt_span name, help; } fields[VT_MAX_FIELDS];
};
struct vt_rec_metric { uint16_t id; uint8_t source, kind, unit; struct vt_span name, family, labels, help; };
struct vt_rec_metric_state { uint16_t id; uint8_t state; struct vt_span reason; };
struct vt_rec_source { uint8_t id; struct vt_span name, help; };
struct vt_rec_string { uint32_t id; uint8_t flags; struct vt_span bytes; };
struct vt_rec_process {
	uint32_t index, parent, pid, ending, status;
	uint64_t start, end, image;
	struct vt_span program;
};
struct vt_rec_fact { uint32_t index; uint8_t class_flag; struct vt_span key, value; };
struct vt_rec_thread { uint32_t ring, process, tid, slot, generation; uint8_t kind; struct vt_span name; };
struct vt_rec_anchor { uint64_t ticks, monotonic, realtime; };

struct vt_counter_sample {          /* one counter record; arrays by id */
	uint64_t sequence, ticks, monotonic, realtime;
	uint32_t process;
	uint16_t flags;
	uint64_t present[VT_MAX_METRICS / 64];
	uint64_t values[VT_MAX_METRICS];
	uint64_t lost[VT_MAX_CATEGORIES];
	uint32_t sources_known, sources_available;      /* bit sets by source id */
	struct vt_span reasons[VT_MAX_SOURCES];
};

/* Statistics of one call, in ns; and of all calls of a process. */
struct vt_call_total {
	uint16_t call;
	uint8_t category;
	struct vt_span name;
	uint64_t count, errors, time, error_time, least, most;
};
struct vt_rec_calls {
	uint32_t process;
	uint16_t count;
	uint64_t sequence, missed;
	struct vt_in entries;           /* decoding: vt_rec_calls_entry */
	const struct vt_call_total *totals;     /* encoding: `count` of them */
};

struct vt_rec_gap {
	uint32_t ring;
	uint16_t cause;
	uint64_t pos_begin, pos_end, t_before, t_after;
	uint64_t events[VT_MAX_CATEGORIES];
};
struct vt_rec_totals {
	uint32_t ring;
	uint64_t committed[VT_MAX_CATEGORIES];
	uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES];
};
struct vt_rec_index {
	uint64_t offset;
	uint32_t total;
	uint16_t type;
	uint32_t ring, process, events;
	uint64_t t_min, t_max, categories;
};

/*
 * The next record of a payload: its kind and its body; false at the end. `in->bad` afterwards tells a
 * damaged payload from a finished one.
 */
bool vt_record_next(struct vt_in *in, uint16_t *kind, struct vt_in *body);

/* Append one record; out->failed on no memory. */
void vt_rec_category_encode(struct vt_out *out, const struct vt_rec_category *r);
void vt_rec_enum_encode(struct vt_out *out, uint16_t id, const struct vt_enum_desc *e);
void vt_rec_event_encode(struct vt_out *out, const struct vt_rec_event *r);
void vt_rec_metric_encode(struct vt_out *out, const struct vt_rec_metric *r);
void vt_rec_metric_state_encode(struct vt_out *out, const struct vt_rec_metric_state *r);
void vt_rec_source_encode(struct vt_out *out, const struct vt_rec_source *r);
void vt_rec_string_encode(struct vt_out *out, const struct vt_rec_string *r);
void vt_rec_process_encode(struct vt_out *out, const struct vt_rec_process *r);
void vt_rec_fact_encode(struct vt_out *out, const struct vt_rec_fact *r);
void vt_rec_thread_encode(struct vt_out *out, const struct vt_rec_thread *r);
void vt_rec_anchor_encode(struct vt_out *out, const struct vt_rec_anchor *r);
void vt_rec_counters_encode(struct vt_out *out, const struct vt_counter_sample *r);
void vt_rec_calls_encode(struct vt_out *out, const struct vt_rec_calls *r);
void vt_rec_gap_encode(struct vt_out *out, const struct vt_rec_gap *r);
void vt_rec_totals_encode(struct vt_out *out, const struct vt_rec_totals *r);
void vt_rec_index_encode(struct vt_out *out, const struct vt_rec_index *r);
void vt_rec_footer_encode(struct vt_out *out, const uint64_t *offsets, uint32_t count);

/* Decode one body. False: malformed or out of the limits. Spans point into the body. */
bool vt_rec_category_decode(struct vt_in body, struct vt_rec_category *r);
bool vt_rec_enum_decode(struct vt_in body, struct vt_rec_enum *r);
bool vt_rec_enum_label(struct vt_rec_enum *r, uint32_t *value, struct vt_span *label); /* false: no more */
bool vt_rec_event_decode(struct vt_in body, struct vt_rec_event *r);
bool vt_rec_metric_decode(struct vt_in body, struct vt_rec_metric *r);
bool vt_rec_metric_state_decode(struct vt_in body, struct vt_rec_metric_state *r);
bool vt_rec_source_decode(struct vt_in body, struct vt_rec_source *r);
bool vt_rec_string_decode(struct vt_in body, struct vt_rec_string *r);
bool vt_rec_process_decode(struct vt_in body, struct vt_rec_process *r);
bool vt_rec_fact_decode(struct vt_in body, struct vt_rec_fact *r);
bool vt_rec_thread_decode(struct vt_in body, struct vt_rec_thread *r);
bool vt_rec_anchor_decode(struct vt_in body, struct vt_rec_anchor *r);
bool vt_rec_counters_decode(struct vt_in body, struct vt_counter_sample *r);
bool vt_rec_calls_decode(struct vt_in body, struct vt_rec_calls *r);
bool vt_rec_calls_entry(struct vt_rec_calls *r, struct vt_call_total *t);       /* false: no more */
bool vt_rec_gap_decode(struct vt_in body, struct vt_rec_gap *r);
bool vt_rec_totals_decode(struct vt_in body, struct vt_rec_totals *r);
bool vt_rec_index_decode(struct vt_in body, struct vt_rec_index *r);
/* Returns the number of offsets stored into `offsets` (at most `limit`). */
uint32_t vt_rec_footer_decode(struct vt_in body, uint64_t *offsets, uint32_t limit);

/* The whole built-in schema as SCHEMA records. */
void vt_schema_encode(struct vt_out *out, const struct vt_schema *schema);

#endif
