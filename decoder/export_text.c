/*
 * export_text.c - one event a line: time, thread, category.event indented by open spans, key=value.
 *
 * This is the fast one. What is the same for every event of a ring (its label) or of a type (its
 * name, the keys) is worked out once and copied; numbers are formatted in place; nothing is
 * printed by format.
 */
#include "decoder/export.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/pointer_map.h"
#include "decoder/spans.h"
#include "decoder/units.h"

#define EVENT_WIDTH     16u             /* event with indentation; a key brings its own blank */
#define THREAD_WIDTH    24u             /* a longer label is not aligned to */

struct bytes {
	char *at;
	uint32_t length;
};

struct text_ring {
	struct bytes label;             /* "  name/tid  " */
	struct vt_spans spans;
};

struct text_type {
	struct bytes name;              /* "gc.begin" */
	struct bytes keys[VT_MAX_FIELDS];       /* " time=" */
};

struct text_state {
	const struct vt_export_context *context;
	struct vt_sink *out;
	struct vt_pointer_map rings, types;
	const struct vt_ring_info *last_key;    /* most events are of the ring of the event before */
	struct text_ring *last_ring;
	struct vt_end_spans at_end;
	size_t label_width;
	bool flat;                      /* BEGIN and END do not both come: no indentation */
	uint64_t day;                   /* of `date`, for UTC */
	char date[11];
};

/* Takes what was written into a memory sink as bytes of its own. */
static int take_bytes(struct vt_sink *s, struct bytes *to)
{
	int err = s->error ? -s->error : 0;

	if (!err) {
		to->at = malloc(s->used + 1);
		if (to->at)
			memcpy(to->at, s->buffer, s->used);
		else
			err = -ENOMEM;
		to->length = (uint32_t)s->used;
	}
	s->used = 0;
	return err;
}

static void free_ring(void *value)
{
	struct text_ring *ring = value;

	vt_spans_free(&ring->spans);
	free(ring->label.at);
	free(ring);
}

static void free_type(void *value)
{
	struct text_type *type = value;

	free(type->name.at);
	for (unsigned i = 0; i < VT_MAX_FIELDS; i++)
		free(type->keys[i].at);
	free(type);
}

static __attribute__((noinline)) struct text_ring *add_ring(struct text_state *t,
                                                            const struct vt_ring_info *info)
{
	struct text_ring *ring = calloc(1, sizeof(*ring));
	struct vt_sink s;

	if (!ring || vt_sink_memory(&s)) {
		free(ring);
		return NULL;
	}
	vt_sink_string(&s, "  ");
	vt_thread_label(&s, t->context->in, info);
	vt_sink_blanks(&s, s.used - 2 < t->label_width ? t->label_width - (s.used - 2) : 0);
	s.colour = s.coloured = t->out->colour;
	vt_sink_role(&s, VT_ROLE_END);
	vt_sink_string(&s, "  ");
	int err = take_bytes(&s, &ring->label);
	vt_sink_discard(&s);
	if (err || vt_pointer_map_add(&t->rings, info, ring)) {
		free_ring(ring);
		return NULL;
	}
	return ring;
}

static void put_name(struct vt_sink *s, const char *name)
{
	vt_sink_escaped(s, name, strnlen(name, VT_MAX_NAME), VT_ESCAPE_ALL);
}

static int fill_type(struct text_type *type, struct vt_sink *s, const struct vt_event *event)
{
	const struct vt_event_desc *desc = event->desc;
	const char *category = vt_event_category(event);

	put_name(s, category);
	vt_sink_char(s, '.');
	put_name(s, desc->name);
	int err = take_bytes(s, &type->name);
	for (unsigned i = 0; !err && i < desc->count; i++) {
		vt_sink_char(s, ' ');
		put_name(s, desc->fields[i].name);
		vt_sink_char(s, '=');
		err = take_bytes(s, &type->keys[i]);
	}
	return err;
}

static __attribute__((noinline)) struct text_type *add_type(struct vt_pointer_map *types,
                                                            const struct vt_event *event)
{
	struct text_type *type = calloc(1, sizeof(*type));
	struct vt_sink s;

	if (!type || vt_sink_memory(&s)) {
		free(type);
		return NULL;
	}
	int err = fill_type(type, &s, event);
	vt_sink_discard(&s);
	if (err || vt_pointer_map_add(types, event->desc, type)) {
		free_type(type);
		return NULL;
	}
	return type;
}

