/* filter.c - see filter.h. */
#include "decoder/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <valktrace/error.h>

/* ---- names ---------------------------------------------------------------------------------- */

static const char *plain(const char *pattern)
{
	return *pattern == '!' ? pattern + 1 : pattern;
}

/* "gc.end", "gc.*", "end", or "#412" for a type without name. */
static bool event_matches(const struct vt_schema *schema, const struct vt_event_desc *d,
                          const char *pattern)
{
	const char *category = schema->categories[d->category].name;
	const char *dot = strchr(pattern, '.');

	if (!dot)
		return strcmp(pattern, d->name) == 0;
	size_t length = (size_t)(dot - pattern);
	return category && strlen(category) == length && memcmp(category, pattern, length) == 0 &&
	       (strcmp(dot + 1, "*") == 0 || strcmp(dot + 1, d->name) == 0);
}

/* Patterns in order of no importance: wanted if one says so, or none asks for anything. */
static bool event_named(const struct vt_filter *f, const struct vt_schema *schema,
                        const struct vt_event_desc *d)
{
	bool asked = false, wanted = false;

	for (unsigned i = 0; i < f->event_count; i++) {
		bool match = event_matches(schema, d, plain(f->events[i]));
		if (f->events[i][0] == '!') {
			if (match)
				return false;
			continue;
		}
		asked = true;
		wanted = wanted || match;
	}
	return wanted || !asked;
}

static bool asks_for_events(const struct vt_filter *f)
{
	for (unsigned i = 0; i < f->event_count; i++)
		if (f->events[i][0] != '!')
			return true;
	return false;
}

static bool category_matches(const struct vt_schema *schema, unsigned id, const char *pattern)
{
	char number[8];

	if (schema->categories[id].name && strcmp(schema->categories[id].name, pattern) == 0)
		return true;
	snprintf(number, sizeof number, "#%u", id);
	return strcmp(number, pattern) == 0;
}

static uint64_t categories_named(const struct vt_filter *f, const struct vt_schema *schema)
{
	uint64_t wanted = 0, unwanted = 0;
	bool asked = false;

	for (unsigned i = 0; i < f->category_count; i++) {
		bool exclude = f->categories[i][0] == '!';
		asked = asked || !exclude;
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			if (!category_matches(schema, c, plain(f->categories[i])))
				continue;
			if (exclude)
				unwanted |= (uint64_t)1 << c;
			else
				wanted |= (uint64_t)1 << c;
		}
	}
	return (asked ? wanted : ~(uint64_t)0) & ~unwanted;
}

/* Leaves out categories in which no type can pass, so that their sections are not even read. */
static uint64_t categories_useful(const struct vt_filter *f, const struct vt_schema *schema)
{
	uint64_t described = 0, useful = 0;
	bool numbers = false;

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *d = schema->events[id];
		if (!d)
			continue;
		described |= (uint64_t)1 << d->category;
		if (event_named(f, schema, d) && !(f->no_bulk && (d->flags & VT_EVENT_BULK)))
			useful |= (uint64_t)1 << d->category;
	}
	for (unsigned i = 0; i < f->event_count; i++)
		numbers = numbers || f->events[i][0] == '#';
	if (numbers)
		return ~(uint64_t)0;
	return asks_for_events(f) ? useful : useful | ~described;
}

/* ---- are all names known? -------------------------------------------------------------------- */

static bool known_category(const struct vt_schema *schema, const char *pattern)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		if (category_matches(schema, c, pattern))
			return true;
	return false;
}

static bool known_event(const struct vt_schema *schema, const char *pattern)
{
	if (*pattern == '#')
		return true;
	for (unsigned id = 0; id < schema->event_limit; id++)
		if (schema->events[id] && event_matches(schema, schema->events[id], pattern))
			return true;
	return false;
}

static bool known_field(const struct vt_schema *schema, const char *name)
{
	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *d = schema->events[id];
		for (unsigned i = 0; d && i < d->count; i++)
			if (strcmp(d->fields[i].name, name) == 0)
				return true;
	}
	return false;
}

