/*
 * columns.c - the reading half of columns.h: a section's bytes to arrays of 64-bit values.
 *
 * vt_section_map checks everything that the other calls rely on, once; after it no value in the
 * bytes can lead a read out of them.
 */
#include "core/columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

#define COLUMN_TYPES    0u      /* indexes of the two columns that every section has */
#define COLUMN_TICKS    1u
#define COLUMNS_FIXED   2u
#define TYPE_ENTRY      8u
#define BLOCK           256u    /* values unpacked at a time where only their sum is needed */

static bool width_legal(uint8_t width)
{
	unsigned rest = width % 8u;
	return width <= 64 && (rest == 0 || rest == 1 || rest == 2 || rest == 4);
}

static uint64_t column_bytes(uint8_t width, uint32_t values)
{
	return width / 8u * (uint64_t)values + ((uint64_t)(width % 8u) * values + 7) / 8;
}

/* How values of less than a byte are found, without a division each. */
struct bits {
	unsigned shift, low, width, mask;       /* values a byte: 1 << shift */
};

static struct bits bits_of(unsigned width)
{
	unsigned shift = width == 1 ? 3 : width == 2 ? 2 : 1;

	return (struct bits){ shift, (1u << shift) - 1, width, (1u << width) - 1 };
}

static inline unsigned take_bits(const uint8_t *p, uint32_t at, struct bits b)
{
	return (unsigned)p[at >> b.shift] >> ((at & b.low) * b.width) & b.mask;
}

/* The plane of `width` bits that ends a column, above `low` bits of planes that are there already. */
static void unpack_bits(const uint8_t *p, unsigned width, unsigned low, uint32_t first, uint32_t count,
                        uint64_t *to)
{
	struct bits b = bits_of(width);

	if (low == 0)
		for (uint32_t i = 0; i < count; i++)
			to[i] = take_bits(p, first + i, b);
	else
		for (uint32_t i = 0; i < count; i++)
			to[i] |= (uint64_t)take_bits(p, first + i, b) << low;
}

/*
 * Planes are taken up to four at a time, which covers most columns in one pass over `to`. `n` is the
 * distance between two planes.
 */
static void unpack_planes(const uint8_t *p, unsigned planes, size_t n, uint32_t count, uint64_t *to)
{
	const uint8_t *a = p, *b = p + n, *c = b + n, *d = c + n;

	switch (planes) {
	case 1:
		for (uint32_t i = 0; i < count; i++)
			to[i] = a[i];
		return;
	case 2:
		for (uint32_t i = 0; i < count; i++)
			to[i] = (uint64_t)a[i] | (uint64_t)b[i] << 8;
		return;
	case 3:
		for (uint32_t i = 0; i < count; i++)
			to[i] = (uint64_t)a[i] | (uint64_t)b[i] << 8 | (uint64_t)c[i] << 16;
		return;
	default:
		for (uint32_t i = 0; i < count; i++)
			to[i] = (uint64_t)a[i] | (uint64_t)b[i] << 8 | (uint64_t)c[i] << 16 |
			        (uint64_t)d[i] << 24;
	}
	for (unsigned plane = 4; plane < planes; plane++) {
		const uint8_t *q = p + n * plane;
		for (uint32_t i = 0; i < count; i++)
			to[i] |= (uint64_t)q[i] << 8 * plane;
	}
}

/* `count` of the `n` values of a column, as they are stored. */
static void unpack(const struct vt_section *s, uint32_t column, uint32_t n, uint32_t first,
                   uint32_t count, uint64_t *to)
{
	unsigned width = s->widths[column];
	const uint8_t *p = s->raw + s->offsets[column];

	unsigned planes = width / 8, rest = width % 8, shift = s->shifts[column];

	if (width == 0)
		memset(to, 0, count * sizeof *to);
	if (planes > 0)
		unpack_planes(p + first, planes, n, count, to);
	if (rest > 0)
		unpack_bits(p + (size_t)planes * n, rest, 8 * planes, first, count, to);
	if (shift > 0)
		for (uint32_t i = 0; i < count; i++)
			to[i] <<= shift;
}

