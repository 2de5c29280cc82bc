/* scope.c - see scope.h. */
#include "decoder/scope.h"

#include <stdlib.h>

#include "decoder/notes.h"

#define MAX_ENUMS       4096u
#define MAX_ENUMERATORS 4096u   /* highest value of an enumerator plus one */
#define EVENT_IDS       (VT_MAX_CATEGORIES << 8)

static const char *text(struct vt_arena *arena, struct vt_span span)
{
	return vt_arena_string(arena, span.at, span.length);
}

static int take_category(struct vt_scope *s, struct vt_arena *arena, struct vt_in body)
{
	struct vt_rec_category r;

	if (!vt_rec_category_decode(body, &r) || r.id >= VT_MAX_CATEGORIES)
		return NOTE_E_RECORD;
	struct vt_category_desc d = { text(arena, r.name), text(arena, r.help) };
	if (!d.name || !d.help)
		return NOTE_E_LIMIT;
	s->schema.categories[r.id] = d;
	return 0;
}

static struct vt_enum_desc *find_enum(struct vt_scope *s, const struct vt_scope *parent,
                                      struct vt_arena *arena, uint16_t id)
{
	if (id < s->enum_limit && s->enums[id])
		return s->enums[id];
	if (parent && id < parent->enum_limit && parent->enums[id])
		return parent->enums[id];
	if (id >= MAX_ENUMS || !vt_table_reach(&s->enums, &s->enum_limit, id))
		return NULL;
	s->enums[id] = vt_arena_take(arena, sizeof **s->enums);
	if (s->enums[id])
		s->enums[id]->name = "";
	return s->enums[id];
}

static int take_enum(struct vt_scope *s, struct vt_arena *arena, struct vt_in body)
{
	struct vt_rec_enum r;
	struct vt_span label;
	uint32_t value, highest = 0;

	if (!vt_rec_enum_decode(body, &r))
		return NOTE_E_RECORD;
	for (struct vt_rec_enum scan = r; vt_rec_enum_label(&scan, &value, &label);)
		if (value < MAX_ENUMERATORS && value >= highest)
			highest = value + 1;
	struct vt_enum_desc *e = find_enum(s, NULL, arena, r.id);
	const char *name = text(arena, r.name);
	const char **labels = vt_arena_take(arena, highest * sizeof *labels);
	if (!e || !name || !labels)
		return NOTE_E_LIMIT;
	while (vt_rec_enum_label(&r, &value, &label)) {
		if (value >= highest)
			continue;
		labels[value] = text(arena, label);
		if (!labels[value])
			return NOTE_E_LIMIT;
	}
	*e = (struct vt_enum_desc){ .name = name, .labels = labels, .count = highest };
	return 0;
}

/* What can be told from the fields: words, text, time. */
static void describe(struct vt_event_desc *d)
{
	d->text = -1;
	d->time = -1;
	for (uint8_t i = 0; i < d->count; i++) {
		if (d->fields[i].kind == VT_KIND_TEXT)
			d->text = (int8_t)i;
		else
			d->words++;
		if ((d->flags & (VT_EVENT_END | VT_EVENT_COMPLETE)) &&
		    d->fields[i].unit == VT_UNIT_NS && strcmp(d->fields[i].name, "time") == 0)
			d->time = (int8_t)i;
	}
}

static bool take_fields(struct vt_scope *s, const struct vt_scope *parent, struct vt_arena *arena,
                        const struct vt_rec_event *r, struct vt_field_desc *fields)
{
	for (uint8_t i = 0; i < r->count; i++) {
		struct vt_field_desc *f = &fields[i];
		f->name = text(arena, r->fields[i].name);
		f->help = text(arena, r->fields[i].help);
		f->kind = r->fields[i].kind;
		f->unit = r->fields[i].unit;
		f->flags = r->fields[i].flags;
		if (f->kind == VT_KIND_ENUM)
			f->of = find_enum(s, parent, arena, r->fields[i].of);
		if (!f->name || !f->help || (f->kind == VT_KIND_ENUM && !f->of))
			return false;
	}
	return true;
}

static int take_event(struct vt_scope *s, const struct vt_scope *parent, struct vt_arena *arena,
                      struct vt_in body)
{
	struct vt_rec_event r;
	unsigned texts = 0;

