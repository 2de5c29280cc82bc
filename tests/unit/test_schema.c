/* test_schema.c - the built-in descriptors: what schema.def must keep, and their way into a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/metrics_labels.h"
#include "core/wire.h"

static bool is_identifier(const char *s)
{
	bool good = *s >= 'a' && *s <= 'z' && strlen(s) <= VT_MAX_NAME;

	for (; *s; s++)
		good = good && ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_');
	return good;
}

static bool ends_in(const char *s, const char *end)
{
	size_t length = strlen(s), want = strlen(end);

	return length >= want && strcmp(s + length - want, end) == 0;
}

static void test_categories(void **state)
{
	const struct vt_schema *s = vt_schema_builtin();

	(void)state;
	assert_string_equal(s->categories[VT_CAT_syscall].name, "syscall");
	assert_string_equal(s->categories[VT_CAT_meta].name, "meta");
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		if (i >= VT_HOST_CATEGORY)
			assert_null(s->categories[i].name);
		if (!s->categories[i].name)
			continue;
		assert_true(is_identifier(s->categories[i].name));
		assert_true(*s->categories[i].help);
		for (unsigned k = 0; k < i; k++)
			if (s->categories[k].name)
				assert_string_not_equal(s->categories[k].name, s->categories[i].name);
	}
}

static void check_field(const struct vt_field_desc *f)
{
	unsigned classes = f->flags & (VT_FIELD_PUBLIC | VT_FIELD_PATH | VT_FIELD_USER);
	bool is_text = f->kind == VT_KIND_STRING || f->kind == VT_KIND_TEXT;

	assert_true(is_identifier(f->name));
	assert_true(*f->help);
	assert_in_range(f->kind, VT_KIND_UINT, VT_KIND_TEXT);
	assert_in_range(f->unit, VT_UNIT_NONE, VT_UNIT_BYTES);
	assert_int_equal(__builtin_popcount(classes), is_text ? 1 : 0);
	assert_int_equal(f->of != NULL, f->kind == VT_KIND_ENUM);
	if (!f->of)
		return;
	assert_true(is_identifier(f->of->name));
	assert_true(f->of->count > 0);
	for (unsigned i = 0; i < f->of->count; i++)
		assert_true(!f->of->labels[i] || is_identifier(f->of->labels[i]));
}

/* What the descriptor computes, computed once more the plain way. */
static void check_computed(const struct vt_event_desc *e)
{
	bool lasts = (e->flags & (VT_EVENT_END | VT_EVENT_COMPLETE)) != 0;
	int text = -1, time = -1;

	for (int i = 0; i < e->count; i++) {
		if (e->fields[i].kind == VT_KIND_TEXT)
			text = i;
		if (lasts && strcmp(e->fields[i].name, "time") == 0)
			time = i;
		for (int k = 0; k < i; k++)
			assert_string_not_equal(e->fields[i].name, e->fields[k].name);
	}
	assert_int_equal(e->text, text);
	assert_int_equal(e->time, time);
	assert_int_equal(e->words, e->count - (text >= 0));
	if (time >= 0)
		assert_int_equal(e->fields[time].unit, VT_UNIT_NS);
	if (e->flags & VT_EVENT_COMPLETE)
		assert_true(time >= 0);
}

static void test_events(void **state)
{
	const struct vt_schema *s = vt_schema_builtin();
	unsigned count = 0;

	(void)state;
	for (unsigned id = 0; id < s->event_limit; id++) {
		const struct vt_event_desc *e = vt_schema_event(s, id);
		if (!e)
			continue;
		count++;
		assert_int_equal(e->id, id);
		assert_int_equal(e->category, id >> 8);
		assert_int_not_equal(id & 0xff, 0);
		assert_non_null(s->categories[e->category].name);
		assert_true(is_identifier(e->name));
		assert_true(*e->help);
		assert_in_range(e->count, 0, VT_MAX_FIELDS);
		for (unsigned i = 0; i < e->count; i++)
			check_field(&e->fields[i]);
		check_computed(e);
		for (unsigned k = id & 0xff00u; k < id; k++)
			if (vt_schema_event(s, k))
				assert_string_not_equal(vt_schema_event(s, k)->name, e->name);
		if (e->flags & VT_EVENT_BEGIN) {
			assert_non_null(vt_schema_event(s, id + 1));
			assert_true(vt_schema_event(s, id + 1)->flags & VT_EVENT_END);
		}
	}
	/* Equal ids would be one entry of the table: the number of rows tells. */
	unsigned rows = 0;
#define VT_EVENT(category, name, id, flags, help, fields) rows++;
#include <valktrace/schema.def>
	assert_int_equal(count, rows);
	assert_null(vt_schema_event(s, 0));
	assert_null(vt_schema_event(s, s->event_limit));
	assert_null(vt_schema_event(s, 0xffff));
}

