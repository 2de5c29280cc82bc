/*
 * stats_keys.c - what a group is of: the plan, event types, and the values of the keys of an
 * event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/export.h"
#include "decoder/stats.h"
#include "decoder/units.h"

const char *const vt_stats_words[] = {
	[VT_BY_EVENT] = "event", [VT_BY_CATEGORY] = "category", [VT_BY_THREAD] = "thread",
	[VT_BY_PROCESS] = "process", NULL
};

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t v)
{
	v ^= v >> 33;
	v *= 0xff51afd7ed558ccdu;
	v ^= v >> 33;
	v *= 0xc4ceb9fe1a85ec53u;
	return v ^ v >> 33;
}

static uint64_t hash_bytes(const char *text, size_t length)
{
	uint64_t h = 0xcbf29ce484222325u + length;

	for (; length >= 8; text += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, text, 8);
		h = mix(h ^ word);
	}
	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return mix(h);
}

struct vt_stats_value vt_stats_text(const char *text, size_t length)
{
	uint64_t hash = hash_bytes(text, length);

	return (struct vt_stats_value){ VT_STATS_TEXT, VT_UNIT_NONE, length, text, hash };
}

static struct vt_stats_value number_value(const struct vt_field_desc *field, uint64_t v)
{
	uint8_t tag = field->kind == VT_KIND_INT ? VT_STATS_INT
	              : field->kind == VT_KIND_FLOAT ? VT_STATS_FLOAT
	              : field->kind == VT_KIND_BOOL ? VT_STATS_BOOL : VT_STATS_UINT;

	if (vt_field_absent(field, v))
		return (struct vt_stats_value){ VT_STATS_ABSENT, VT_UNIT_NONE, 0, NULL, 1 };
	if (tag == VT_STATS_BOOL)
		v = v != 0;
	uint64_t hash = mix(mix(v) + tag + 16u * field->unit);
	return (struct vt_stats_value){ tag, field->unit, v, NULL, hash };
}

static int order_of(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_texts(const struct vt_stats_value *a, const struct vt_stats_value *b)
{
	size_t common = a->number < b->number ? a->number : b->number;
	int order = common > 0 ? memcmp(a->text, b->text, common) : 0;

	return order ? order : order_of(a->number, b->number);
}

/* NaNs behind all numbers, by their bits. */
static int compare_floats(uint64_t a, uint64_t b)
{
	double x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	if (x != x || y != y)
		return (x != x) != (y != y) ? (x != x) - (y != y) : order_of(a, b);
	return x < y ? -1 : x > y ? 1 : order_of(a, b);
}

int vt_stats_compare_values(const struct vt_stats_value *a, const struct vt_stats_value *b)
{
	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	if (a->tag == VT_STATS_TEXT)
		return compare_texts(a, b);
	int order = a->tag == VT_STATS_FLOAT ? compare_floats(a->number, b->number)
	            : a->tag == VT_STATS_INT ? ((int64_t)a->number > (int64_t)b->number) -
	                                       ((int64_t)a->number < (int64_t)b->number)
	            : order_of(a->number, b->number);
	return order ? order : order_of(a->unit, b->unit);
}

int vt_stats_compare_keys(const struct vt_stats_group *a, const struct vt_stats_group *b,
                          unsigned keys)
{
	for (unsigned i = 0; i < keys; i++) {
		int order = vt_stats_compare_values(&a->key[i], &b->key[i]);
		if (order)
			return order;
	}
	return order_of(a->step, b->step);
}

/* ---- event types ----------------------------------------------------------------------------- */

/* "gc" or "#12" for a category without name. Returns the length. */
static size_t category_text(char *to, const struct vt_schema *schema, unsigned category)
{
	const char *name = schema->categories[category % VT_MAX_CATEGORIES].name;
	size_t n = name ? strnlen(name, VT_MAX_NAME) : 0;

	if (name) {
		memcpy(to, name, n);
		return n;
	}
	*to = '#';
	return (size_t)(vt_num_u64(to + 1, category) - to);
}

static bool has_fields(const struct vt_stats_plan *plan, const struct vt_event_desc *desc,
                       int8_t fields[VT_STATS_KEYS])
{
	for (unsigned i = 0; i < plan->key_count; i++) {
		fields[i] = -1;
		if (plan->keys[i].by != VT_BY_FIELD)
			continue;
		for (uint8_t f = 0; f < desc->count && fields[i] < 0; f++)
			if (strcmp(desc->fields[f].name, plan->keys[i].name) == 0)
				fields[i] = (int8_t)f;
		if (fields[i] < 0)
			return false;
	}
	return true;
}

