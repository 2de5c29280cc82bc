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
#include "decoder/text_value.h"
#include "decoder/units.h"

#define EVENT_WIDTH     16u             /* event with indentation; a key brings its own blank */
#define THREAD_WIDTH    24u             /* a longer label is not aligned to */

struct bytes {
	char *at;                       /* SHORT bytes at least */
	uint32_t length;
};

/* What is no longer is copied as a block of constant length: what is behind it is overwritten next. */
#define SHORT           32u

static inline char *put_bytes(char *p, const struct bytes *b)
{
	if (vt_likely(b->length <= SHORT))
		memcpy(p, b->at, SHORT);
	else
		memcpy(p, b->at, b->length);
	return p + b->length;
}

static inline char *put_blanks(char *p, size_t count)
{
	memset(p, ' ', SHORT);
	if (vt_unlikely(count > SHORT))
		memset(p + SHORT, ' ', count - SHORT);
	return p + count;
}


struct text_type {
	struct bytes name;              /* "gc.begin" */
	struct bytes keys[VT_MAX_FIELDS];       /* " time=" */
};

/* What is worked out once a ring, by who marks or by who writes; most events are of the ring of the one before. */
struct by_ring {
	struct vt_pointer_map map;
	const struct vt_ring_info *last;
	void *value;                    /* of the last */
};

/* The indentation, and whether the span never ends: all that depends on other events. */
#define OPEN_AT_END     0x80000000u

struct text_state {
	struct by_ring spans;           /* struct vt_spans */
	struct vt_end_spans at_end;
	bool flat;                      /* BEGIN and END do not both come: no indentation */
};

struct text_writer {
	const struct vt_export_context *context;
	struct by_ring labels;          /* struct bytes: "  name/tid  " */
	struct vt_pointer_map types;
	size_t label_width;
	uint64_t day;                   /* of `date`, for UTC */
	char date[11];
	uint64_t second;                /* of `seconds`, "12."; seconds of 64-bit ns have 11 digits */
	uint8_t second_length;          /* 0: none yet */
	char seconds[16];
	struct vt_known_strings known;
};

/* Takes what was written into a memory sink as bytes of its own. */
static int take_bytes(struct vt_sink *s, struct bytes *to)
{
	int err = s->error ? -s->error : 0;

	if (!err) {
		to->at = calloc(1, s->used > SHORT ? s->used : SHORT);
		if (to->at)
			memcpy(to->at, s->buffer, s->used);
		else
			err = -ENOMEM;
		to->length = (uint32_t)s->used;
	}
	s->used = 0;
	return err;
}

static void free_bytes(void *value)
{
	struct bytes *bytes = value;

	free(bytes->at);
	free(bytes);
}

static void free_spans(void *value)
{
	vt_spans_free(value);
	free(value);
}

static void free_type(void *value)
{
	struct text_type *type = value;

	free(type->name.at);
	for (unsigned i = 0; i < VT_MAX_FIELDS; i++)
		free(type->keys[i].at);
	free(type);
}