static bool known(const struct vt_catalog *c, const char *pattern,
                  bool (*in)(const struct vt_schema *schema, const char *pattern))
{
	if (in(&c->recorder.schema, pattern))
		return true;
	for (size_t i = 0; i < c->process_limit; i++)
		if (c->processes[i] && c->processes[i]->own &&
		    in(&c->processes[i]->own->schema, pattern))
			return true;
	return false;
}

static int check_names(const struct vt_filter *f, const struct vt_catalog *c, const char **unknown)
{
	for (unsigned i = 0; i < f->category_count; i++) {
		*unknown = f->categories[i];
		if (!known(c, plain(*unknown), known_category))
			return -VT_E_UNKNOWN_CATEGORY;
	}
	for (unsigned i = 0; i < f->event_count; i++) {
		*unknown = f->events[i];
		if (!known(c, plain(*unknown), known_event))
			return -VT_E_UNKNOWN_EVENT;
	}
	for (unsigned i = 0; i < f->where_count; i++) {
		*unknown = f->where[i].field;
		if (!known(c, *unknown, known_field))
			return -VT_E_UNKNOWN_FIELD;
	}
	*unknown = NULL;
	return 0;
}

/* ---- making --------------------------------------------------------------------------------- */

static bool listed(const uint32_t *list, unsigned count, uint32_t value)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == value)
			return true;
	return count == 0;
}

static bool ring_wanted(const struct vt_filter *f, const struct vt_ring_info *ring)
{
	return listed(f->tids, f->tid_count, ring->tid) &&
	       listed(f->pids, f->pid_count, ring->process->pid) &&
	       (!f->thread || strcmp(f->thread, ring->name) == 0);
}

int vt_selection_make(struct vt_selection *s, struct vt_log *log, const struct vt_filter *filter,
                      const char **unknown)
{
	const struct vt_catalog *c = &log->catalog;
	const char *ignored;

	*s = (struct vt_selection){ .filter.size = sizeof s->filter };
	if (filter)
		memcpy(&s->filter, filter, filter->size > 0 && filter->size < sizeof s->filter ?
		       filter->size : sizeof s->filter);
	struct vt_filter *f = &s->filter;
	if (f->where_count > VT_MAX_CONDITIONS)
		return -EINVAL;
	int err = check_names(f, c, unknown ? unknown : &ignored);
	if (err < 0)
		return err;
	s->masks = calloc(c->process_limit + 1, sizeof *s->masks);
	s->rings = calloc(c->ring_limit + 1, sizeof *s->rings);
	if (!s->masks || !s->rings) {
		vt_selection_free(s);
		return -ENOMEM;
	}
	uint64_t common = categories_named(f, &c->recorder.schema) &
	                  categories_useful(f, &c->recorder.schema);
	for (size_t i = 0; i < c->process_limit; i++) {
		const struct vt_log_process *p = c->processes[i];
		s->masks[i] = common;
		if (p && p->own)
			s->masks[i] = categories_named(f, &p->own->schema) &
			              categories_useful(f, &p->own->schema);
	}
	for (size_t i = 0; i < c->ring_limit; i++)
		s->rings[i] = c->rings[i] && ring_wanted(f, &c->rings[i]->info);
	return 0;
}

