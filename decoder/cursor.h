/*
 * cursor.h - walks through the selected events of one section, a window at a time.
 *
 * A window is short enough to stay in the processor's cache while its columns are turned into rows. A
 * cursor can give up its memory in the middle and go on later where it was.
 */
#ifndef DECODER_CURSOR_H
#define DECODER_CURSOR_H

#include "decoder/filter.h"
#include "decoder/section.h"

#define VT_WINDOW 512u

struct vt_pick {                        /* a selected event of the window */
	uint64_t ticks;
	uint16_t type, rank;            /* which of the window's events of its type */
};

struct vt_cursor_type {
	struct vt_type_test test;
	uint32_t stride, row;           /* words of a row; the window's first row in `rows` */
	uint32_t done;                  /* events of the type before the window's end */
	uint32_t first_gauge;           /* into gauges: values before the window, by field */
	uint64_t text_at;               /* where the text of the next event is */
};

struct vt_cursor {
	struct vt_section_ref *ref;
	struct vt_log_ring *ring;
	uint64_t key;                   /* ticks of the next event, or where the gap goes */
	bool open, gap;                 /* gap: the section turned out to be damaged */
	bool inside;                    /* all its times are selected */
	struct vt_opened opened;
	struct vt_cursor_type *types;
	uint64_t *gauges, *rows;
	size_t row_capacity;
	struct vt_pick *picks;
	uint32_t pick, pick_count;
	uint32_t at;                    /* event index behind the window */
	uint64_t resume;                /* ticks below were delivered before it was closed */
	uint64_t before;                /* ticks of the window's last event */
};

/* A cursor that is not open: its key is the section's t_min. */
void vt_cursor_init(struct vt_cursor *c, struct vt_log *log, struct vt_section_ref *ref);

/*
 * Opens the section if it is not, and finds the next selected event: 1, key is set; 0: there is none.
 * Damage turns the cursor into a gap (1, `gap` set). -ENOMEM.
 */
int vt_cursor_fill(struct vt_cursor *c, struct vt_log *log, const struct vt_selection *s);

/* Gives its memory back; vt_cursor_fill goes on behind the events delivered so far. */
void vt_cursor_close(struct vt_cursor *c);

/* Memory that closing would give back. */
size_t vt_cursor_bytes(const struct vt_cursor *c);

static inline const uint64_t *vt_cursor_values(const struct vt_cursor *c, const struct vt_pick *p)
{
	const struct vt_cursor_type *t = &c->types[p->type];

	return c->rows + t->row + (size_t)p->rank * t->stride;
}

/* The text of an event whose type has one: its place is in the word behind the fields. */
static inline const char *vt_cursor_text(const struct vt_cursor *c, const struct vt_event_desc *d,
                                         const uint64_t *values)
{
	return d->text < 0 ? NULL : (const char *)c->opened.raw + values[d->count];
}

#endif