static void test_known_events(void **state)
{
	const struct vt_schema *s = vt_schema_builtin();
	const struct vt_event_desc *call = vt_schema_event(s, VT_EV_syscall_call);
	const struct vt_event_desc *note = vt_schema_event(s, VT_EV_custom_note);
	const struct vt_event_desc *end = vt_schema_event(s, VT_EV_gc_end);
	const struct vt_event_desc *ret = vt_schema_event(s, VT_EV_interp_return);

	(void)state;
	assert_string_equal(call->name, "call");
	assert_int_equal(call->flags, VT_EVENT_COMPLETE | VT_EVENT_BULK);
	assert_int_equal(call->count, 3);
	assert_int_equal(call->time, 2);
	assert_int_equal(call->fields[1].kind, VT_KIND_INT);
	assert_int_equal(note->text, 1);
	assert_int_equal(note->words, 1);
	assert_int_equal(note->fields[1].flags, VT_FIELD_USER);
	assert_int_equal(end->time, 1);
	assert_int_equal(end->words, sizeof(struct vt_ev_gc_end) / 8 - 1);
	assert_int_equal(end->fields[2].flags, VT_FIELD_OPTIONAL);
	assert_int_equal(end->fields[2].unit, VT_UNIT_BYTES);
	assert_string_equal(end->fields[13].of->labels[VT_gc_type_major], "major");
	assert_int_equal(end->fields[13].of->count, 4);
	assert_int_equal(ret->count, 0);
	assert_int_equal(ret->time, -1);
}

/* Names that the compatibility set fixes; every newer one follows the rules of the format. */
static bool is_histogram(const char *family)
{
	const struct vt_schema *s = vt_schema_builtin();

	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		if (s->metrics[i].name && s->metrics[i].kind == VT_METRIC_BUCKET &&
		    strcmp(s->metrics[i].family, family) == 0)
			return true;
	return false;
}

/* Bounds rise, all are printed differently, the last is +Inf, and a sum is there. */
static void test_histograms(void **state)
{
	const struct vt_schema *s = vt_schema_builtin();

	(void)state;
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++) {
		const struct vt_metric_desc *m = &s->metrics[i];
		uint64_t last = 0;
		unsigned sums = 0;
		if (!m->name || m->kind != VT_METRIC_BUCKET)
			continue;
		for (unsigned k = 0; k < VT_METRIC_COUNT; k++) {
			const struct vt_metric_desc *d = &s->metrics[k];
			if (!d->name || strcmp(d->family, m->family) != 0)
				continue;
			sums += d->kind == VT_METRIC_COUNTER;
			if (d->kind == VT_METRIC_COUNTER)
				continue;
			assert_int_equal(d->kind, VT_METRIC_BUCKET);
			assert_non_null(vt_labels_le(d->labels));
			uint64_t bound = vt_label_bound(vt_labels_le(d->labels));
			assert_true(bound > last);
			last = bound;
		}
		assert_true(last == UINT64_MAX);
		assert_int_equal(sums, 1);
	}
}

static void test_metrics(void **state)
{
	static const char *const compatible[] = {
		"valk_gc_cycles_total", "valk_gc_pause_seconds_total", "valk_gc_pause_seconds_max",
		"valk_gc_reclaimed_bytes_total", "valk_gc_heap_used_bytes", "valk_gc_heap_total_bytes",
		"valk_eval_total", "valk_function_calls_total", "valk_builtin_calls_total",
		"valk_stack_depth_max", "valk_closures_created_total", "valk_env_lookups_total",
		"valk_loop_iterations_total", "valk_events_processed_total", "valk_loop_idle_seconds_total",
	};
	const struct vt_schema *s = vt_schema_builtin();

	(void)state;
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++) {
		const struct vt_metric_desc *m = &s->metrics[i];
		if (!m->name)
			continue;       /* a gap between the ids of two authors */
		assert_true(is_identifier(m->name));
		assert_true(is_identifier(m->family));
		assert_int_equal(strncmp(m->family, "valk_", 5), 0);
		assert_true(*m->help);
		assert_non_null(s->sources[m->source].name);
		assert_in_range(m->kind, VT_METRIC_COUNTER, VT_METRIC_BUCKET);
		for (unsigned k = 0; k < i; k++) {
			if (!s->metrics[k].name)
				continue;
			assert_string_not_equal(s->metrics[k].name, m->name);
			if (strcmp(s->metrics[k].family, m->family) != 0)
				continue;
			assert_string_not_equal(s->metrics[k].labels, m->labels);
			assert_string_equal(s->metrics[k].help, m->help);
			if (is_histogram(m->family))
				continue;
			assert_int_equal(s->metrics[k].kind, m->kind);
			assert_int_equal(s->metrics[k].unit, m->unit);
		}
		if (i < sizeof(compatible) / sizeof(*compatible)) {
			assert_string_equal(m->family, compatible[i]);
			assert_string_equal(m->labels, "");
			continue;
		}
		assert_int_equal(ends_in(m->family, "_total"),
		                 m->kind == VT_METRIC_COUNTER && !is_histogram(m->family));
		if (m->unit == VT_UNIT_NS)
			assert_true(ends_in(m->family, "_seconds_total") || ends_in(m->family, "_seconds"));
		if (m->unit == VT_UNIT_BYTES)
			assert_true(ends_in(m->family, "_bytes_total") || ends_in(m->family, "_bytes") ||
			            ends_in(m->family, "_bytes_per_second"));
	}
	for (unsigned i = VT_METRIC_COUNT; i < VT_MAX_METRICS; i++)
		assert_null(s->metrics[i].name);
}