static bool is_grouped(const struct vt_stats_plan *plan, const struct vt_schema *schema,
                       const struct vt_event_desc *desc)
{
	int8_t fields[VT_STATS_KEYS];

	return vt_selection_type(&plan->selection, schema, desc).wanted &&
	       has_fields(plan, desc, fields);
}

static bool is_measured(const struct vt_stats_plan *plan, const struct vt_schema *schema,
                        const struct vt_event_desc *desc)
{
	const struct vt_event_desc *end = vt_schema_event(schema, desc->id + 1u);

	if (!(desc->flags & VT_EVENT_BEGIN) || !end || !(end->flags & VT_EVENT_END))
		return false;
	return end->time < 0 || !is_grouped(plan, schema, end);
}

static void describe(const struct vt_stats_plan *plan, const struct vt_schema *schema,
                     const struct vt_event_desc *desc, struct vt_stats_type *t)
{
	t->desc = desc;
	t->schema = schema;
	t->time = desc->time;
	t->test = vt_selection_type(&plan->selection, schema, desc);
	t->grouped = t->test.wanted && has_fields(plan, desc, t->fields);
	t->measured = is_measured(plan, schema, desc);
	t->constant = true;
	for (unsigned i = 0; i < plan->key_count; i++)
		t->constant &= plan->keys[i].by != VT_BY_FIELD;
	size_t n = category_text(t->text, schema, desc->category);
	t->category = vt_stats_text(t->text, n);
	size_t name = strnlen(desc->name, VT_MAX_NAME);
	t->text[n] = '.';
	memcpy(t->text + n + 1, desc->name, name);
	t->event = vt_stats_text(t->text, n + 1 + name);
}

struct vt_stats_type *vt_stats_type_of(struct vt_stats *s, const struct vt_schema *schema,
                                       const struct vt_event_desc *desc)
{
	struct vt_stats_type *first = vt_pointer_map_get(&s->types, desc), *t = first;

	while (t && t->schema != schema)
		t = t->next;
	if (vt_likely(t))
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	describe(s->plan, schema, desc, t);
	if (first) {
		t->next = first->next;
		first->next = t;
	} else if (vt_pointer_map_add(&s->types, desc, t)) {
		free(t);
		return NULL;
	}
	return t;
}

/* ---- keys of an event ------------------------------------------------------------------------ */

/* The digits of "#7" have to live somewhere: in the cache. */
static struct vt_stats_value string_value(struct vt_stats *s,
                                          const struct vt_process_info *process, uint64_t id)
{
	unsigned at = (unsigned)((id ^ (uint64_t)process->index * 31) % VT_STATS_STRINGS);
	size_t length;

	if (s->strings[at].process == process && s->strings[at].id == id)
		return s->strings[at].value;
	const char *text = vt_reader_string(s->plan->in->reader, process, id, &length);
	if (!text)
		return (struct vt_stats_value){ VT_STATS_TEXT, VT_UNIT_NONE, 0, NULL, id };
	s->strings[at].process = process;
	s->strings[at].id = id;
	s->strings[at].value = vt_stats_text(text, length);
	return s->strings[at].value;
}

static struct vt_stats_value field_value(struct vt_stats *s, const struct vt_process_info *process,
                                         const struct vt_field_desc *field, uint64_t v,
                                         const char *text, char *spare)
{
	struct vt_stats_value value;
	const char *label;

	switch (field->kind) {
	case VT_KIND_TEXT:
		return vt_stats_text(text ? text : "", text ? v : 0);
	case VT_KIND_STRING:
		if (vt_field_absent(field, v))
			return number_value(field, v);
		value = string_value(s, process, v);
		if (value.text)
			return value;
		break;
	case VT_KIND_ENUM:
		if (vt_field_absent(field, v))
			return number_value(field, v);
		label = vt_enum_label(field, v);
		if (label)
			return vt_stats_text(label, strlen(label));
		break;
	default:
		return number_value(field, v);
	}
	*spare = '#';
	return vt_stats_text(spare, (size_t)(vt_num_u64(spare + 1, v) - spare));
}

void vt_stats_keys_of(struct vt_stats *s, const struct vt_stats_type *type,
                      const struct vt_ring_info *ring, const uint64_t values[VT_STATS_KEYS],
                      const char *text, struct vt_stats_value keys[VT_STATS_KEYS])
{
	const struct vt_stats_plan *plan = s->plan;
	const struct vt_field_desc *field;

	for (unsigned i = 0; i < plan->key_count; i++) {
		switch (plan->keys[i].by) {
		case VT_BY_EVENT:
			keys[i] = type->event;
			break;
		case VT_BY_CATEGORY:
			keys[i] = type->category;
			break;
		case VT_BY_THREAD:
			keys[i] = plan->threads[ring->id];
			break;
		case VT_BY_PROCESS:
			keys[i] = plan->processes[ring->process->index];
			break;
		case VT_BY_FIELD:
			field = &type->desc->fields[type->fields[i]];
			keys[i] = field_value(s, ring->process, field, values[i], text,
			                      s->spare[i]);
			break;
		}
	}
}

