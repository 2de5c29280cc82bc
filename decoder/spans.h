/*
 * spans.h - which spans are open on a ring: pairs BEGIN and END.
 *
 * An END closes the innermost open span of its own type (the event id before its own); spans
 * inside that one whose END never came are dropped and counted. An END without its BEGIN is
 * counted. After a gap, the open spans of the categories that lost events are forgotten: nobody
 * knows whether they ended. Nothing is ever closed on their behalf.
 */
#ifndef DECODER_SPANS_H
#define DECODER_SPANS_H

#include <valktrace/reader.h>

#define VT_SPAN_DEPTH 1024u             /* deeper ones are counted only */

struct vt_open_span {
	const struct vt_event_desc *desc;       /* of the BEGIN */
	uint64_t ticks;
};

struct vt_spans {
	struct vt_open_span *open;              /* outermost first */
	unsigned depth, capacity;
	uint64_t beyond;                        /* open spans deeper than VT_SPAN_DEPTH */
	uint64_t unmatched_begins, unmatched_ends, forgotten;
};

/* 0, or -ENOMEM. */
int vt_spans_begin(struct vt_spans *s, const struct vt_event_desc *desc, uint64_t ticks);

/* True and the span that ended; false: its BEGIN was not seen. */
bool vt_spans_end(struct vt_spans *s, const struct vt_event_desc *desc, struct vt_open_span *ended);

void vt_spans_gap(struct vt_spans *s, const struct vt_gap *gap);
void vt_spans_free(struct vt_spans *s);

/* ---- spans that are open at the end of a log --------------------------------------------------- */

struct vt_end_span {
	const struct vt_ring_info *ring;
	struct vt_open_span span;
};

struct vt_end_spans {
	struct vt_end_span *items;              /* by ring, as in the run; then by time */
	size_t count;
};

/* True if spans open at the end tell where the process died, not how it left. */
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