	if (!vt_rec_event_decode(body, &r) || r.id >= EVENT_IDS || r.count > VT_MAX_FIELDS)
		return NOTE_E_RECORD;
	for (uint8_t i = 0; i < r.count; i++)
		texts += r.fields[i].kind == VT_KIND_TEXT;
	if (texts > 1)
		return NOTE_E_RECORD;
	if (!vt_table_reach(&s->events, &s->event_limit, r.id) ||
	    (!s->events[r.id] && s->event_count >= VT_MAX_EVENT_TYPES))
		return NOTE_E_LIMIT;
	struct vt_event_desc *d = vt_arena_take(arena, sizeof *d);
	struct vt_field_desc *fields = vt_arena_take(arena, r.count * sizeof *fields);
	if (!d || !fields || !take_fields(s, parent, arena, &r, fields))
		return NOTE_E_LIMIT;
	*d = (struct vt_event_desc){
		.name = text(arena, r.name), .help = text(arena, r.help), .fields = fields,
		.id = r.id, .category = (uint8_t)(r.id >> 8), .flags = r.flags, .count = r.count,
	};
	if (!d->name || !d->help)
		return NOTE_E_LIMIT;
	describe(d);
	s->event_count += !s->events[r.id];
	s->events[r.id] = d;
	return 0;
}

static int take_metric(struct vt_scope *s, struct vt_arena *arena, struct vt_in body)
{
	struct vt_rec_metric r;

	if (!vt_rec_metric_decode(body, &r))
		return NOTE_E_RECORD;
	if (r.id >= VT_MAX_METRICS)
		return NOTE_E_LIMIT;
	struct vt_metric_desc d = {
		.name = text(arena, r.name), .family = text(arena, r.family),
		.labels = text(arena, r.labels), .help = text(arena, r.help),
		.source = r.source, .kind = r.kind, .unit = r.unit,
		.state = s->schema.metrics[r.id].state, .reason = s->schema.metrics[r.id].reason,
	};
	if (!d.name || !d.family || !d.labels || !d.help)
		return NOTE_E_LIMIT;
	s->schema.metrics[r.id] = d;
	return 0;
}

/* It comes after the METRIC record of its id, which a METRIC record that comes again does not undo. */
static int take_metric_state(struct vt_scope *s, struct vt_arena *arena, struct vt_in body)
{
	struct vt_rec_metric_state r;

	if (!vt_rec_metric_state_decode(body, &r))
		return NOTE_E_RECORD;
	struct vt_metric_desc *d = &s->schema.metrics[r.id];
	const char *reason = text(arena, r.reason);
	if (!reason)
		return NOTE_E_LIMIT;
	d->state = r.state;
	d->reason = reason;
	return 0;
}

static int take_source(struct vt_scope *s, struct vt_arena *arena, struct vt_in body)
{
	struct vt_rec_source r;

	if (!vt_rec_source_decode(body, &r))
		return NOTE_E_RECORD;
	if (r.id >= VT_MAX_SOURCES)
		return NOTE_E_LIMIT;
	struct vt_source_desc d = { text(arena, r.name), text(arena, r.help) };
	if (!d.name || !d.help)
		return NOTE_E_LIMIT;
	s->schema.sources[r.id] = d;
	return 0;
}

int vt_scope_record(struct vt_scope *s, const struct vt_scope *parent, struct vt_arena *arena,
                    uint16_t kind, struct vt_in body)
{
	switch (kind) {
	case VT_REC_CATEGORY:
		return take_category(s, arena, body);
	case VT_REC_ENUM:
		return take_enum(s, arena, body);
	case VT_REC_EVENT:
		return take_event(s, parent, arena, body);
	case VT_REC_METRIC:
		return take_metric(s, arena, body);
	case VT_REC_METRIC_STATE:
		return take_metric_state(s, arena, body);
	case VT_REC_SOURCE:
		return take_source(s, arena, body);
	default:
		return 0;
	}
}

static bool inherit(struct vt_scope *s, const struct vt_scope *parent)
{
	if (parent->event_limit > 0 && !vt_table_reach(&s->events, &s->event_limit, parent->event_limit - 1))
		return false;
	for (size_t i = 0; i < parent->event_limit; i++)
		if (!s->events[i])
			s->events[i] = parent->events[i];
	for (size_t i = 0; i < VT_MAX_CATEGORIES; i++)
		if (!s->schema.categories[i].name)
			s->schema.categories[i] = parent->schema.categories[i];
	for (size_t i = 0; i < VT_MAX_METRICS; i++)
		if (!s->schema.metrics[i].name)
			s->schema.metrics[i] = parent->schema.metrics[i];
	for (size_t i = 0; i < VT_MAX_SOURCES; i++)
		if (!s->schema.sources[i].name)
			s->schema.sources[i] = parent->schema.sources[i];
	return true;
}

bool vt_scope_finish(struct vt_scope *s, const struct vt_scope *parent)
{
	if (parent && !inherit(s, parent))
		return false;
	s->schema.events = s->events;
	s->schema.event_limit = (unsigned)s->event_limit;
	return true;
}

void vt_scope_free(struct vt_scope *s)
{
	free(s->events);
	free(s->enums);
}