static VT_COLD void *add_label(struct text_writer *w, const struct vt_ring_info *info, bool colour)
{
	struct bytes *label = calloc(1, sizeof(*label));
	struct vt_sink s;

	if (!label || vt_sink_memory(&s)) {
		free(label);
		return NULL;
	}
	vt_sink_string(&s, "  ");
	vt_thread_label(&s, w->context->in, info);
	vt_sink_blanks(&s, s.used - 2 < w->label_width ? w->label_width - (s.used - 2) : 0);
	s.colour = s.coloured = colour;
	vt_sink_role(&s, VT_ROLE_END);
	vt_sink_string(&s, "  ");
	int err = take_bytes(&s, label);
	vt_sink_discard(&s);
	if (err || vt_pointer_map_add(&w->labels.map, info, label)) {
		free_bytes(label);
		return NULL;
	}
	return label;
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

static VT_COLD struct text_type *add_type(struct vt_pointer_map *types, const struct vt_event *event)
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

static inline const struct bytes *label_of(struct text_writer *w, const struct vt_ring_info *info, bool colour)
{
	struct by_ring *by = &w->labels;

	if (vt_likely(info == by->last))
		return by->value;
	by->value = vt_pointer_map_get(&by->map, info);
	if (!by->value)
		by->value = add_label(w, info, colour);
	by->last = by->value ? info : NULL;
	return by->value;
}

static VT_COLD void *add_spans(struct text_state *t, const struct vt_ring_info *info)
{
	struct vt_spans *spans = calloc(1, sizeof(*spans));

	if (spans && vt_pointer_map_add(&t->spans.map, info, spans)) {
		free(spans);
		spans = NULL;
	}
	return spans;
}

static inline struct vt_spans *spans_of(struct text_state *t, const struct vt_ring_info *info)
{
	struct by_ring *by = &t->spans;

	if (vt_likely(info == by->last))
		return by->value;
	by->value = vt_pointer_map_get(&by->map, info);
	if (!by->value)
		by->value = add_spans(t, info);
	by->last = by->value ? info : NULL;
	return by->value;
}

/* ---- pieces of a line ---------------------------------------------------------------------- */

static char *put_utc(struct text_writer *w, char *p, uint64_t realtime)
{
	uint64_t day = realtime / 86400000000000ull;
	uint32_t second = (uint32_t)(realtime / 1000000000 % 86400);
	char whole[VT_NUM_MAX];

	if (day != w->day || w->date[0] == '\0') {
		vt_num_utc(whole, realtime, 0);
		memcpy(w->date, whole, sizeof(w->date));
		w->day = day;
	}
	memcpy(p, w->date, sizeof(w->date));
	p = vt_num_pair(p + sizeof(w->date), second / 3600);
	*p++ = ':';
	p = vt_num_pair(p, second / 60 % 60);
	*p++ = ':';
	p = vt_num_pair(p, second % 60);
	*p++ = '.';
	p = vt_num_nine(p, (uint32_t)(realtime % 1000000000));
	*p++ = 'Z';
	return p;
}

static char *put_time(struct text_writer *w, char *p, const struct vt_event *event)
{
	uint64_t time = w->context->time == VT_TIME_REL ? event->t_ns
	                                                : vt_export_time(w->context, event);
	if (w->context->time == VT_TIME_TICKS)
		return vt_num_u64(p, time);
	if (w->context->time == VT_TIME_UTC)
		return put_utc(w, p, time);
	uint64_t second = time / 1000000000;
	if (vt_unlikely(second != w->second || w->second_length == 0)) {
		w->second = second;
		w->second_length = (uint8_t)(vt_num_u64(w->seconds, second) - w->seconds);
		w->seconds[w->second_length++] = '.';
	}
	memcpy(p, w->seconds, sizeof(w->seconds));
	return vt_num_nine(p + w->second_length, (uint32_t)(time - second * 1000000000));
}

/* `column`: where the event's name ended, so that the first key can be aligned. */
static void put_fields(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event,
                       const struct text_type *type, bool exact, size_t column, struct text_writer *w)
{
	const struct vt_event_desc *desc = event->desc;

	for (unsigned i = 0; i < desc->count; i++) {
		if (vt_field_absent(&desc->fields[i], event->values[i]))
			continue;
		char *p = vt_sink_room(out, VT_SINK_ROOM);
		if (column + 1 < EVENT_WIDTH) {
			p = put_blanks(p, EVENT_WIDTH - 1 - column);
			column = EVENT_WIDTH;
		}
		vt_sink_upto(out, put_bytes(p, &type->keys[i]));
		vt_text_value(out, in, event, i, exact, w ? &w->known : NULL);
	}
}

/* ---- lines --------------------------------------------------------------------------------- */

static void put_gap(struct text_writer *w, struct vt_sink *out, const struct vt_event *event,
                    const struct bytes *label)
{
	const struct vt_gap *gap = event->gap;
	struct vt_reader *reader = w->context->in->reader;

	vt_sink_role(out, VT_ROLE_DIM);
	char *p = put_time(w, vt_sink_room(out, VT_NUM_MAX), event);
	vt_sink_upto(out, p);
	vt_sink_bytes(out, label->at, label->length);
	vt_sink_role(out, VT_ROLE_BAD);
	vt_sink_string(out, "-- lost ");
	vt_sink_upto(out, vt_num_grouped(vt_sink_room(out, VT_NUM_MAX), gap->total));
	vt_sink_printf(out, " events (%s) from=", vt_cause_name(gap->cause));
	p = vt_sink_room(out, 2 * VT_NUM_MAX);
	p = vt_num_seconds(p, vt_reader_ns(reader, gap->t_before), 9);
	memcpy(p, " to=", 4);
	vt_sink_upto(out, vt_num_seconds(p + 4, vt_reader_ns(reader, gap->t_after), 9));
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (gap->events[c] == 0)
			continue;
		const char *name = event->ring->process->schema->categories[c].name;
		vt_sink_char(out, ' ');
		if (name)
			vt_sink_escaped(out, name, strlen(name), VT_ESCAPE_ALL);
		else
			vt_sink_printf(out, "#%u", c);
		vt_sink_printf(out, "=%llu", (unsigned long long)gap->events[c]);
	}
	vt_sink_role(out, VT_ROLE_END);
	vt_sink_char(out, '\n');
}

