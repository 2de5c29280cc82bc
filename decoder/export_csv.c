/*
 * export_csv.c - RFC 4180: one header, the fixed columns, then the union of the fields of the
 * events that are selected, in the order of the schema. Empty means absent. Gaps have no row:
 * they are told on stderr at the end.
 */
#include "decoder/export.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include <valktrace/error.h>

#include "decoder/pointer_map.h"
#include "decoder/units.h"

#define MOST_COLUMNS 1024u         /* what a spreadsheet opens; keeps hostile schemas bounded */
#define FIXED "t_ns,run,pid,tid,thread,category,event"


struct csv_type {
	const struct vt_event_desc *desc;
	unsigned columns[VT_MAX_FIELDS];        /* where each field goes */
};

/*
 * The columns of all runs, which stand in one header. A column is told apart by its key alone: `time_ns` of
 * two event types is one column.
 */
struct csv_shared {
	char **keys;
	unsigned count;
	bool any, begun;                /* there is an event; the header is written */
};

struct csv_writer {
	const struct vt_export_context *context;
	struct vt_sink *out;
	struct vt_pointer_map types;
	const struct csv_shared *shared;
	int fields[MOST_COLUMNS];       /* by column: of the event being written, or -1 */
};

static bool isalnum_ascii(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/*
 * A cell of text. A spreadsheet takes a leading = + - @ tab or return for a formula: an apostrophe
 * before it makes it text.
 */
static void put_cell(struct vt_sink *out, const char *text, size_t length)
{
	bool formula = length > 0 && *text && strchr("=+-@\t\r", *text);
	bool quoted = formula;
	struct vt_sink safe;
	size_t plain = 0;

	/* Nearly all cells are words: they go straight through. */
	while (plain < length && (text[plain] == '_' || isalnum_ascii(text[plain])))
		plain++;
	if (plain == length) {
		vt_sink_bytes(out, text, length);
		return;
	}
	if (vt_sink_memory(&safe))
		return;
	if (formula)
		vt_sink_char(&safe, '\'');
	vt_sink_escaped(&safe, text, length, VT_KEEP_BLANKS | VT_KEEP_UTF8);
	for (size_t i = 0; i < safe.used && !quoted; i++)
		quoted = safe.buffer[i] == '"' || safe.buffer[i] == ',';
	if (quoted)
		vt_sink_char(out, '"');
	for (size_t i = 0; i < safe.used; i++) {
		if (safe.buffer[i] == '"')
			vt_sink_char(out, '"');
		vt_sink_char(out, safe.buffer[i]);
	}
	if (quoted)
		vt_sink_char(out, '"');
	vt_sink_discard(&safe);
}

/* ---- the columns --------------------------------------------------------------------------- */

static int compare_types(const void *a, const void *b)
{
	const struct csv_type *x = *(const struct csv_type *const *)a;
	const struct csv_type *y = *(const struct csv_type *const *)b;
	return x->desc->id < y->desc->id ? -1 : x->desc->id > y->desc->id;
}

/* Index of the column with this key, added if it is new; or a negative error. */
static int column_of(struct csv_shared *c, const char *key)
{
	for (unsigned i = 0; i < c->count; i++)
		if (strcmp(c->keys[i], key) == 0)
			return (int)i;
	if (c->count == MOST_COLUMNS)
		return -VT_E_LIMIT;
	char **keys = realloc(c->keys, (c->count + 1) * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	c->keys = keys;
	keys[c->count] = strdup(key);
	return keys[c->count] ? (int)c->count++ : -ENOMEM;
}

static int name_columns(struct csv_shared *c, struct csv_type *type)
{
	struct vt_sink key;

	if (vt_sink_memory(&key))
		return -ENOMEM;
	for (unsigned i = 0; i < type->desc->count; i++) {
		key.used = 0;
		vt_field_key(&key, &type->desc->fields[i]);
		int column = column_of(c, vt_sink_text(&key));
		if (column < 0) {
			vt_sink_discard(&key);
			return column;
		}
		type->columns[i] = (unsigned)column;
	}
	vt_sink_discard(&key);
	return 0;
}

static int meet_type(struct vt_pointer_map *types, const struct vt_event *event)
{
	struct csv_type *type = calloc(1, sizeof(*type));

	if (!type || vt_pointer_map_add(types, event->desc, type)) {
		free(type);
		return -ENOMEM;
	}
	type->desc = event->desc;
	return 0;
}

/* One pass over the selection tells which types it has; the selection then starts over. */
static int find_types(const struct vt_export_context *context, struct vt_pointer_map *types)
{
	struct vt_reader *reader = context->in->reader;
	const struct vt_event *event;
	const char *unknown;
	int more, err = 0;

	while (!err && (more = vt_reader_next(reader, &event)) > 0)
		if (!event->gap && !vt_pointer_map_get(types, event->desc))
			err = meet_type(types, event);
	return err ? err : more < 0 ? more : vt_reader_select(reader, context->filter, &unknown);
}

static int make_columns(struct csv_shared *shared, const struct vt_pointer_map *map)
{
	size_t count = 0;
	struct csv_type **types = calloc(map->used + 1, sizeof(*types));
	int err = types ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < map->size; i++)
		if (map->slots[i].key)
			types[count++] = map->slots[i].value;
	if (count > 1)
		qsort(types, count, sizeof(*types), compare_types);
	for (size_t i = 0; !err && i < count; i++)
		err = name_columns(shared, types[i]);
	free(types);
	return err;
}

static int csv_survey(const struct vt_export_context *context)
{
	struct csv_shared *shared = context->shared;
	struct vt_pointer_map types = { NULL, 0, 0 };
	int err = find_types(context, &types);

	if (!err)
		err = make_columns(shared, &types);
	shared->any |= types.used > 0;
	vt_pointer_map_free(&types, free);
	return err;
}

static void csv_forget(void *shared)
{
	struct csv_shared *c = shared;

	for (unsigned i = 0; i < c->count; i++)
		free(c->keys[i]);
	free(c->keys);
}

static int csv_begin(void *state, const struct vt_export_context *context)
{
	struct csv_shared *shared = context->shared;

	(void)state;
	if (!shared->any || shared->begun)
		return 0;
	shared->begun = true;
	vt_sink_string(context->out, FIXED);
	for (unsigned i = 0; i < shared->count; i++) {
		vt_sink_char(context->out, ',');
		put_cell(context->out, shared->keys[i], strlen(shared->keys[i]));
	}
	vt_sink_string(context->out, "\r\n");
	return 0;
}

static int csv_write_begin(void *writer, const struct vt_export_context *context)
{
	struct csv_writer *c = writer;

	c->context = context;
	c->shared = context->shared;
	return 0;
}

/* Where the fields of a type go. What a growing log has only now gets no column: the header stands. */
static const struct csv_type *type_of(struct csv_writer *c, const struct vt_event *event)
{
	struct csv_type *type = vt_pointer_map_get(&c->types, event->desc);
	const struct csv_shared *shared = c->shared;

	if (type || meet_type(&c->types, event))
		return type;
	type = vt_pointer_map_get(&c->types, event->desc);
	for (unsigned i = 0; i < event->desc->count; i++)
		type->columns[i] = UINT32_MAX;
	struct vt_sink key;
	if (vt_sink_memory(&key))
		return type;
	for (unsigned i = 0; i < event->desc->count; i++) {
		key.used = 0;
		vt_field_key(&key, &event->desc->fields[i]);
		const char *text = vt_sink_text(&key);
		for (unsigned k = 0; k < shared->count; k++)
			if (strcmp(shared->keys[k], text) == 0)
				type->columns[i] = k;
	}
	vt_sink_discard(&key);
	return type;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void put_float(struct vt_sink *out, uint64_t bits)
{
	double real;

	memcpy(&real, &bits, sizeof(real));
	if (isfinite(real))
		vt_sink_upto(out, vt_num_float(vt_sink_room(out, VT_NUM_MAX), real));
}

static void put_value(struct csv_writer *c, const struct vt_event *event, unsigned i)
{
	const struct vt_field_desc *field = &event->desc->fields[i];
	uint64_t v = event->values[i];
	size_t length = (size_t)v;
	const char *text = event->text;

	if (field->kind == VT_KIND_STRING) {
		text = vt_reader_string(c->context->in->reader, event->ring->process, v, &length);
	} else if (field->kind == VT_KIND_ENUM) {
		text = vt_enum_label(field, v);
		length = text ? strlen(text) : 0;
	} else if (field->kind == VT_KIND_TEXT) {
		text = text ? text : "";
	} else if (field->kind == VT_KIND_FLOAT) {
		put_float(c->out, v);
		return;
	} else {
		char *p = vt_sink_room(c->out, VT_NUM_MAX);
		p = field->kind == VT_KIND_INT ? vt_num_i64(p, (int64_t)v) : vt_num_u64(p, v);
		vt_sink_upto(c->out, p);
		return;
	}
	if (text)
		put_cell(c->out, text, length);
	else
		vt_sink_printf(c->out, "#%" PRIu64, v);
}

static int csv_write(void *writer, struct vt_sink *out, const struct vt_event *event, uint32_t mark)
{
	struct csv_writer *c = writer;
	const struct csv_type *type = event->gap ? NULL : type_of(c, event);
	const struct csv_shared *shared = c->shared;
	const char *name = vt_thread_name_of(event->ring), *category;

	(void)mark;
	c->out = out;
	if (!type)
		return event->gap ? 0 : -ENOMEM;
	for (unsigned i = 0; i < shared->count; i++)
		c->fields[i] = -1;
	for (unsigned i = 0; i < event->desc->count; i++)
		if (type->columns[i] < shared->count &&
		    !vt_field_absent(&event->desc->fields[i], event->values[i]))
			c->fields[type->columns[i]] = (int)i;
	char *p = vt_num_u64(vt_sink_room(c->out, 4 * VT_NUM_MAX), vt_export_time(c->context, event));
	*p++ = ',';
	p = vt_num_hex(p, c->context->in->run->run, 16);
	*p++ = ',';
	p = vt_num_u64(p, event->ring->process->pid);
	*p++ = ',';
	p = vt_num_u64(p, event->ring->tid);
	*p++ = ',';
	vt_sink_upto(c->out, p);
	category = vt_event_category(event);
	put_cell(c->out, name, strlen(name));
	vt_sink_char(c->out, ',');
	put_cell(c->out, category, strlen(category));
	vt_sink_char(c->out, ',');
	put_cell(c->out, event->desc->name, strlen(event->desc->name));
	for (unsigned i = 0; i < shared->count; i++) {
		vt_sink_char(c->out, ',');
		if (c->fields[i] >= 0)
			put_value(c, event, (unsigned)c->fields[i]);
	}
	vt_sink_string(c->out, "\r\n");
	return 0;
}

static void csv_write_end(void *writer)
{
	struct csv_writer *c = writer;

	vt_pointer_map_free(&c->types, free);
}

const struct vt_export vt_export_csv = {
	.name = "csv",
	.summary = "RFC 4180, a column a field",
	.begin = csv_begin,
	.writer_size = sizeof(struct csv_writer),
	.write_begin = csv_write_begin,
	.write = csv_write,
	.write_end = csv_write_end,
	.shared_size = sizeof(struct csv_shared),
	.survey = csv_survey,
	.forget = csv_forget,
};