static void assert_span(struct vt_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(span.at, expected, span.length);
}

/* Enumerations by their id in the log. */
static struct vt_rec_enum enums[64];

static void check_event_record(const struct vt_schema *s, struct vt_in body)
{
	struct vt_rec_event r;
	uint32_t value;
	struct vt_span label;

	assert_true(vt_rec_event_decode(body, &r));
	const struct vt_event_desc *e = vt_schema_event(s, r.id);
	assert_non_null(e);
	assert_span(r.name, e->name);
	assert_span(r.help, e->help);
	assert_int_equal(r.flags, e->flags);
	assert_int_equal(r.count, e->count);
	for (unsigned i = 0; i < r.count; i++) {
		assert_span(r.fields[i].name, e->fields[i].name);
		assert_int_equal(r.fields[i].kind, e->fields[i].kind);
		assert_int_equal(r.fields[i].unit, e->fields[i].unit);
		assert_int_equal(r.fields[i].flags, e->fields[i].flags);
		if (!e->fields[i].of) {
			assert_int_equal(r.fields[i].of, 0);
			continue;
		}
		assert_in_range(r.fields[i].of, 1, 63);
		struct vt_rec_enum labels = enums[r.fields[i].of];
		assert_span(labels.name, e->fields[i].of->name);
		assert_int_equal(labels.count, e->fields[i].of->count);
		while (vt_rec_enum_label(&labels, &value, &label))
			assert_span(label, e->fields[i].of->labels[value]);
	}
}

static void test_encode(void **state)
{
	const struct vt_schema *s = vt_schema_builtin();
	struct vt_out out = { 0 };
	struct vt_rec_enum e;
	struct vt_rec_metric m;
	struct vt_rec_category c;
	struct vt_rec_source source;
	unsigned counts[6] = { 0 };
	uint16_t kind;
	struct vt_in body;

	(void)state;
	vt_schema_encode(&out, s);
	assert_false(out.failed);
	assert_in_range(out.length, 1000, 65536);
	struct vt_in in = vt_in_of(out.data, out.length);
	while (vt_record_next(&in, &kind, &body)) {
		assert_in_range(kind, VT_REC_CATEGORY, VT_REC_SOURCE);
		counts[kind]++;
		switch (kind) {
		case VT_REC_CATEGORY:
			assert_true(vt_rec_category_decode(body, &c));
			assert_span(c.name, s->categories[c.id].name);
			assert_span(c.help, s->categories[c.id].help);
			break;
		case VT_REC_ENUM:
			assert_true(vt_rec_enum_decode(body, &e));
			assert_in_range(e.id, 1, 63);
			enums[e.id] = e;
			break;
		case VT_REC_EVENT:
			check_event_record(s, body);
			break;
		case VT_REC_METRIC:
			assert_true(vt_rec_metric_decode(body, &m));
			assert_span(m.name, s->metrics[m.id].name);
			assert_span(m.family, s->metrics[m.id].family);
			assert_span(m.labels, s->metrics[m.id].labels);
			assert_span(m.help, s->metrics[m.id].help);
			assert_int_equal(m.kind, s->metrics[m.id].kind);
			assert_int_equal(m.unit, s->metrics[m.id].unit);
			assert_int_equal(m.source, s->metrics[m.id].source);
			break;
		case VT_REC_SOURCE:
			assert_true(vt_rec_source_decode(body, &source));
			assert_span(source.name, s->sources[source.id].name);
			break;
		}
	}
	assert_false(in.bad);
	unsigned categories = 0, events = 0, sources = 0, used = 0, metrics = 0;
#define VT_CATEGORY(name, id, help) categories++;
#define VT_EVENT(category, name, id, flags, help, fields) events++;
#define VT_SOURCE(name, id, help) sources++;
#define VT_ENUM(name, enumerators) used++;
#define VT_METRIC(name, id, source, kind, unit, family, labels, help) metrics++;
#include <valktrace/schema.def>
	assert_int_equal(counts[VT_REC_CATEGORY], categories);
	assert_int_equal(counts[VT_REC_ENUM], used);
	assert_int_equal(counts[VT_REC_EVENT], events);
	unsigned named = 0;
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		named += vt_schema_builtin()->metrics[i].name != NULL;
	assert_int_equal(counts[VT_REC_METRIC], named);
	assert_int_equal(counts[VT_REC_SOURCE], sources);
	vt_out_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_categories),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_known_events),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