/* The type list, widths and shifts. */
static int map_head(struct vt_section *s, struct vt_in *in)
{
	uint64_t events = 0;
	uint32_t columns = COLUMNS_FIXED;

	for (uint32_t i = 0; i < s->types; i++) {
		struct vt_section_type *t = &s->type[i];
		t->id = vt_in_u16(in);
		t->columns = vt_in_u16(in);
		t->events = vt_in_u32(in);
		t->first_column = columns;
		if (t->columns > VT_MAX_FIELDS)
			return -1;
		columns += t->columns;
		events += t->events;
	}
	s->columns = columns;
	s->widths = vt_in_take(in, columns);
	s->shifts = vt_in_take(in, columns);
	vt_in_take(in, -(2 * columns) & 7);
	if (in->bad || events != s->events)
		return -1;
	for (uint32_t i = 0; i < columns; i++)
		if (!width_legal(s->widths[i]) || s->shifts[i] > 63)
			return -1;
	return 0;
}

static int map_column(struct vt_section *s, struct vt_in *in, uint32_t column, uint32_t values)
{
	s->offsets[column] = (uint32_t)(in->at - s->raw);
	return vt_in_take(in, column_bytes(s->widths[column], values)) ? 0 : -1;
}

static int map_columns(struct vt_section *s, struct vt_in *in)
{
	if (map_column(s, in, COLUMN_TYPES, s->events) < 0 ||
	    map_column(s, in, COLUMN_TICKS, s->events) < 0)
		return -1;
	for (uint32_t i = 0; i < s->types; i++) {
		const struct vt_section_type *t = &s->type[i];
		for (uint32_t f = 0; f < t->columns; f++)
			if (map_column(s, in, t->first_column + f, t->events) < 0)
				return -1;
	}
	return 0;
}

/* Bytes of all texts of one type; -1: a length beyond the limit. */
static int64_t text_bytes(const struct vt_section *s, const struct vt_section_type *t)
{
	uint64_t values[BLOCK];
	int64_t sum = 0;

	for (uint32_t at = 0; at < t->events; at += BLOCK) {
		uint32_t count = t->events - at < BLOCK ? t->events - at : BLOCK;
		unpack(s, t->first_column + (uint32_t)t->text, t->events, at, count, values);
		for (uint32_t i = 0; i < count; i++) {
			if (values[i] > VT_MAX_TEXT)
				return -1;
			sum += (int64_t)values[i];
		}
	}
	return sum;
}

/* Texts fill the rest exactly, unless some of them belong to types that nobody described. */
static int map_texts(struct vt_section *s, struct vt_in *in,
                     int (*text_column)(void *user, unsigned id), void *user)
{
	bool guess = false;

	for (uint32_t i = 0; i < s->types; i++) {
		struct vt_section_type *t = &s->type[i];
		t->text = text_column(user, t->id);
		guess = guess || t->text == VT_TEXT_UNKNOWN;
		if (t->text < 0)
			continue;
		if (t->text >= t->columns || guess) {
			t->text = VT_TEXT_NONE;
			guess = true;
			continue;
		}
		int64_t bytes = text_bytes(s, t);
		t->texts = (uint32_t)(in->at - s->raw);
		if (bytes < 0 || !vt_in_take(in, (size_t)bytes))
			return -1;
	}
	return in->at == in->end || guess ? 0 : -1;
}

/* The [types] column agrees with the type list. */
static int check_types(const struct vt_section *s)
{
	uint32_t seen[VT_MAX_TYPES] = { 0 };
	uint8_t types[BLOCK];

	if (s->shifts[COLUMN_TYPES] > 0)
		return -1;
	if (s->types == 1)
		return s->widths[COLUMN_TYPES] == 0 ? 0 : -1;
	if (s->widths[COLUMN_TYPES] > 8)
		return -1;
	for (uint32_t at = 0; at < s->events; at += BLOCK) {
		uint32_t count = s->events - at < BLOCK ? s->events - at : BLOCK;
		vt_section_types(s, at, count, types);
		for (uint32_t i = 0; i < count; i++)
			seen[types[i]]++;
	}
	uint32_t sum = 0;
	for (uint32_t i = 0; i < s->types; i++) {
		if (seen[i] != s->type[i].events)
			return -1;
		sum += seen[i];
	}
	return sum == s->events ? 0 : -1;
}

