/* cursor.c - see cursor.h. */
#include "decoder/cursor.h"

#include <errno.h>
#include <stdlib.h>

#include <valktrace/error.h>

void vt_cursor_init(struct vt_cursor *c, struct vt_log *log, struct vt_section_ref *ref)
{
	*c = (struct vt_cursor){ .ref = ref, .key = ref->t_min };
	c->ring = vt_catalog_find_ring(&log->catalog, log->chunks[ref->chunk].ring);
}

size_t vt_cursor_bytes(const struct vt_cursor *c)
{
	return c->open ? c->opened.bytes + c->row_capacity * sizeof *c->rows +
	       VT_WINDOW * sizeof *c->picks : 0;
}

void vt_cursor_close(struct vt_cursor *c)
{
	vt_opened_free(&c->opened);
	free(c->types);
	free(c->gauges);
	free(c->rows);
	free(c->picks);
	c->types = NULL;
	c->gauges = c->rows = NULL;
	c->picks = NULL;
	c->row_capacity = 0;
	c->pick = c->pick_count = 0;
	c->open = false;
}

static int prepare_types(struct vt_cursor *c, const struct vt_selection *s)
{
	const struct vt_section *map = &c->opened.map;
	const struct vt_schema *schema = c->ring->info.process->schema;
	uint32_t gauges = 0;

	for (uint32_t i = 0; i < map->types; i++) {
		const struct vt_event_desc *d = c->opened.desc[i];
		struct vt_cursor_type *t = &c->types[i];
		t->test = vt_selection_type(s, schema, d);
		t->stride = d->count + (d->text >= 0 ? 1u : 0u);
		t->first_gauge = gauges;
		t->text_at = map->type[i].text >= 0 ? map->type[i].texts : 0;
		gauges += d->count;
	}
	c->gauges = calloc(gauges + 1u, sizeof *c->gauges);
	return c->gauges ? 0 : -ENOMEM;
}

/* -VT_E_DAMAGED, or -ENOMEM: then nothing stays allocated but what close frees. */
static int open_section(struct vt_cursor *c, struct vt_log *log, const struct vt_selection *s)
{
	int err = vt_opened_load(&c->opened, log, c->ref);

	if (err < 0)
		return err;
	c->open = true;
	c->at = 0;
	c->before = 0;
	c->resume = c->key;
	c->inside = vt_selection_inside(s, log, c->ref->t_min, c->ref->t_max);
	c->types = calloc(c->opened.map.types, sizeof *c->types);
	c->picks = malloc(VT_WINDOW * sizeof *c->picks);
	if (!c->types || !c->picks)
		return -ENOMEM;
	return prepare_types(c, s);
}

static void scatter(const uint64_t *from, uint32_t count, uint64_t *to, uint32_t stride)
{
	for (uint32_t i = 0; i < count; i++)
		to[(size_t)i * stride] = from[i];
}

/* Decodes all fields of the window's `count` events of one type into rows. */
static void fill_rows(struct vt_cursor *c, uint32_t type, uint32_t count)
{
	const struct vt_event_desc *d = c->opened.desc[type];
	const struct vt_section_type *have = &c->opened.map.type[type];
	struct vt_cursor_type *t = &c->types[type];
	uint64_t *rows = c->rows + t->row;
	uint64_t values[VT_WINDOW] = { 0 };

	for (uint32_t f = 0; f < d->count; f++) {
		if (f < have->columns)
			vt_section_field(&c->opened.map, type, f, d->fields[f].kind, t->done, count,
			                 &c->gauges[t->first_gauge + f], values);
		else
			memset(values, 0, count * sizeof *values);
		scatter(values, count, rows + f, t->stride);
	}
	if (d->text < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t *row = rows + (size_t)i * t->stride;
		row[d->count] = t->text_at;
		if (have->text >= 0)
			t->text_at += row[d->text];
		else
			row[d->text] = 0;       /* behind a type without schema: not to be found */
	}
}

