/*
 * columns.h - a section's columns (format.h, "Section, decompressed"), both directions.
 *
 * Writing starts from records as they stand in a ring; reading ends in arrays of 64-bit values, one
 * column at a time and only those that are asked for.
 */
#ifndef CORE_COLUMNS_H
#define CORE_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include <valktrace/format.h>
#include <valktrace/schema.h>

/* ---- reading ------------------------------------------------------------------------------- */

enum { VT_TEXT_NONE = -1, VT_TEXT_UNKNOWN = -2 };

struct vt_section_type {
	uint16_t id, columns;
	uint32_t events;
	uint32_t first_column;          /* index into widths and offsets */
	uint32_t texts;                 /* where its texts start, if `text` is not negative */
	int text;                       /* which of its columns is TEXT, or VT_TEXT_* */
};

/*
 * A decompressed section whose layout has been checked: every column and every text lies inside
 * `raw`, the [types] column agrees with the counts, and ticks rise from t_min to t_max. Points into
 * the caller's bytes.
 */
struct vt_section {
	const uint8_t *raw;
	uint32_t length, events, types, columns;
	uint64_t t_min;
	const uint8_t *shifts;          /* as widths */
	const uint8_t *widths;          /* of [types], [ticks], then the fields of each type */
	uint32_t *offsets;              /* where each column starts; allocated */
	struct vt_section_type *type;   /* allocated with them */
};

/*
 * Checks and maps a section. `text_column(user, id)` tells which field of an event type is TEXT, or
 * VT_TEXT_NONE; VT_TEXT_UNKNOWN for a type without schema: texts behind one of these cannot be
 * placed. Return: 0; -1: the bytes are no section; -ENOMEM.
 */
int vt_section_map(struct vt_section *s, const uint8_t *raw, uint32_t length, uint32_t events,
                   uint32_t types, uint64_t t_min, uint64_t t_max,
                   int (*text_column)(void *user, unsigned id), void *user);
void vt_section_free(struct vt_section *s);

/* Which type each event has, for `count` events from `first` on. */
void vt_section_types(const struct vt_section *s, uint32_t first, uint32_t count, uint8_t *to);

/* Ticks of `count` events from `first` on; `before` are those of event first - 1, if there is one. */
void vt_section_ticks(const struct vt_section *s, uint32_t first, uint32_t count, uint64_t before,
                      uint64_t *to);

/*
 * One field of one type, decoded as `kind`: the values of `count` of its events from `first` on.
 * `*before` is the value of its event first - 1, used and kept up for GAUGE.
 */
void vt_section_field(const struct vt_section *s, unsigned type, unsigned field, uint8_t kind,
                      uint32_t first, uint32_t count, uint64_t *before, uint64_t *to);

/* ---- writing ------------------------------------------------------------------------------- */

struct vt_splitter;                 /* see columns.c: one a recorder, reused for every chunk */

#endif