/* Ticks start at t_min, rise without a wrap and end at t_max. */
static int check_ticks(const struct vt_section *s, uint64_t t_max)
{
	uint64_t steps[BLOCK];
	uint64_t left = t_max - s->t_min + 1;   /* wraps to 0 only with both ends at their limits */

	for (uint32_t at = 0; at < s->events; at += BLOCK) {
		uint32_t count = s->events - at < BLOCK ? s->events - at : BLOCK;
		unpack(s, COLUMN_TICKS, s->events, at, count, steps);
		if (at == 0 && steps[0] != 0)
			return -1;
		for (uint32_t i = 0; i < count; i++) {
			if (steps[i] >= left)
				return -1;
			left -= steps[i] + 1;
		}
	}
	return left == 0 ? 0 : -1;
}

int vt_section_map(struct vt_section *s, const uint8_t *raw, uint32_t length, uint32_t events,
                   uint32_t types, uint64_t t_min, uint64_t t_max,
                   int (*text_column)(void *user, unsigned id), void *user)
{
	struct vt_in in = vt_in_of(raw, length);

	*s = (struct vt_section){ .raw = raw, .length = length, .events = events, .types = types,
	                          .t_min = t_min };
	if (events == 0 || events > VT_MAX_EVENTS || types == 0 || types > VT_MAX_TYPES ||
	    length < types * TYPE_ENTRY)
		return -1;
	s->type = calloc(types, sizeof *s->type);
	if (!s->type)
		return -ENOMEM;
	if (map_head(s, &in) < 0)
		goto damaged;
	s->offsets = calloc(s->columns, sizeof *s->offsets);
	if (!s->offsets) {
		vt_section_free(s);
		return -ENOMEM;
	}
	if (map_columns(s, &in) < 0 || check_types(s) < 0 || check_ticks(s, t_max) < 0 ||
	    map_texts(s, &in, text_column, user) < 0)
		goto damaged;
	return 0;
damaged:
	vt_section_free(s);
	return -1;
}

void vt_section_free(struct vt_section *s)
{
	free(s->offsets);
	free(s->type);
	s->offsets = NULL;
	s->type = NULL;
}

/* Most sections have 3 to 16 types: two a byte, taken a byte at a time. */
static void types_of_nibbles(const uint8_t *p, uint32_t first, uint32_t count, uint8_t *to)
{
	uint32_t i = 0;

	if (first & 1 && count > 0)
		to[i++] = p[first / 2] >> 4;
	p += (first + i) / 2;
	for (; i + 1 < count; i += 2, p++) {
		to[i] = *p & 15;
		to[i + 1] = *p >> 4;
	}
	if (i < count)
		to[i] = *p & 15;
}

void vt_section_types(const struct vt_section *s, uint32_t first, uint32_t count, uint8_t *to)
{
	unsigned width = s->widths[COLUMN_TYPES];
	const uint8_t *p = s->raw + s->offsets[COLUMN_TYPES];

	if (width == 0) {
		memset(to, 0, count);
	} else if (width == 8) {
		memcpy(to, p + first, count);
	} else if (width == 4) {
		types_of_nibbles(p, first, count, to);
	} else {
		struct bits b = bits_of(width);
		for (uint32_t i = 0; i < count; i++)
			to[i] = (uint8_t)take_bits(p, first + i, b);
	}
}

void vt_section_ticks(const struct vt_section *s, uint32_t first, uint32_t count, uint64_t before,
                      uint64_t *to)
{
	uint64_t t = first == 0 ? s->t_min - 1 : before;

	unpack(s, COLUMN_TICKS, s->events, first, count, to);
	for (uint32_t i = 0; i < count; i++) {
		t += to[i] + 1;
		to[i] = t;
	}
}

static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ -(v & 1);
}

void vt_section_field(const struct vt_section *s, unsigned type, unsigned field, uint8_t kind,
                      uint32_t first, uint32_t count, uint64_t *before, uint64_t *to)
{
	const struct vt_section_type *t = &s->type[type];

	unpack(s, t->first_column + field, t->events, first, count, to);
	if (kind == VT_KIND_INT) {
		for (uint32_t i = 0; i < count; i++)
			to[i] = unzigzag(to[i]);
	} else if (kind == VT_KIND_GAUGE) {
		uint64_t value = *before;
		for (uint32_t i = 0; i < count; i++) {
			value += unzigzag(to[i]);
			to[i] = value;
		}
		*before = value;
	}
}