/* ---- the plan -------------------------------------------------------------------------------- */

static int keep_label(struct vt_stats_value *to, struct vt_sink *text)
{
	char *copy = text->error ? NULL : malloc(text->used + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text->buffer, text->used);
	*to = vt_stats_text(copy, text->used);
	text->used = 0;
	return 0;
}

/* As vt_thread_label, but not escaped yet. */
static void thread_name(struct vt_sink *text, const struct vt_stats_plan *plan,
                        const struct vt_ring_info *ring)
{
	const char *name = vt_thread_name_of(ring);

	vt_sink_bytes(text, name, strnlen(name, VT_MAX_NAME));
	if (plan->in->several_processes)
		vt_sink_printf(text, "/%u", ring->process->pid);
	vt_sink_printf(text, "/%u", ring->tid);
}

static int make_labels(struct vt_stats_plan *plan, struct vt_sink *text)
{
	const struct vt_run_info *run = plan->in->run;
	int err = 0;

	for (unsigned i = 0; i < run->ring_count; i++)
		if (run->rings[i]->id >= plan->ring_limit)
			plan->ring_limit = run->rings[i]->id + 1u;
	for (unsigned i = 0; i < run->process_count; i++)
		if (run->processes[i]->index >= plan->process_limit)
			plan->process_limit = run->processes[i]->index + 1u;
	plan->threads = calloc(plan->ring_limit + 1, sizeof(*plan->threads));
	plan->processes = calloc(plan->process_limit + 1, sizeof(*plan->processes));
	if (!plan->threads || !plan->processes)
		return -ENOMEM;
	for (unsigned i = 0; i < run->ring_count && !err; i++) {
		thread_name(text, plan, run->rings[i]);
		err = keep_label(&plan->threads[run->rings[i]->id], text);
	}
	for (unsigned i = 0; i < run->process_count && !err; i++) {
		const struct vt_process_info *p = run->processes[i];
		vt_sink_bytes(text, p->program, strnlen(p->program, 4 * VT_MAX_NAME));
		vt_sink_printf(text, "/%u", p->pid);
		err = keep_label(&plan->processes[p->index], text);
	}
	return err;
}

/* What has to be done with the events of a category: as its types want it. */
static void sort_category(struct vt_stats_plan *plan, const struct vt_process_info *process,
                          unsigned category, uint64_t *texts)
{
	const struct vt_schema *schema = process->schema;
	bool spans = false, renamed = false, measured = false;
	struct vt_stats_type type;

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];
		if (!desc || desc->category != category)
			continue;
		memset(&type, 0, sizeof(type));
		describe(plan, schema, desc, &type);
		measured |= type.measured;
		spans |= type.grouped && type.measured;
		renamed |= type.grouped && (desc->flags & VT_EVENT_REPLACE);
		for (unsigned i = 0; type.grouped && i < plan->key_count; i++)
			if (type.fields[i] >= 0 &&
			    desc->fields[type.fields[i]].kind == VT_KIND_TEXT)
				*texts |= (uint64_t)1 << category;
	}
	if (spans || (renamed && measured))
		plan->paired |= (uint64_t)1 << category;
}

int vt_stats_plan_make(struct vt_stats_plan *plan)
{
	const struct vt_run_info *run = plan->in->run;
	struct vt_sink text;
	uint64_t present = 0, texts = 0;

	struct vt_log *log = vt_reader_log(plan->in->reader);
	int err = vt_selection_make(&plan->selection, log, plan->filter, NULL);
	if (err)
		return err;
	err = vt_sink_memory(&text);
	if (err)
		return err;
	err = make_labels(plan, &text);
	vt_sink_discard(&text);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		if (run->decoded[c] == 0)
			continue;
		present |= (uint64_t)1 << c;
		for (unsigned i = 0; i < run->process_count; i++)
			if (plan->selection.masks[run->processes[i]->index] >> c & 1)
				sort_category(plan, run->processes[i], c, &texts);
	}
	/* Batches have no text, and values are tested event by event. */
	if (!vt_selection_values(&plan->selection))
		plan->batched = present & ~plan->paired & ~texts;
	return err;
}

void vt_stats_plan_free(struct vt_stats_plan *plan)
{
	for (size_t i = 0; plan->threads && i < plan->ring_limit; i++)
		free((char *)plan->threads[i].text);
	for (size_t i = 0; plan->processes && i < plan->process_limit; i++)
		free((char *)plan->processes[i].text);
	free(plan->threads);
	free(plan->processes);
	free(plan->weights);
	vt_selection_free(&plan->selection);
}
