/*
 * memlog.h - a log in memory: what a drain gives is packed into chunks, unpacked again as a reader does,
 * and handed on event by event. Counts by ring, so that emitted = decoded + lost can be checked.
 */
#ifndef TESTS_MEMLOG_H
#define TESTS_MEMLOG_H

#include <stdbool.h>

#include "core/chunk.h"
#include "core/follow.h"

struct mem_event {
	uint32_t ring;
	uint16_t id;
	uint64_t ticks;
	const uint64_t *values;         /* by field; a TEXT field's is its length */
	unsigned fields;
	const char *text;               /* NULL: the type has none */
};

struct mem_ring {
	uint32_t id, tid;
	bool is_signal;
	uint64_t decoded[VT_MAX_CATEGORIES], first[VT_MAX_CATEGORIES], ticks[VT_MAX_CATEGORIES];
	uint64_t gaps[VT_LOST_CAUSES][VT_MAX_CATEGORIES];       /* told by GAP records */
	uint64_t committed[VT_MAX_CATEGORIES], lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES]; /* by TOTALS */
	bool totals;
	uint64_t position, last_number[VT_MAX_CATEGORIES];      /* last_number is the test's own */
};

struct memlog {
	void (*each)(void *user, struct mem_ring *ring, const struct mem_event *e);     /* or NULL */
	void *user;
	struct mem_ring *rings;
	unsigned ring_count;
	uint64_t no_ring[VT_MAX_CATEGORIES];
	uint64_t events, corrections;
	unsigned wrong;                 /* things that no drain may give; each is told on stderr */
	bool made_up;                   /* flipped bytes may turn an event into one of another category */
	struct vt_splitter *splitter;
	struct vt_chunker chunker;
	struct vt_followed process;     /* memlog_follow */
	struct vt_ring_view *view;      /* for layouts */
	uint64_t *ticks, *values;
	uint8_t *kinds, *raw;
};

/* A log of rings that are drained through `sink`. `codec` NULL: none. */
void memlog_open(struct memlog *log, struct vt_ring_view *view, const char *codec);
void memlog_close(struct memlog *log);
struct vt_drain_sink memlog_sink(struct memlog *log);

/* A log of a whole process. memlog_follow takes over `view`; NULL: this very process. */
void memlog_follow(struct memlog *log, struct vt_ring_view *view);
int64_t memlog_round(struct memlog *log);
void memlog_finish(struct memlog *log);         /* the rest, and totals; then memlog_close */

struct mem_ring *memlog_ring(struct memlog *log, uint32_t id);

/* Events of a category over all rings of a thread (tid 0: of all threads): decoded, and lost for any cause. */
uint64_t memlog_decoded(const struct memlog *log, uint32_t tid, unsigned category);
uint64_t memlog_lost(const struct memlog *log, uint32_t tid, unsigned category);
uint64_t memlog_lost_by(const struct memlog *log, uint32_t tid, enum vt_lost_cause cause);

/* For each ring and category: committed = decoded + gaps. The number of those where it is not so. */
unsigned memlog_unbalanced(const struct memlog *log);

#endif
