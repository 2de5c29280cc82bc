/*
 * logmaker.h - writes logs for the reader's tests, in memory, from what format.h says and without the
 * recorder: an independent second opinion. Built-in event types only, and raw columns for others.
 */
#ifndef TESTS_LOGMAKER_H
#define TESTS_LOGMAKER_H

#include "core/bytes.h"
#include "core/wire.h"

#define LM_RUN      0x1122334455667788u
#define LM_HZ       1000000000u         /* one tick is one ns */
#define LM_START    1000000u            /* ticks of the file header */
#define LM_MONOTONIC 5000000u           /* ns at that moment */
#define LM_RINGS    256u
#define LM_VALUES   8u

struct lm {
	struct vt_out out;
	uint64_t run, sequence;
	uint64_t pos[LM_RINGS];                         /* end of the last chunk */
	uint64_t first[LM_RINGS][VT_MAX_CATEGORIES];    /* events so far */
	uint64_t events, chunks;
	uint64_t chunk_at;                              /* offset of the last chunk */
	uint8_t codec;
	bool torn;                                      /* of the next chunk: a wrong section crc */
};

struct lm_event {
	uint64_t ticks;
	uint16_t id;
	uint64_t values[LM_VALUES];
	const char *text;
};

void lm_begin(struct lm *lm, uint32_t part);
void lm_end(struct lm *lm);                             /* footer-less tail */
void lm_free(struct lm *lm);

/* One chunk around a payload of records, which is emptied. */
void lm_chunk(struct lm *lm, uint16_t type, uint32_t process, struct vt_out *records);

void lm_schema(struct lm *lm);
void lm_process(struct lm *lm, uint32_t index, uint32_t pid, const char *program);
/* What is known of the same process when it has ended. */
void lm_process_ended(struct lm *lm, uint32_t index, uint32_t pid, const char *program, uint32_t ending,
                      uint32_t status);
void lm_thread(struct lm *lm, uint32_t ring, uint32_t process, uint32_t tid, const char *name);
/* A first part with the schema, process 0 (pid 100, "lisp") and its thread "main" on ring 0. */
void lm_lisp(struct lm *lm);

void lm_string(struct lm *lm, uint32_t process, uint32_t id, const char *text);
void lm_anchor(struct lm *lm, uint64_t ticks, uint64_t monotonic);

/* One chunk of a ring from where its last one ended. */
void lm_events(struct lm *lm, uint32_t ring, uint32_t process, const struct lm_event *events,
               size_t count);

/* What was committed and lost: the next chunk of the ring starts behind it. */
void lm_lose(struct lm *lm, uint32_t ring, uint8_t category, uint64_t events);

/* The same, but told by a GAP record. */
void lm_gap(struct lm *lm, uint32_t ring, uint32_t process, uint16_t cause, uint8_t category,
            uint64_t events, uint64_t t_before, uint64_t t_after);

/* The producer's counts as they are now, plus `discarded` of gc. */
void lm_totals(struct lm *lm, uint32_t ring, uint32_t process, uint64_t discarded);

/* The columns of one section, for test_columns. `count` events of one category. */
void lm_section(struct vt_out *to, const struct lm_event *events, size_t count, uint16_t *types);

/* Packs one column; returns its width. */
uint8_t lm_column(struct vt_out *to, const uint64_t *values, size_t count);

#endif
