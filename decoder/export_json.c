/*
 * export_json.c - one flat object a line: t_ns, run, pid, tid, thread, category, event, then the
 * fields with their unit in the name. A gap is a line too: category and event are null, `lost`
 * counts.
 */
#include "decoder/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/jsonw.h"
#include "decoder/pointer_map.h"
#include "decoder/units.h"

struct json_writer {
	const struct vt_export_context *context;
	struct vt_sink *out;
	struct vt_pointer_map rings, types;
};

/* Text that is the same for each event of a ring, or of a type: taken over from a memory sink. */
static const char *add_text(struct vt_pointer_map *map, const void *key, struct vt_sink *s)
{
	char *text = s->error ? NULL : strdup(vt_sink_text(s));

	vt_sink_discard(s);
	if (!text || vt_pointer_map_add(map, key, text)) {
		free(text);
		return NULL;
	}
	return text;
}

static const char *ring_text(struct json_writer *j, const struct vt_ring_info *ring)
{
	const char *text = vt_pointer_map_get(&j->rings, ring), *name = vt_thread_name_of(ring);
	struct vt_sink s;

	if (text || vt_sink_memory(&s))
		return text;
	vt_sink_printf(&s, ",\"run\":\"%016" PRIx64 "\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32
	               ",\"thread\":", j->context->in->run->run, ring->process->pid, ring->tid);
	vt_json_string(&s, name, strlen(name));
	return add_text(&j->rings, ring, &s);
}

static const char *type_text(struct json_writer *j, const struct vt_event *event)
{
	const char *text = vt_pointer_map_get(&j->types, event->desc);
	const char *category = vt_event_category(event);
	struct vt_sink s;

	if (text || vt_sink_memory(&s))
		return text;
	vt_sink_string(&s, ",\"category\":");
	vt_json_string(&s, category, strlen(category));
	vt_sink_string(&s, ",\"event\":");
	vt_json_string(&s, event->desc->name, strlen(event->desc->name));
	return add_text(&j->types, event->desc, &s);
}

/* ,"time_ns": once a field descriptor */
static const char *key_text(struct json_writer *j, const struct vt_field_desc *field)
{
	const char *text = vt_pointer_map_get(&j->types, field);
	struct vt_sink key, s;

	if (text || vt_sink_memory(&key))
		return text;
	if (vt_sink_memory(&s) == 0) {
		vt_field_key(&key, field);
		vt_sink_char(&s, ',');
		vt_json_string(&s, key.buffer, key.used);
		vt_sink_char(&s, ':');
		text = add_text(&j->types, field, &s);
	}
	vt_sink_discard(&key);
	return text;
}

static void put_id(struct vt_sink *out, uint64_t id)
{
	char *p = vt_sink_room(out, VT_NUM_MAX);

	memcpy(p, "\"#", 2);
	p = vt_num_u64(p + 2, id);
	*p++ = '"';
	vt_sink_upto(out, p);
}

static void put_value(struct json_writer *j, const struct vt_event *event, unsigned i)
{
	const struct vt_field_desc *field = &event->desc->fields[i];
	uint64_t v = event->values[i];
	size_t length = (size_t)v;
	const char *text = event->text;
	double real;

	switch (field->kind) {
	case VT_KIND_STRING:
		text = vt_reader_string(j->context->in->reader, event->ring->process, v, &length);
		if (text)
			vt_json_string(j->out, text, length);
		else
			put_id(j->out, v);
		break;
	case VT_KIND_TEXT:
		vt_json_string(j->out, text ? text : "", text ? length : 0);
		break;
	case VT_KIND_ENUM:
		text = vt_enum_label(field, v);
		if (text)
			vt_json_string(j->out, text, strlen(text));
		else
			put_id(j->out, v);
		break;
	case VT_KIND_INT:
		vt_json_i64(j->out, (int64_t)v);
		break;
	case VT_KIND_FLOAT:
		memcpy(&real, &v, sizeof(real));
		vt_json_float(j->out, real);
		break;
	case VT_KIND_BOOL:
		vt_sink_string(j->out, v ? "true" : "false");
		break;
	default:
		vt_json_u64(j->out, v);
	}
}

static void put_gap(struct json_writer *j, const struct vt_event *event)
{
	const struct vt_gap *gap = event->gap;
	struct vt_reader *reader = j->context->in->reader;

	vt_sink_string(j->out, ",\"category\":null,\"event\":null,\"lost\":");
	vt_json_u64(j->out, gap->total);
	vt_sink_printf(j->out, ",\"cause\":\"%s\",\"from_ns\":", vt_cause_name(gap->cause));
	vt_json_u64(j->out, vt_reader_ns(reader, gap->t_before));
	vt_sink_string(j->out, ",\"to_ns\":");
	vt_json_u64(j->out, vt_reader_ns(reader, gap->t_after));
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *name = event->ring->process->schema->categories[c].name;
		struct vt_sink key;
		if (gap->events[c] == 0 || vt_sink_memory(&key))
			continue;
		vt_sink_string(&key, "lost_");
		if (name)
			vt_sink_string(&key, name);
		else
			vt_sink_printf(&key, "%u", c);
		vt_sink_char(j->out, ',');
		vt_json_string(j->out, key.buffer, key.used);
		vt_sink_discard(&key);
		vt_sink_char(j->out, ':');
		vt_json_u64(j->out, gap->events[c]);
	}
	vt_sink_string(j->out, "}\n");
}

static int json_write_begin(void *writer, const struct vt_export_context *context)
{
	struct json_writer *j = writer;

	j->context = context;
	return 0;
}

static int json_write(void *writer, struct vt_sink *out, const struct vt_event *event, uint32_t mark)
{
	struct json_writer *j = writer;
	const char *ring = ring_text(j, event->ring);

	(void)mark;
	j->out = out;
	if (!ring)
		return -ENOMEM;
	vt_sink_string(j->out, "{\"t_ns\":");
	vt_json_u64(j->out, vt_export_time(j->context, event));
	vt_sink_string(j->out, ring);
	if (event->gap) {
		put_gap(j, event);
		return 0;
	}
	const char *type = type_text(j, event);
	if (!type)
		return -ENOMEM;
	vt_sink_string(j->out, type);
	for (unsigned i = 0; i < event->desc->count; i++) {
		const struct vt_field_desc *field = &event->desc->fields[i];
		if (vt_field_absent(field, event->values[i]))
			continue;
		const char *key = key_text(j, field);
		if (!key)
			return -ENOMEM;
		vt_sink_string(j->out, key);
		put_value(j, event, i);
	}
	vt_sink_bytes(j->out, "}\n", 2);
	return 0;
}

static void json_write_end(void *writer)
{
	struct json_writer *j = writer;

	vt_pointer_map_free(&j->rings, free);
	vt_pointer_map_free(&j->types, free);
}

const struct vt_export vt_export_json = {
	.name = "json",
	.summary = "one flat object a line",
	.writer_size = sizeof(struct json_writer),
	.write_begin = json_write_begin,
	.write = json_write,
	.write_end = json_write_end,
};
