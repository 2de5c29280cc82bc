/*
 * batch.c - see batch.h.
 *
 * Events that another chunk had already (ref->skip) are at the section's start: every array is decoded
 * whole and handed out from behind them.
 */
#include "decoder/batch.h"

#include <errno.h>
#include <stdlib.h>

#include <valktrace/error.h>

void vt_batches_start(struct vt_batches *b, struct vt_log *log, const struct vt_selection *s)
{
	*b = (struct vt_batches){ .log = log, .selection = s, .clock.timeline = &log->timeline };
}

static void release(struct vt_batches *b)
{
	if (b->open)
		vt_opened_free(&b->opened);
	for (size_t i = 0; i < b->column_count; i++)
		free(b->columns[i].values);
	free(b->ticks);
	free(b->times);
	free(b->types);
	b->ticks = NULL;
	b->times = NULL;
	b->types = NULL;
	b->column_count = 0;
	b->column_bytes = 0;
	b->open = false;
}

void vt_batches_stop(struct vt_batches *b)
{
	release(b);
	free(b->columns);
	*b = (struct vt_batches){ 0 };
}

static const struct vt_section_ref *current(const struct vt_batches *b)
{
	return &b->log->sections[b->next_section - 1];
}

static const uint8_t *all_types(struct vt_batches *b)
{
	const struct vt_section *map = &b->opened.map;

	if (!b->types)
		b->types = malloc(map->events);
	if (b->types)
		vt_section_types(map, 0, map->events, b->types);
	return b->types;
}

/* How many of the events to leave out are of one type. */
static uint32_t skipped(struct vt_batches *b, unsigned type)
{
	uint32_t skip = current(b)->skip, count = 0;

	if (skip == 0)
		return 0;
	const uint8_t *types = b->types;
	for (uint32_t i = 0; i < skip; i++)
		count += types[i] == type;
	return count;
}

static int describe(struct vt_batches *b)
{
	const struct vt_section_ref *ref = current(b);
	const struct vt_section *map = &b->opened.map;

	if (ref->skip > 0 && !all_types(b))
		return -ENOMEM;
	for (uint32_t i = 0; i < map->types; i++)
		b->counts[i] = map->type[i].events - skipped(b, i);
	b->batch = (struct vt_batch){
		.ring = &b->opened.ring->info, .category = ref->category, .types = map->types,
		.desc = b->opened.desc, .counts = b->counts, .events = ref->events - ref->skip,
		.t_min = ref->t_min, .t_max = ref->t_max, .source = b,
	};
	if (ref->skip > 0) {
		const uint64_t *ticks = vt_batches_ticks(b);
		if (!ticks)
			return -ENOMEM;
		b->batch.t_min = ticks[0];
	}
	return 0;
}

/* The next section that this walk is to open, or NULL. */
static struct vt_section_ref *next_section(struct vt_batches *b)
{
	struct vt_log *log = b->log;

	for (;;) {
		/* relaxed: nothing but the number goes from lane to lane */
		size_t at = b->take != VT_TAKE_CLAIMED ? b->next_section :
		            atomic_fetch_add_explicit(b->claim, 1, memory_order_relaxed);
		if (at >= log->section_count)
			return NULL;
		b->next_section = at + 1;
		struct vt_section_ref *ref = &log->sections[at];
		if (b->take == VT_TAKE_LEFT && ref->found != VT_FOUND_STRANGE)
			continue;
		if (vt_selection_section(b->selection, log, ref))
			return ref;
	}
}

/* 0; -VT_E_DAMAGED: not to be had, go on; -ENOMEM. */
static int open_section(struct vt_batches *b, struct vt_section_ref *ref)
{
	if (b->take != VT_TAKE_CLAIMED)
		return vt_opened_load(&b->opened, b->log, ref);
	if (ref->bad)
		return -VT_E_DAMAGED;
	int err = vt_opened_read(&b->opened, b->log, b->unpacker, ref);
	if (err > 0) {
		ref->found = (uint8_t)err;
		return -VT_E_DAMAGED;
	}
	if (err == 0 && b->opened.strange) {
		ref->found = VT_FOUND_STRANGE;
		vt_opened_free(&b->opened);
		return -VT_E_DAMAGED;
	}
	return err;
}

int vt_batches_next(struct vt_batches *b)
{
	struct vt_section_ref *ref;

	release(b);
	while ((ref = next_section(b))) {
		int err = open_section(b, ref);
		if (err == -VT_E_DAMAGED)
			continue;
		if (err < 0)
			return err;
		b->open = true;
		err = describe(b);
		return err < 0 ? err : 1;
	}
	return 0;
}

const uint64_t *vt_batches_column(struct vt_batches *b, unsigned type, unsigned field)
{
	if (!b->open || type >= b->opened.map.types || field >= b->opened.desc[type]->count)
		return NULL;
	const struct vt_section_type *t = &b->opened.map.type[type];
	for (size_t i = 0; i < b->column_count; i++)
		if (b->columns[i].type == type && b->columns[i].field == field)
			return b->columns[i].values + skipped(b, type);
	size_t bytes = (size_t)t->events * sizeof(uint64_t);
	if (bytes > VT_READER_MEMORY - b->column_bytes ||
	    !vt_array_grow(&b->columns, &b->column_capacity, b->column_count, sizeof *b->columns,
	                   VT_MAX_TYPES * VT_MAX_FIELDS))
		return NULL;
	uint64_t *values = calloc(t->events + 1u, sizeof *values);
	if (!values)
		return NULL;
	uint64_t gauge = 0;
	if (field < t->columns)
		vt_section_field(&b->opened.map, type, field, b->opened.desc[type]->fields[field].kind,
		                 0, t->events, &gauge, values);
	b->columns[b->column_count++] = (struct vt_batch_buffer){ values, type, field };
	b->column_bytes += bytes;
	return values + skipped(b, type);
}

const uint64_t *vt_batches_ticks(struct vt_batches *b)
{
	if (!b->open)
		return NULL;
	uint32_t events = b->opened.map.events;
	if (!b->ticks) {
		b->ticks = malloc(events * sizeof *b->ticks);
		if (b->ticks)
			vt_section_ticks(&b->opened.map, 0, events, 0, b->ticks);
	}
	return b->ticks ? b->ticks + current(b)->skip : NULL;
}

const uint64_t *vt_batches_times(struct vt_batches *b)
{
	if (!vt_batches_ticks(b))
		return NULL;
	uint32_t events = b->opened.map.events;
	if (!b->times) {
		b->times = malloc(events * sizeof *b->times);
		for (uint32_t i = 0; b->times && i < events; i++)
			b->times[i] = vt_clock_ns(&b->clock, b->ticks[i]);
	}
	return b->times ? b->times + current(b)->skip : NULL;
}

const uint8_t *vt_batches_types(struct vt_batches *b)
{
	if (!b->open || !all_types(b))
		return NULL;
	return b->types + current(b)->skip;
}
