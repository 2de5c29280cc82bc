/*
 * metrics_series.c - see metrics_series.h.
 *
 * A column is a sequence of changes, each: varint of moments since the change before (at least 1) times two,
 * plus one if it has a value from then on; then, if so, the zigzag varint of its difference to the value
 * before. What does not change costs nothing.
 */
#include "core/metrics_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics_family.h"

#define MOST_BYTES 20u          /* two varints */

int vt_series_start(struct vt_series *s, size_t *room, const struct vt_call_stat *calls, unsigned call_count)
{
	size_t columns = VT_SERIES_CALL((size_t)call_count, 0);
	size_t bytes = columns * (sizeof(*s->columns) + sizeof(*s->wanted)) + call_count * sizeof(*calls);

	s->room = room;
	s->now.schema = vt_schema_builtin();
	s->now.program = s->now.version = "";
	if (bytes > *room)
		return -E2BIG;
	s->columns = calloc(columns, sizeof(*s->columns));
	s->wanted = calloc(columns, sizeof(*s->wanted));
	s->calls = calloc(call_count + 1u, sizeof(*s->calls));
	if (!s->columns || !s->wanted || !s->calls)
		return -ENOMEM;
	*room -= bytes;
	if (call_count > 0)
		memcpy(s->calls, calls, call_count * sizeof(*calls));
	s->now.calls = s->calls;
	s->now.call_count = call_count;
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int make_room(struct vt_series *s, struct vt_series_column *c)
{
	size_t more = c->capacity ? c->capacity : 4 * MOST_BYTES;

	if (c->capacity - c->length >= MOST_BYTES)
		return 0;
	if (more > *s->room)
		return -E2BIG;
	uint8_t *bytes = realloc(c->bytes, c->capacity + more);
	if (!bytes)
		return -ENOMEM;
	*s->room -= more;
	c->bytes = bytes;
	c->capacity += more;
	return 0;
}

static void put_varint(struct vt_series_column *c, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		c->bytes[c->length++] = (uint8_t)(v | 0x80);
	c->bytes[c->length++] = (uint8_t)v;
}

static int put(struct vt_series *s, unsigned column, bool present, uint64_t value)
{
	struct vt_series_column *c = &s->columns[column];

	if (c->present == present && (!present || c->value == value))
		return 0;
	int err = make_room(s, c);
	if (err)
		return err;
	put_varint(c, (uint64_t)(s->moments - c->moment) << 1 | present);
	if (present) {
		uint64_t difference = value - c->value;
		put_varint(c, difference << 1 ^ (0 - (difference >> 63)));
		c->value = value;
	}
	c->present = present;
	c->moment = s->moments;
	return 0;
}

static unsigned number_of(struct vt_series *s, unsigned source, const char *reason)
{
	unsigned *count = &s->reason_count[source];

	for (unsigned i = 0; i < *count; i++)
		if (strcmp(s->reasons[source][i], reason) == 0)
			return i;
	if (*count == VT_SERIES_REASONS)
		return VT_SERIES_REASONS - 1;
	s->reasons[source][*count] = *count + 1 < VT_SERIES_REASONS ? reason : VT_SERIES_OTHER;
	return (*count)++;
}

int vt_series_add(struct vt_series *s, uint64_t ms, const struct vt_metrics *m)
{
	s->moments++;
	int err = put(s, VT_SERIES_MS, true, ms);

	for (unsigned i = 0; i < VT_MAX_METRICS && !err; i++)
		err = put(s, i, m->present[i], m->values[i]);
	for (unsigned i = 0; i < VT_MAX_CATEGORIES && !err; i++)
		err = put(s, VT_SERIES_LOST(i), m->lost[i] > 0, m->lost[i]);
	for (unsigned i = 0; i < VT_MAX_SOURCES && !err; i++) {
		unsigned reason = number_of(s, i, vt_source_reason(m, i));
		err = put(s, VT_SERIES_SOURCE(i), true, (uint64_t)reason << 1 | vt_source_there(m, i));
	}
	for (unsigned i = 0; i < m->call_count && !err; i++) {
		const struct vt_call_stat *c = &m->calls[i];
		err = put(s, VT_SERIES_CALL(i, VT_SERIES_COUNT), true, c->count);
		err = err ? err : put(s, VT_SERIES_CALL(i, VT_SERIES_ERRORS), true, c->errors);
		err = err ? err : put(s, VT_SERIES_CALL(i, VT_SERIES_TIME), true, c->time);
	}
	return err;
}

/* ---- reading -------------------------------------------------------------------------------- */

bool vt_series_ever(const struct vt_series *s, unsigned column)
{
	return s->columns[column].length > 0;
}

/* Of bytes that were written here: none is missing. */
static uint64_t take_varint(struct vt_series_column *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; ; shift += 7) {
		uint8_t byte = c->bytes[c->at++];
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
}

static void look_ahead(struct vt_series_column *c)
{
	if (c->at == c->length) {
		c->moment = UINT32_MAX;
		return;
	}
	uint64_t head = take_varint(c);
	c->moment += (uint32_t)(head >> 1);
	c->coming = head & 1;
}

static void move(struct vt_series_column *c, uint32_t moment)
{
	if (c->moment != moment)
		return;
	c->present = c->coming;
	if (c->present) {
		uint64_t v = take_varint(c);
		c->value += v >> 1 ^ (0 - (v & 1));
	}
	look_ahead(c);
}

void vt_series_want(struct vt_series *s, unsigned column)
{
	struct vt_series_column *c = &s->columns[column];

	for (unsigned i = 0; i < s->wanted_count; i++)
		if (s->wanted[i] == column)
			return;
	c->at = 0;
	c->value = 0;
	c->present = false;
	c->moment = 0;
	look_ahead(c);
	s->wanted[s->wanted_count++] = column;
}

void vt_series_rewind(struct vt_series *s)
{
	s->at = 0;
	s->wanted_count = 0;
	vt_series_want(s, VT_SERIES_MS);
}

static void show_call(struct vt_series *s, unsigned column, uint64_t value)
{
	struct vt_call_stat *c = &s->calls[column / VT_SERIES_OF_CALL];

	switch (column % VT_SERIES_OF_CALL) {
	case VT_SERIES_COUNT:
		c->count = value;
		break;
	case VT_SERIES_ERRORS:
		c->errors = value;
		break;
	default:
		c->time = value;
	}
}

/* What a column is of the metrics. */
static void show(struct vt_series *s, unsigned column)
{
	const struct vt_series_column *c = &s->columns[column];
	uint64_t value = c->present ? c->value : 0;

	if (column < VT_MAX_METRICS) {
		s->now.present[column] = c->present;
		s->now.values[column] = value;
	} else if (column < VT_SERIES_SOURCE(0)) {
		s->now.lost[column - VT_SERIES_LOST(0)] = value;
	} else if (column < VT_SERIES_MS) {
		unsigned source = column - VT_SERIES_SOURCE(0);
		s->now.sources[source].known = true;
		s->now.sources[source].available = value & 1;
		s->now.sources[source].reason = s->reasons[source][value >> 1];
	} else if (column == VT_SERIES_MS) {
		s->ms = value;
	} else {
		show_call(s, column - VT_SERIES_CALL(0, 0), value);
	}
}

bool vt_series_next(struct vt_series *s)
{
	if (s->at == s->moments)
		return false;
	s->at++;
	for (unsigned i = 0; i < s->wanted_count; i++) {
		move(&s->columns[s->wanted[i]], s->at);
		show(s, s->wanted[i]);
	}
	return true;
}

void vt_series_free(struct vt_series *s)
{
	for (unsigned i = 0; s->columns && i < VT_SERIES_CALL(s->now.call_count, 0); i++)
		free(s->columns[i].bytes);
	free(s->columns);
	free(s->wanted);
	free(s->calls);
	memset(s, 0, sizeof(*s));
}