static struct text_ring *ring_of(struct text_state *t, const struct vt_ring_info *info)
{
	if (vt_likely(info == t->last_key))
		return t->last_ring;
	struct text_ring *ring = vt_pointer_map_get(&t->rings, info);
	if (!ring)
		ring = add_ring(t, info);
	t->last_key = ring ? info : NULL;
	t->last_ring = ring;
	return ring;
}

/* ---- pieces of a line ---------------------------------------------------------------------- */

static char *put_utc(struct text_state *t, char *p, uint64_t realtime)
{
	uint64_t day = realtime / 86400000000000ull;
	uint32_t second = (uint32_t)(realtime / 1000000000 % 86400);
	char whole[VT_NUM_MAX];

	if (day != t->day || t->date[0] == '\0') {
		vt_num_utc(whole, realtime, 0);
		memcpy(t->date, whole, sizeof(t->date));
		t->day = day;
	}
	memcpy(p, t->date, sizeof(t->date));
	p = vt_num_pair(p + sizeof(t->date), second / 3600);
	*p++ = ':';
	p = vt_num_pair(p, second / 60 % 60);
	*p++ = ':';
	p = vt_num_pair(p, second % 60);
	*p++ = '.';
	p = vt_num_nine(p, (uint32_t)(realtime % 1000000000));
	*p++ = 'Z';
	return p;
}

static char *put_time(struct text_state *t, char *p, const struct vt_event *event)
{
	uint64_t time = t->context->time == VT_TIME_REL ? event->t_ns
	                                                : vt_export_time(t->context, event);
	if (t->context->time == VT_TIME_TICKS)
		return vt_num_u64(p, time);
	if (t->context->time == VT_TIME_UTC)
		return put_utc(t, p, time);
	p = vt_num_u64(p, time / 1000000000);
	*p++ = '.';
	return vt_num_nine(p, (uint32_t)(time % 1000000000));
}

static char *put_id(char *p, uint64_t id)
{
	*p++ = '#';
	return vt_num_u64(p, id);
}

static void put_string(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                       uint64_t id)
{
	size_t length;
	const char *text = vt_reader_string(in->reader, event->ring->process, id, &length);

	if (text)
		vt_sink_escaped(out, text, length, VT_ESCAPE_ALL);
	else
		vt_sink_upto(out, put_id(vt_sink_room(out, VT_NUM_MAX), id));
}

static char *put_unit(char *p, const struct vt_field_desc *field, uint64_t v, bool exact)
{
	if (!exact)
		return field->unit == VT_UNIT_NS ? vt_num_ns(p, v) : vt_num_bytes(p, v);
	p = vt_num_u64(p, v);
	if (field->unit == VT_UNIT_NS) {
		memcpy(p, "ns", 2);
		return p + 2;
	}
	*p++ = 'B';
	return p;
}

/* Values that are short: all but strings and text. */
static char *put_number(char *p, const struct vt_field_desc *field, uint64_t v, bool exact)
{
	double real;

	if (field->kind == VT_KIND_INT)
		return vt_num_i64(p, (int64_t)v);
	if (field->kind == VT_KIND_FLOAT) {
		memcpy(&real, &v, sizeof(real));
		return vt_num_float(p, real);
	}
	if (field->unit == VT_UNIT_NS || field->unit == VT_UNIT_BYTES)
		return put_unit(p, field, v, exact);
	return vt_num_u64(p, v);
}

static void put_field(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                      unsigned i, bool exact)
{
	const struct vt_field_desc *field = &event->desc->fields[i];
	uint64_t v = event->values[i];
	const char *label;

	switch (field->kind) {
	case VT_KIND_STRING:
		put_string(out, in, event, v);
		break;
	case VT_KIND_TEXT:
		vt_sink_escaped(out, event->text, event->text ? (size_t)v : 0, VT_ESCAPE_ALL);
		break;
	case VT_KIND_ENUM:
		label = vt_enum_label(field, v);
		if (label) {
			vt_sink_escaped(out, label, strlen(label), VT_ESCAPE_ALL);
			break;
		}
		vt_sink_upto(out, put_id(vt_sink_room(out, VT_NUM_MAX), v));
		break;
	default:
		vt_sink_upto(out, put_number(vt_sink_room(out, VT_NUM_MAX), field, v, exact));
	}
}