/* Where the event stands among the open spans of its ring; -ENOMEM. */
static int indentation(struct vt_spans *spans, const struct vt_event *event)
{
	struct vt_open_span ended;
	unsigned flags = event->desc->flags, depth = spans->depth;

	if (flags & VT_EVENT_BEGIN) {
		int err = vt_spans_begin(spans, event->desc, event->ticks);
		return err ? err : (int)depth;
	}
	if (flags & (VT_EVENT_UNWIND | VT_EVENT_SWITCH)) {
		int err = vt_spans_instant(spans, event->desc, event->values);
		return err ? err : (int)spans->depth;
	}
	if (!(flags & VT_EVENT_END))
		return (int)depth;
	if (vt_spans_end(spans, event->desc, &ended))
		return (int)spans->depth;
	return spans->depth == VT_SPAN_DEPTH ? (int)VT_SPAN_DEPTH : 0;
}

static int text_mark(void *state, const struct vt_event *event, uint32_t *mark)
{
	struct text_state *t = state;
	int depth = 0;

	if (vt_likely(!t->flat)) {
		struct vt_spans *spans = spans_of(t, event->ring);
		if (vt_unlikely(!spans))
			return -ENOMEM;
		if (vt_unlikely(event->gap != NULL))
			vt_spans_gap(spans, event->gap);
		else
			depth = indentation(spans, event);
		if (vt_unlikely(depth < 0))
			return depth;
	}
	*mark = (uint32_t)depth;
	if (vt_unlikely(t->at_end.count > 0) && !event->gap && (event->desc->flags & VT_EVENT_BEGIN) &&
	    vt_end_spans_at(&t->at_end, event->ring, event->ticks))
		*mark |= OPEN_AT_END;
	return 0;
}

static int text_write(void *writer, struct vt_sink *out, const struct vt_event *event, uint32_t mark)
{
	struct text_writer *w = writer;
	const struct bytes *label = label_of(w, event->ring, out->colour);
	uint32_t depth = mark & ~OPEN_AT_END;

	if (vt_unlikely(!label))
		return -ENOMEM;
	if (vt_unlikely(w->context->in->run_digits > 0))
		vt_run_column(out, w->context->in);
	if (vt_unlikely(event->gap != NULL)) {
		put_gap(w, out, event, label);
		return 0;
	}
	const struct text_type *type = vt_pointer_map_get(&w->types, event->desc);
	if (vt_unlikely(!type) && !(type = add_type(&w->types, event)))
		return -ENOMEM;

	if (vt_unlikely(out->colour))
		vt_sink_role(out, VT_ROLE_DIM);
	/* Escaped names are at most 4 * VT_MAX_NAME long: all of this fits the room. */
	char *p = put_time(w, vt_sink_room(out, VT_SINK_ROOM), event);
	p = put_blanks(put_bytes(p, label), depth);
	vt_sink_upto(out, put_bytes(p, &type->name));
	put_fields(out, w->context->in, event, type, w->context->exact, (size_t)depth + type->name.length, w);
	if (vt_unlikely(mark & OPEN_AT_END)) {
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

	vt_pointer_map_free(&t->spans.map, free_spans);
	vt_end_spans_free(&t->at_end);
}

static int text_write_begin(void *writer, const struct vt_export_context *context)
{
	struct text_writer *w = writer;

	w->context = context;
	w->label_width = label_width(context->in);
	return 0;
}

static void text_write_end(void *writer)
{
	struct text_writer *w = writer;

	vt_pointer_map_free(&w->labels.map, free_bytes);
	vt_pointer_map_free(&w->types, free_type);
}

void vt_text_event(struct vt_sink *out, const struct vt_input *in, const struct vt_event *event)
{
	struct vt_pointer_map types = { NULL, 0, 0 };
	struct text_type *type = add_type(&types, event);

	if (type) {
		vt_sink_bytes(out, type->name.at, type->name.length);
		put_fields(out, in, event, type, false, EVENT_WIDTH, NULL);
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
		vt_text_value(out, in, event, i, exact, NULL);
		any = true;
	}
	return any;
}

const struct vt_export vt_export_text = {
	.name = "text",
	.summary = "one event a line (default)",
	.state_size = sizeof(struct text_state),
	.begin = text_begin,
	.destroy = text_destroy,
	.mark = text_mark,
	.writer_size = sizeof(struct text_writer),
	.write_begin = text_write_begin,
	.write = text_write,
	.write_end = text_write_end,
};
