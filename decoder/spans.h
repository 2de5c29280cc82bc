/*
 * spans.h - which spans are open on a ring: pairs BEGIN and END.
 *
 * An END closes the innermost open span of its own type (the event id before its own); spans of its
 * category inside that one whose END never came are dropped and counted. An END without its BEGIN is
 * counted. UNWIND ends spans that have no END, SWITCH puts the spans of its category aside and goes on
 * with others, REPLACE gives the innermost span of its category another name. After a gap, the open
 * spans of the categories that lost events are forgotten: nobody knows whether they ended. Nothing is
 * ever closed on their behalf.
 */
#ifndef DECODER_SPANS_H
#define DECODER_SPANS_H

#include <valktrace/reader.h>

#define VT_SPAN_DEPTH 1024u             /* deeper ones are counted only */
#define VT_SPAN_STACKS 1024u            /* put aside; beyond, the oldest is forgotten */

struct vt_open_span {
	const struct vt_event_desc *desc;       /* of the BEGIN */
	uint64_t ticks;
	uint32_t frame;                         /* of who listens */
};

enum vt_span_end {
	VT_SPAN_ENDED,                  /* by its END */
	VT_SPAN_LEFT,                   /* by an UNWIND */
	VT_SPAN_DROPPED,                /* its END never came */
	VT_SPAN_FORGOTTEN,              /* by a gap */
	VT_SPAN_EXPIRED,                /* the same, or by a limit, while it was put aside */
};

struct vt_span_stack;

struct vt_spans {
	struct vt_open_span *open;              /* outermost first */
	unsigned depth, capacity;
	uint64_t beyond;                        /* open spans deeper than VT_SPAN_DEPTH */
	uint64_t unmatched_begins, unmatched_ends, forgotten;
	struct vt_span_stack *aside;            /* oldest first */
	unsigned aside_count, aside_capacity;
	uint64_t *current;                      /* number of the stack by category; NULL: all 0 */
	/*
	 * Told of each span that goes, innermost first; `outer` is the next of its category, or NULL. NULL:
	 * nobody is told.
	 */
	void (*gone)(void *user, const struct vt_open_span *span, const struct vt_open_span *outer,
	             enum vt_span_end how);
	void *user;
};

/* 0, or -ENOMEM. */
int vt_spans_begin(struct vt_spans *s, const struct vt_event_desc *desc, uint64_t ticks);

/* True and the span that ended; false: its BEGIN was not seen. */
bool vt_spans_end(struct vt_spans *s, const struct vt_event_desc *desc, struct vt_open_span *ended);

/* `depth` of its spans are still open and `left` have ended (0: not told). */
void vt_spans_unwind(struct vt_spans *s, unsigned category, uint64_t depth, uint64_t left);

/* 0, or -ENOMEM. */
int vt_spans_switch(struct vt_spans *s, unsigned category, uint64_t stack);

/* What an INSTANT does to the spans, by its flags. 0, or -ENOMEM. */
int vt_spans_instant(struct vt_spans *s, const struct vt_event_desc *desc, const uint64_t *values);

/* The same for event number `row` of a type of a batch. */
int vt_spans_batch_instant(struct vt_spans *s, const struct vt_batch *batch, unsigned type, uint32_t row);

void vt_spans_gap(struct vt_spans *s, const struct vt_gap *gap);

/* The end of the log: all that is open goes as in a gap. */
void vt_spans_flush(struct vt_spans *s);

void vt_spans_free(struct vt_spans *s);

/* Open spans that are put aside. */
uint64_t vt_spans_aside(const struct vt_spans *s);

/* The innermost open span of a category, or NULL. */
struct vt_open_span *vt_spans_innermost(const struct vt_spans *s, unsigned category);

/* The field of this name, or -1. */
int vt_field_named(const struct vt_event_desc *desc, const char *name);

/* ---- spans that are open at the end of a log --------------------------------------------------- */

struct vt_end_span {
	const struct vt_ring_info *ring;
	struct vt_open_span span;
};

struct vt_end_spans {
	struct vt_end_span *items;              /* by ring, as in the run; then by time */
	size_t count;
};

/*
 * True if spans open at the end tell where the process died, not how it left. A log that was cut off, without the
 * ring file that has the rest, tells neither.
 */
bool vt_ending_is_abrupt(const struct vt_process_info *process);

/*
 * Finds the spans that are open at the end on the rings of processes that did not end by
 * themselves. Reads the types and times of the selected categories; the reader's selection is
 * changed. 0 or a negative error.
 */
int vt_end_spans_find(struct vt_reader *reader, const struct vt_filter *filter,
                      struct vt_end_spans *spans);
void vt_end_spans_free(struct vt_end_spans *spans);

/* The open span of this ring that began at `ticks`, or NULL. */
const struct vt_end_span *vt_end_spans_at(const struct vt_end_spans *spans,
                                          const struct vt_ring_info *ring, uint64_t ticks);

#endif