/* `column`: where the event's name ended, so that the first key can be aligned. */
static void put_fields(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                       const struct text_type *type, bool exact, size_t column)
{
	const struct vt_event_desc *desc = event->desc;

	for (unsigned i = 0; i < desc->count; i++) {
		if (vt_field_absent(&desc->fields[i], event->values[i]))
			continue;
		char *p = vt_sink_room(out, VT_SINK_ROOM);
		for (; column + 1 < EVENT_WIDTH; column++)
			*p++ = ' ';
		memcpy(p, type->keys[i].at, type->keys[i].length);
		vt_sink_upto(out, p + type->keys[i].length);
		put_field(out, in, event, i, exact);
	}
}

/* ---- lines --------------------------------------------------------------------------------- */

static int put_gap(struct text_state *t, const struct vt_event *event, struct text_ring *ring)
{
	const struct vt_gap *gap = event->gap;
	struct vt_reader *reader = t->context->in->reader;

	vt_sink_role(t->out, VT_ROLE_DIM);
	char *p = put_time(t, vt_sink_room(t->out, VT_NUM_MAX), event);
	vt_sink_upto(t->out, p);
	vt_sink_bytes(t->out, ring->label.at, ring->label.length);
	vt_sink_role(t->out, VT_ROLE_BAD);
	vt_sink_string(t->out, "-- lost ");
	vt_sink_upto(t->out, vt_num_grouped(vt_sink_room(t->out, VT_NUM_MAX), gap->total));
	vt_sink_printf(t->out, " events (%s) from=", vt_cause_name(gap->cause));
	p = vt_sink_room(t->out, 2 * VT_NUM_MAX);
	p = vt_num_seconds(p, vt_reader_ns(reader, gap->t_before), 9);
	memcpy(p, " to=", 4);
	vt_sink_upto(t->out, vt_num_seconds(p + 4, vt_reader_ns(reader, gap->t_after), 9));
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (gap->events[c] == 0)
			continue;
		const char *name = event->ring->process->schema->categories[c].name;
		vt_sink_char(t->out, ' ');
		if (name)
			vt_sink_escaped(t->out, name, strlen(name), VT_ESCAPE_ALL);
		else
			vt_sink_printf(t->out, "#%u", c);
		vt_sink_printf(t->out, "=%llu", (unsigned long long)gap->events[c]);
	}
	vt_sink_role(t->out, VT_ROLE_END);
	vt_sink_char(t->out, '\n');
	vt_spans_gap(&ring->spans, gap);
	return 0;
}

/* Where the event stands among the open spans of its ring; -ENOMEM. */
static int indentation(struct text_ring *ring, const struct vt_event *event, bool flat)
{
	struct vt_open_span ended;
	unsigned flags = event->desc->flags, depth = ring->spans.depth;

	if (flat)
		return 0;

	if (flags & VT_EVENT_BEGIN) {
		int err = vt_spans_begin(&ring->spans, event->desc, event->ticks);
		return err ? err : (int)depth;
	}
	if (!(flags & VT_EVENT_END))
		return (int)depth;
	if (vt_spans_end(&ring->spans, event->desc, &ended))
		return (int)ring->spans.depth;
	return ring->spans.depth == VT_SPAN_DEPTH ? (int)VT_SPAN_DEPTH : 0;
}

