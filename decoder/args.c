/* args.c - see args.h. */
#include "decoder/args.h"

#include <inttypes.h>
#include <stdio.h>

#include "decoder/export.h"
#include "decoder/spans.h"
#include "decoder/units.h"

int vt_args_init(struct vt_args *a, const struct vt_input *in)
{
	a->in = in;
	return vt_sink_memory(&a->key);
}

void vt_args_free(struct vt_args *a)
{
	vt_sink_discard(&a->key);
}

static void put_text(struct vt_arg *arg, const char *text, size_t length)
{
	arg->kind = VT_ARG_TEXT;
	arg->text = text;
	arg->length = length;
}

/* A number that stands for a name which the log lacks. */
static void put_id(struct vt_arg *arg, uint64_t id, char room[VT_NUM_MAX])
{
	room[0] = '#';
	put_text(arg, room, (size_t)(vt_num_u64(room + 1, id) - room));
}

static void value_of(const struct vt_input *in, const struct vt_event *event, unsigned i, struct vt_arg *arg,
                     char room[VT_NUM_MAX])
{
	const struct vt_field_desc *field = &event->desc->fields[i];
	uint64_t v = event->values[i];
	const char *text;
	size_t length;

	*arg = (struct vt_arg){ .kind = VT_ARG_UNSIGNED, .number = v };
	switch (field->kind) {
	case VT_KIND_STRING:
		text = vt_reader_string(in->reader, event->ring->process, v, &length);
		if (text)
			put_text(arg, text, length);
		else
			put_id(arg, v, room);
		break;
	case VT_KIND_TEXT:
		put_text(arg, event->text ? event->text : "", event->text ? (size_t)v : 0);
		break;
	case VT_KIND_ENUM:
		text = vt_enum_label(field, v);
		if (text)
			put_text(arg, text, strlen(text));
		else
			put_id(arg, v, room);
		break;
	case VT_KIND_INT:
		arg->kind = VT_ARG_SIGNED;
		break;
	case VT_KIND_FLOAT:
		arg->kind = VT_ARG_REAL;
		memcpy(&arg->real, &v, sizeof(v));
		break;
	case VT_KIND_BOOL:
		arg->kind = VT_ARG_BOOL;
		break;
	default:
		break;
	}
}

const struct vt_event_desc *vt_args_begin(const struct vt_event *event)
{
	const struct vt_event_desc *desc = event->desc, *begin = NULL;

	if (desc->flags & VT_EVENT_END)
		begin = vt_schema_event(event->ring->process->schema, desc->id - 1u);
	return begin && (begin->flags & VT_EVENT_BEGIN) ? begin : desc;
}

/* The field that names it; -1: its type does. */
static int name_field(const struct vt_input *in, const struct vt_event *event)
{
	size_t length;

	for (unsigned i = 0; i < event->desc->count; i++)
		if (event->desc->fields[i].kind == VT_KIND_STRING &&
		    vt_reader_string(in->reader, event->ring->process, event->values[i], &length) &&
		    length > 0)
			return (int)i;
	return -1;
}

/* `begin`: the type of which these fields were told already, or NULL. */
static void put_fields(struct vt_args *a, const struct vt_event *event, const struct vt_event_desc *begin)
{
	int name = name_field(a->in, event);

	for (unsigned i = 0; i < event->desc->count; i++) {
		char room[VT_NUM_MAX];
		struct vt_arg arg;
		const struct vt_field_desc *field = &event->desc->fields[i];
		bool twice = begin && vt_field_named(begin, field->name) >= 0;
		if (vt_field_absent(field, event->values[i]) || (int)i == name ||
		    (twice && (field->flags & VT_FIELD_LINK)))
			continue;
		value_of(a->in, event, i, &arg, room);
		a->key.used = 0;
		vt_sink_string(&a->key, twice ? "end_" : "");
		vt_field_key(&a->key, field);
		a->put(a->user, a->key.buffer, a->key.used, &arg);
	}
}

void vt_args_of_event(struct vt_args *a, const struct vt_event *event)
{
	put_fields(a, event, NULL);
}

void vt_args_of_end(struct vt_args *a, const struct vt_event *event)
{
	const struct vt_event_desc *begin = vt_args_begin(event);

	put_fields(a, event, begin == event->desc ? NULL : begin);
}

void vt_args_note(struct vt_args *a, const char *key, const char *text)
{
	struct vt_arg arg = { .kind = VT_ARG_TEXT, .text = text, .length = strlen(text) };

	a->put(a->user, key, strlen(key), &arg);
}

static void put_number(struct vt_args *a, const char *key, uint64_t number)
{
	struct vt_arg arg = { .kind = VT_ARG_UNSIGNED, .number = number };

	a->put(a->user, key, strlen(key), &arg);
}

void vt_args_of_gap(struct vt_args *a, const struct vt_event *event)
{
	const struct vt_gap *gap = event->gap;

	vt_args_note(a, "cause", vt_cause_name(gap->cause));
	put_number(a, "from_ns", vt_reader_ns(a->in->reader, gap->t_before));
	put_number(a, "to_ns", vt_reader_ns(a->in->reader, gap->t_after));
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *name = event->ring->process->schema->categories[c].name;
		char key[VT_MAX_NAME + 16];
		if (gap->events[c] == 0)
			continue;
		if (name)
			snprintf(key, sizeof(key), "lost_%s", name);
		else
			snprintf(key, sizeof(key), "lost_%u", c);
		put_number(a, key, gap->events[c]);
	}
}

const char *vt_args_type_name(const struct vt_ring_info *ring, const struct vt_event_desc *desc,
                              char *room, size_t *length)
{
	const struct vt_event event = { .ring = ring, .desc = desc };
	int n = snprintf(room, VT_ARGS_NAME, "%.*s.%.*s", (int)VT_MAX_NAME, vt_event_category(&event),
	                 (int)VT_MAX_NAME, desc->name);

	*length = n < 0 ? 0 : (size_t)n < VT_ARGS_NAME ? (size_t)n : VT_ARGS_NAME - 1;
	return room;
}

const char *vt_args_name(const struct vt_input *in, const struct vt_event *event, char room[VT_ARGS_NAME],
                         size_t *length)
{
	int i = name_field(in, event);

	if (i >= 0)
		return vt_reader_string(in->reader, event->ring->process, event->values[i], length);
	return vt_args_type_name(event->ring, vt_args_begin(event), room, length);
}
