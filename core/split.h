/*
 * split.h - records of a ring, split by category into column sections: the writing half of columns.h.
 *
 * A splitter takes a stretch of one ring, as copied, and leaves one section a category. It is reused
 * for every chunk, so that its buffers are only grown; its pages are touched only as far as used.
 */
#ifndef CORE_SPLIT_H
#define CORE_SPLIT_H

#include <stdbool.h>

#include <valktrace/ring.h>

/* At most this many bytes of a ring go into one chunk; its sections then keep within VT_MAX_RAW. */
#define VT_SPLIT_BYTES  (512u << 10)

/* How records of one event type lie in the ring: what the splitter must know of a type. */
struct vt_layout {
	bool known;
	uint8_t columns;                /* fields */
	int8_t text;                    /* index of the TEXT field, or -1 */
	uint8_t kinds[VT_MAX_FIELDS];   /* enum vt_kind */
};

/* Layouts by event id of one process. */
typedef const struct vt_layout *vt_layout_of(void *user, unsigned id);

/* Where the reader of a ring stands. Zero, but for position, counted and base, before its first record. */
struct vt_ring_cursor {
	uint64_t position;              /* the next byte to read */
	uint64_t segment_ticks;         /* full ticks of the segment it is in */
	uint64_t first;                 /* `first` of that segment's header */
	uint64_t last;                  /* ticks of the last event taken: the next one's are higher */
	uint64_t counted[VT_MAX_CATEGORIES];    /* events committed before position */
	uint64_t base[VT_MAX_CATEGORIES];       /* ... by former owners of the slot */
	bool in_segment;                /* position is inside a segment whose header was read */
	uint64_t corrections;           /* ticks that ran backwards and were raised */
	uint64_t largest_correction;
};

struct vt_split_section {
	uint8_t category;
	uint16_t types;
	uint32_t events;
	uint64_t t_min, t_max, first;
	const uint8_t *raw;
	uint32_t raw_length;
	const uint32_t *pieces;         /* lengths of the parts that compress best apart */
	unsigned piece_count;
};

enum vt_split_end {
	VT_SPLIT_WHOLE,                 /* everything was taken */
	VT_SPLIT_LOST,                  /* a segment header says that events before it are missing */
	VT_SPLIT_MISFIT,                /* bytes that are no record */
};

struct vt_splitter;

struct vt_splitter *vt_splitter_new(void);     /* NULL: no memory */
void vt_splitter_free(struct vt_splitter *s);

/* Forgets what was taken and not made into sections. */
void vt_splitter_reset(struct vt_splitter *s);

/*
 * Where to copy the next stretch of the ring: room for *bytes of it. The splitter keeps what it takes
 * there until the sections are made.
 */
uint64_t *vt_splitter_room(struct vt_splitter *s, uint32_t *bytes);

/*
 * Takes records out of that room: `length` bytes of a ring from cursor->position on. A record that
 * `length` cuts is left. The cursor moves past what was taken. On VT_SPLIT_LOST it stands at a segment
 * header, with `counted` still as before: the caller takes the difference (vt_splitter_lost) and copies
 * again from the cursor on. On VT_SPLIT_MISFIT it stands at bytes that are no record.
 */
enum vt_split_end vt_splitter_take(struct vt_splitter *s, struct vt_ring_cursor *cursor,
                                   uint32_t segment_size, uint32_t length,
                                   vt_layout_of *layout_of, void *user);

/* After VT_SPLIT_LOST: what is missing by category, and cursor->counted is made right. Returns the sum. */
uint64_t vt_splitter_lost(struct vt_ring_cursor *cursor, const struct vt_segment *header,
                          uint64_t lost[VT_MAX_CATEGORIES]);

/* Turns what was taken since the last call into sections. Returns their number, or -ENOMEM. */
int vt_splitter_sections(struct vt_splitter *s, const struct vt_split_section **sections);

/* Events taken since the last vt_splitter_sections. */
uint32_t vt_splitter_events(const struct vt_splitter *s);

#endif