static int text_event(void *state, const struct vt_event *event)
{
	struct text_state *t = state;
	struct vt_sink *out = t->out;
	struct text_ring *ring = ring_of(t, event->ring);

	if (vt_unlikely(!ring))
		return -ENOMEM;
	if (vt_unlikely(t->context->in->run_digits > 0))
		vt_run_column(out, t->context->in);
	if (vt_unlikely(event->gap != NULL))
		return put_gap(t, event, ring);
	struct text_type *type = vt_pointer_map_get(&t->types, event->desc);
	if (vt_unlikely(!type) && !(type = add_type(&t->types, event)))
		return -ENOMEM;
	int depth = indentation(ring, event, t->flat);
	if (vt_unlikely(depth < 0))
		return depth;

	if (vt_unlikely(out->colour))
		vt_sink_role(out, VT_ROLE_DIM);
	/* Escaped names are at most 4 * VT_MAX_NAME long: all of this fits the room. */
	char *p = put_time(t, vt_sink_room(out, VT_SINK_ROOM), event);
	memcpy(p, ring->label.at, ring->label.length);
	p += ring->label.length;
	memset(p, ' ', (size_t)depth);
	p += depth;
	memcpy(p, type->name.at, type->name.length);
	p += type->name.length;
	vt_sink_upto(out, p);
	put_fields(out, t->context->in, event, type, t->context->exact,
	           (size_t)depth + type->name.length);
	if (vt_unlikely(t->at_end.count > 0) && (event->desc->flags & VT_EVENT_BEGIN) &&
	    vt_end_spans_at(&t->at_end, event->ring, event->ticks)) {
		vt_sink_role(out, VT_ROLE_BAD);
		vt_sink_string(out, "   <open at the end>");
		vt_sink_role(out, VT_ROLE_END);
	}
	vt_sink_char(out, '\n');
	return 0;
}

/*
 * A filter by value keeps one end of a span without the other, and so does a list of single events:
 * open spans would pile up.
 */
static bool splits_spans(const struct vt_filter *filter)
{
	bool single = false, whole = false;

	for (unsigned i = 0; i < filter->event_count; i++) {
		single |= *filter->events[i] != '!';
		whole |= strchr(filter->events[i], '*') != NULL;
	}
	return filter->where_count > 0 || filter->min_duration_ns > 0 || (single && !whole);
}

static size_t label_width(const struct vt_input *in)
{
	struct vt_sink s;
	size_t width = 0;

	if (vt_sink_memory(&s))
		return 0;
	for (unsigned i = 0; i < in->run->ring_count; i++) {
		s.used = 0;
		vt_thread_label(&s, in, in->run->rings[i]);
		if (s.used > width && s.used <= THREAD_WIDTH)
			width = s.used;
	}
	vt_sink_discard(&s);
	return width;
}

static int text_begin(void *state, const struct vt_export_context *context)
{
	struct text_state *t = state;
	const struct vt_run_info *run = context->in->run;
	const char *unknown;
	bool abrupt = false;

	t->context = context;
	t->out = context->out;
	t->label_width = label_width(context->in);
	t->flat = splits_spans(context->filter);
	for (unsigned i = 0; i < run->process_count; i++)
		abrupt |= vt_ending_is_abrupt(run->processes[i]);
	if (!abrupt)
		return 0;
	int err = vt_end_spans_find(context->in->reader, context->filter, &t->at_end);
	return err ? err : vt_reader_select(context->in->reader, context->filter, &unknown);
}

static void text_destroy(void *state)
{
	struct text_state *t = state;

	vt_pointer_map_free(&t->rings, free_ring);
	vt_pointer_map_free(&t->types, free_type);
	vt_end_spans_free(&t->at_end);
}

void vt_text_event(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event)
{
	struct vt_pointer_map types = { NULL, 0, 0 };
	struct text_type *type = add_type(&types, event);

	if (type) {
		vt_sink_bytes(out, type->name.at, type->name.length);
		put_fields(out, in, event, type, false, EVENT_WIDTH);
	}
	vt_pointer_map_free(&types, free_type);
}

bool vt_text_fields(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                    bool exact)
{
	const struct vt_event_desc *desc = event->desc;
	bool any = false;

	for (unsigned i = 0; i < desc->count; i++) {
		if (vt_field_absent(&desc->fields[i], event->values[i]))
			continue;
		vt_sink_char(out, ' ');
		put_name(out, desc->fields[i].name);
		vt_sink_char(out, '=');
		put_field(out, in, event, i, exact);
		any = true;
	}
	return any;
}

const struct vt_export vt_export_text = {
	.name = "text",
	.summary = "one event a line (default)",
	.state_size = sizeof(struct text_state),
	.begin = text_begin,
	.event = text_event,
	.destroy = text_destroy,
};