void vt_selection_free(struct vt_selection *s)
{
	free(s->masks);
	free(s->rings);
	s->masks = NULL;
	s->rings = NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

bool vt_selection_span(const struct vt_selection *s, struct vt_log *log, uint64_t from, uint64_t to)
{
	const struct vt_filter *f = &s->filter;

	return (!f->since_set || vt_timeline_ns(&log->timeline, to) >= f->since_ns) &&
	       (!f->until_set || vt_timeline_ns(&log->timeline, from) < f->until_ns);
}

bool vt_selection_inside(const struct vt_selection *s, struct vt_log *log, uint64_t from,
                         uint64_t to)
{
	const struct vt_filter *f = &s->filter;

	return (!f->since_set || vt_timeline_ns(&log->timeline, from) >= f->since_ns) &&
	       (!f->until_set || vt_timeline_ns(&log->timeline, to) < f->until_ns);
}

uint64_t vt_selection_mask(const struct vt_selection *s, const struct vt_ring_info *ring)
{
	return s->rings[ring->id] ? s->masks[ring->process->index] : 0;
}

bool vt_selection_section(const struct vt_selection *s, struct vt_log *log,
                          const struct vt_section_ref *ref)
{
	uint32_t id = log->chunks[ref->chunk].ring;

	return s->rings[id] &&
	       (s->masks[log->catalog.rings[id]->info.process->index] >> ref->category & 1) &&
	       vt_selection_span(s, log, ref->t_min, ref->t_max);
}

struct vt_type_test vt_selection_type(const struct vt_selection *s, const struct vt_schema *schema,
                                      const struct vt_event_desc *desc)
{
	const struct vt_filter *f = &s->filter;
	struct vt_type_test test = { .wanted = event_named(f, schema, desc) };

	if ((f->no_bulk && (desc->flags & VT_EVENT_BULK)) || (f->min_duration_ns > 0 && desc->time < 0))
		test.wanted = false;
	for (unsigned i = 0; i < f->where_count; i++) {
		test.fields[i] = -1;
		for (uint8_t k = 0; k < desc->count; k++)
			if (strcmp(desc->fields[k].name, f->where[i].field) == 0)
				test.fields[i] = (int8_t)k;
		if (test.fields[i] < 0)
			test.wanted = false;
	}
	return test;
}

bool vt_selection_values(const struct vt_selection *s)
{
	return s->filter.min_duration_ns > 0 || s->filter.where_count > 0;
}

static bool order_holds(enum vt_compare op, int order)
{
	switch (op) {
	case VT_EQ:
		return order == 0;
	case VT_NE:
		return order != 0;
	case VT_LT:
		return order < 0;
	case VT_LE:
		return order <= 0;
	case VT_GT:
		return order > 0;
	case VT_GE:
		return order >= 0;
	}
	return false;
}

static int order_of_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t common = a_length < b_length ? a_length : b_length;
	int order = common > 0 ? memcmp(a, b, common) : 0;

	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* False when the field has no such string: an unknown one equals nothing and differs from nothing. */
static bool string_holds(const struct vt_log *log, uint32_t process, const struct vt_field_desc *f,
                         uint64_t value, const char *text, const struct vt_condition *c)
{
	const char *have = NULL;
	size_t length = 0;

	if (f->kind == VT_KIND_TEXT && text) {
		have = text;
		length = (size_t)value;
	} else if (f->kind == VT_KIND_ENUM && f->of && value < f->of->count) {
		have = f->of->labels[value];
		length = have ? strlen(have) : 0;
	} else if (f->kind == VT_KIND_STRING && value <= UINT32_MAX) {
		const struct vt_interned_slot *slot =
			vt_interned_find(&log->catalog.strings, process, (uint32_t)value);
		have = slot ? slot->text : NULL;
		length = slot ? (size_t)slot->length : 0;
	}
	return have && order_holds(c->op, order_of_bytes(have, length, c->string, strlen(c->string)));
}

static bool number_holds(const struct vt_field_desc *f, uint64_t value, const struct vt_condition *c)
{
	int64_t n = c->number;

	if (f->kind == VT_KIND_FLOAT) {
		double d;
		memcpy(&d, &value, sizeof d);
		if (d != d)
			return c->op == VT_NE;
		return order_holds(c->op, (d > (double)n) - (d < (double)n));
	}
	if (f->kind == VT_KIND_INT) {
		int64_t v = (int64_t)value;
		return order_holds(c->op, (v > n) - (v < n));
	}
	if (n < 0)
		return order_holds(c->op, 1);
	return order_holds(c->op, (value > (uint64_t)n) - (value < (uint64_t)n));
}

bool vt_selection_event(const struct vt_selection *s, const struct vt_log *log, uint32_t process,
                        const struct vt_event_desc *desc, const struct vt_type_test *test,
                        const uint64_t *values, const char *text)
{
	const struct vt_filter *f = &s->filter;

	if (f->min_duration_ns > 0 && values[desc->time] < f->min_duration_ns)
		return false;
	for (unsigned i = 0; i < f->where_count; i++) {
		const struct vt_condition *c = &f->where[i];
		const struct vt_field_desc *field = &desc->fields[test->fields[i]];
		uint64_t value = values[test->fields[i]];
		bool holds = c->string ? string_holds(log, process, field, value, text, c) :
		             number_holds(field, value, c);
		if (!holds)
			return false;
	}
	return true;
}