/* Rows of all wanted types of the window, of which there are `counts` events. */
static int make_rows(struct vt_cursor *c, const uint32_t *counts)
{
	size_t words = 0;

	for (uint32_t i = 0; i < c->opened.map.types; i++) {
		if (!c->types[i].test.wanted)
			continue;
		c->types[i].row = (uint32_t)words;
		words += (size_t)counts[i] * c->types[i].stride;
	}
	if (words > c->row_capacity || !c->rows) {
		uint64_t *grown = realloc(c->rows, (words + 1) * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		c->rows = grown;
		c->row_capacity = words + 1;
	}
	for (uint32_t i = 0; i < c->opened.map.types; i++) {
		if (c->types[i].test.wanted && counts[i] > 0)
			fill_rows(c, i, counts[i]);
		c->types[i].done += counts[i];
	}
	return 0;
}

static uint32_t pick_types(struct vt_cursor *c, uint32_t count, const uint64_t *ticks,
                           const uint8_t *types, uint32_t *counts)
{
	uint32_t picked = 0;
	uint32_t first = c->ref->skip > c->at ? c->ref->skip - c->at : 0;

	memset(counts, 0, c->opened.map.types * sizeof *counts);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t type = types[i];
		uint32_t rank = counts[type]++;
		c->picks[picked] = (struct vt_pick){ ticks[i], type, (uint16_t)rank };
		picked += c->types[type].test.wanted && i >= first && ticks[i] >= c->resume;
	}
	return picked;
}

/* Drops what the dearer tests refuse. */
static uint32_t pick_values(struct vt_cursor *c, struct vt_log *log, const struct vt_selection *s,
                            uint32_t count)
{
	bool values = vt_selection_values(s);
	uint32_t kept = 0;

	if (c->inside && !values)
		return count;
	for (uint32_t i = 0; i < count; i++) {
		const struct vt_pick *p = &c->picks[i];
		const struct vt_event_desc *d = c->opened.desc[p->type];
		const uint64_t *row = vt_cursor_values(c, p);
		if (!c->inside && !vt_selection_inside(s, log, p->ticks, p->ticks))
			continue;
		if (values && !vt_selection_event(s, log, c->ring->info.process->index, d,
		                                  &c->types[p->type].test, row,
		                                  vt_cursor_text(c, d, row)))
			continue;
		c->picks[kept++] = *p;
	}
	return kept;
}

/* 0 or -ENOMEM. */
static int next_window(struct vt_cursor *c, struct vt_log *log, const struct vt_selection *s)
{
	const struct vt_section *map = &c->opened.map;
	uint64_t ticks[VT_WINDOW];
	uint8_t types[VT_WINDOW];
	uint32_t counts[VT_MAX_TYPES];
	uint32_t count = map->events - c->at < VT_WINDOW ? map->events - c->at : VT_WINDOW;

	vt_section_ticks(map, c->at, count, c->before, ticks);
	vt_section_types(map, c->at, count, types);
	c->pick_count = pick_types(c, count, ticks, types, counts);
	int err = make_rows(c, counts);
	if (err < 0)
		return err;
	c->pick_count = pick_values(c, log, s, c->pick_count);
	c->pick = 0;
	c->at += count;
	c->before = ticks[count - 1];
	return 0;
}

int vt_cursor_fill(struct vt_cursor *c, struct vt_log *log, const struct vt_selection *s)
{
	int err = c->open ? 0 : open_section(c, log, s);

	while (err == 0 && c->pick == c->pick_count && c->at < c->ref->events)
		err = next_window(c, log, s);
	if (err == -VT_E_DAMAGED) {
		vt_cursor_close(c);
		c->gap = true;
		c->key = c->ref->t_max;
		return 1;
	}
	if (err < 0)
		return err;
	if (c->pick == c->pick_count)
		return 0;
	c->key = c->picks[c->pick].ticks;
	return 1;
}
