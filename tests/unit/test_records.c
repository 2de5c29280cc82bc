/* test_records.c - the records in payloads: round trips, framing, every cut, every changed byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire.h"

#define SPAN(s) ((struct vt_span){ (s), sizeof(s) - 1 })

static void assert_span(struct vt_span span, const char *expected)
{
	assert_int_equal(span.length, strlen(expected));
	assert_memory_equal(span.at, expected, span.length);
}

/* One record of each kind, all fields different, and what decodes it. */
static struct vt_counter_sample counters;
static struct vt_rec_gap gap;
static struct vt_rec_totals totals;

static const struct vt_call_total some_calls[] = {
	{ 12, VT_CAT_file, { "read", 4 }, 10, 3, 1000, 400, 20, 500 },
	{ 200, VT_CAT_syscall, { "", 0 }, 1, 1, 7, 7, 7, 7 },
	{ VT_MAX_CALL_TOTALS - 1, 63, { "a \x1b[31m name", 12 }, UINT64_MAX, 0, UINT64_MAX, 0, 0, UINT64_MAX },
};

static void encode_calls(struct vt_out *out, const struct vt_call_total *calls, uint16_t count)
{
	vt_rec_calls_encode(out, &(struct vt_rec_calls){ .process = 9, .count = count, .sequence = 4,
	                                                 .missed = 77, .totals = calls });
}

static bool decode_calls(const struct vt_out *out, struct vt_rec_calls *r)
{
	uint16_t kind;
	struct vt_in in = vt_in_of(out->data, out->length), body;

	assert_true(vt_record_next(&in, &kind, &body));
	assert_int_equal(kind, VT_REC_CALLS);
	return vt_rec_calls_decode(body, r);
}

static void test_calls(void **state)
{
	struct vt_out out = { 0 };
	struct vt_rec_calls r;
	struct vt_call_total t;

	(void)state;
	encode_calls(&out, some_calls, 3);
	assert_true(decode_calls(&out, &r));
	assert_int_equal(r.process, 9);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.sequence, 4);
	assert_int_equal(r.missed, 77);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(vt_rec_calls_entry(&r, &t));
		assert_int_equal(t.call, some_calls[i].call);
		assert_int_equal(t.category, some_calls[i].category);
		assert_int_equal(t.name.length, some_calls[i].name.length);
		assert_memory_equal(t.name.at, some_calls[i].name.at, t.name.length);
		assert_memory_equal(&t.count, &some_calls[i].count, 6 * sizeof(uint64_t));
	}
	assert_false(vt_rec_calls_entry(&r, &t));
	out.length = 0;
	encode_calls(&out, NULL, 0);
	assert_true(decode_calls(&out, &r));

	/* A stranger's numbers: what cannot be is cut, what names nothing is refused. */
	struct vt_call_total odd[2] = { some_calls[0], some_calls[0] };
	odd[0].errors = odd[0].error_time = odd[0].least = UINT64_MAX;
	out.length = 0;
	encode_calls(&out, odd, 1);
	assert_true(decode_calls(&out, &r));
	assert_true(vt_rec_calls_entry(&r, &t));
	assert_int_equal(t.errors, t.count);
	assert_int_equal(t.error_time, t.time);
	assert_int_equal(t.least, t.most);
	out.length = 0;
	encode_calls(&out, odd, 2);             /* the same call twice */
	assert_false(decode_calls(&out, &r));
	odd[0].call = VT_MAX_CALL_TOTALS;
	out.length = 0;
	encode_calls(&out, odd, 1);
	assert_false(decode_calls(&out, &r));
	vt_out_free(&out);
}

static void encode_all(struct vt_out *out)
{
	static const char *const labels[] = { "none", NULL, "two" };
	struct vt_rec_event event = { .id = 0x2001, .flags = VT_EVENT_END, .count = 2,
	                              .name = SPAN("done"), .help = SPAN("") };

	event.fields[0].kind = VT_KIND_ENUM;
	event.fields[0].of = 7;
	event.fields[0].name = SPAN("why");
	event.fields[1].kind = VT_KIND_TEXT;
	event.fields[1].flags = VT_FIELD_PATH;
	event.fields[1].unit = VT_UNIT_BYTES;
	event.fields[1].name = SPAN("file");
	event.fields[1].help = SPAN("its name");
	vt_rec_category_encode(out, &(struct vt_rec_category){ 32, SPAN("mine"), SPAN("of the host") });
	vt_rec_enum_encode(out, 7, &(struct vt_enum_desc){ "why", labels, 3 });
	vt_rec_event_encode(out, &event);
	vt_rec_metric_encode(out, &(struct vt_rec_metric){ 191, 31, VT_METRIC_MAX, VT_UNIT_NS,
		SPAN("m"), SPAN("valk_m_seconds"), SPAN("a=\"b\""), SPAN("help") });
	vt_rec_metric_state_encode(out, &(struct vt_rec_metric_state){ 383, VT_METRIC_UNAVAILABLE, SPAN("no PMU") });
	vt_rec_source_encode(out, &(struct vt_rec_source){ 31, SPAN("s"), SPAN("source") });
	vt_rec_string_encode(out, &(struct vt_rec_string){ 77, VT_FIELD_PUBLIC, SPAN("a\0b") });
	vt_rec_process_encode(out, &(struct vt_rec_process){ 1, VT_NO_PROCESS, 4711, VT_END_SIGNAL, 9,
		10, 20, 30, SPAN("guile") });
	vt_rec_fact_encode(out, &(struct vt_rec_fact){ 1, VT_FIELD_PATH, SPAN("key"), SPAN("value") });
	vt_rec_thread_encode(out, &(struct vt_rec_thread){ 65535, 1, 4712, 2, 3, 1,
		SPAN("worker") });
	vt_rec_anchor_encode(out, &(struct vt_rec_anchor){ 1, 2, 3 });

	memset(&counters, 0, sizeof(counters));
	counters.sequence = 5;
	counters.ticks = 6;
	counters.monotonic = 7;
	counters.realtime = 8;
	counters.process = 1;
	counters.flags = VT_COUNTERS_LIVE;
	counters.present[0] = 1;
	counters.present[2] = 1ull << 63;
	counters.values[191] = UINT64_MAX;
	counters.lost[0] = 1;
	counters.lost[63] = 2;
	counters.sources_known = 1u << 31 | 3;
	counters.sources_available = 1u << 31 | 1;
	counters.reasons[0] = counters.reasons[31] = SPAN("");
	counters.reasons[1] = SPAN("none here");
	vt_rec_counters_encode(out, &counters);

	gap = (struct vt_rec_gap){ .ring = 4, .cause = VT_LOST_DISK, .pos_begin = 8, .pos_end = 16,
	                           .t_before = 100, .t_after = 200 };
	gap.events[10] = 33;
	vt_rec_gap_encode(out, &gap);
	totals = (struct vt_rec_totals){ .ring = VT_NO_RING };
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		totals.committed[i] = 1000 + i;
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			totals.lost[cause][i] = 1 + cause * i;
	}
	vt_rec_totals_encode(out, &totals);
	vt_rec_index_encode(out, &(struct vt_rec_index){ .offset = 128, .total = 312, .type = 1, .ring = 2,
		.process = 3, .events = 8, .t_min = 4, .t_max = 5, .categories = 6 });
	vt_rec_footer_encode(out, (const uint64_t[]){ 128, 512, 4096 }, 3);
}

/* The records in the order of encode_all. */
static struct vt_in take(struct vt_in *in, uint16_t expected)
{
	uint16_t kind;
	struct vt_in body;

	assert_true(vt_record_next(in, &kind, &body));
	assert_int_equal(kind, expected);
	return body;
}

static void check_schema_records(struct vt_in *in)
{
	struct vt_rec_category c;
	struct vt_rec_enum e;
	struct vt_rec_event v;
	struct vt_rec_metric m;
	struct vt_rec_metric_state state;
	struct vt_rec_source s;
	uint32_t value;
	struct vt_span label;

	assert_true(vt_rec_category_decode(take(in, VT_REC_CATEGORY), &c));
	assert_int_equal(c.id, 32);
	assert_span(c.name, "mine");
	assert_span(c.help, "of the host");
	assert_true(vt_rec_enum_decode(take(in, VT_REC_ENUM), &e));
	assert_int_equal(e.id, 7);
	assert_int_equal(e.count, 2);
	assert_span(e.name, "why");
	assert_true(vt_rec_enum_label(&e, &value, &label));
	assert_int_equal(value, 0);
	assert_span(label, "none");
	assert_true(vt_rec_enum_label(&e, &value, &label));
	assert_int_equal(value, 2);
	assert_span(label, "two");
	assert_false(vt_rec_enum_label(&e, &value, &label));
	assert_true(vt_rec_event_decode(take(in, VT_REC_EVENT), &v));
	assert_int_equal(v.id, 0x2001);
	assert_int_equal(v.flags, VT_EVENT_END);
	assert_int_equal(v.count, 2);
	assert_int_equal(v.fields[0].of, 7);
	assert_int_equal(v.fields[1].kind, VT_KIND_TEXT);
	assert_int_equal(v.fields[1].unit, VT_UNIT_BYTES);
	assert_int_equal(v.fields[1].flags, VT_FIELD_PATH);
	assert_span(v.fields[1].help, "its name");
	assert_true(vt_rec_metric_decode(take(in, VT_REC_METRIC), &m));
	assert_int_equal(m.id, 191);
	assert_int_equal(m.source, 31);
	assert_int_equal(m.kind, VT_METRIC_MAX);
	assert_int_equal(m.unit, VT_UNIT_NS);
	assert_span(m.labels, "a=\"b\"");
	assert_true(vt_rec_metric_state_decode(take(in, VT_REC_METRIC_STATE), &state));
	assert_int_equal(state.id, 383);
	assert_int_equal(state.state, VT_METRIC_UNAVAILABLE);
	assert_span(state.reason, "no PMU");
	assert_true(vt_rec_source_decode(take(in, VT_REC_SOURCE), &s));
	assert_int_equal(s.id, 31);
	assert_span(s.help, "source");
}

static void check_process_records(struct vt_in *in)
{
	struct vt_rec_string s;
	struct vt_rec_process p;
	struct vt_rec_fact f;
	struct vt_rec_thread t;

	assert_true(vt_rec_string_decode(take(in, VT_REC_STRING), &s));
	assert_int_equal(s.id, 77);
	assert_int_equal(s.bytes.length, 3);
	assert_memory_equal(s.bytes.at, "a\0b", 3);
	assert_true(vt_rec_process_decode(take(in, VT_REC_PROCESS), &p));
	assert_int_equal(p.index, 1);
	assert_int_equal(p.parent, VT_NO_PROCESS);
	assert_int_equal(p.pid, 4711);
	assert_int_equal(p.ending, VT_END_SIGNAL);
	assert_int_equal(p.status, 9);
	assert_int_equal(p.start, 10);
	assert_int_equal(p.end, 20);
	assert_int_equal(p.image, 30);
	assert_span(p.program, "guile");
	assert_true(vt_rec_fact_decode(take(in, VT_REC_FACT), &f));
	assert_int_equal(f.class_flag, VT_FIELD_PATH);
	assert_span(f.key, "key");
	assert_span(f.value, "value");
	assert_true(vt_rec_thread_decode(take(in, VT_REC_THREAD), &t));
	assert_int_equal(t.ring, 65535);
	assert_int_equal(t.tid, 4712);
	assert_int_equal(t.slot, 2);
	assert_int_equal(t.generation, 3);
	assert_int_equal(t.kind, 1);
	assert_span(t.name, "worker");
}

static void check_number_records(struct vt_in *in)
{
	struct vt_rec_anchor a;
	struct vt_rec_gap g;
	struct vt_rec_totals t;
	struct vt_rec_index x;
	struct vt_counter_sample c;
	uint64_t offsets[4] = { 0 };

	assert_true(vt_rec_anchor_decode(take(in, VT_REC_ANCHOR), &a));
	assert_int_equal(a.realtime, 3);
	assert_true(vt_rec_counters_decode(take(in, VT_REC_COUNTERS), &c));
	assert_span(c.reasons[1], "none here");
	memcpy(c.reasons, counters.reasons, sizeof(c.reasons));
	assert_memory_equal(&c, &counters, sizeof(c));
	assert_true(vt_rec_gap_decode(take(in, VT_REC_GAP), &g));
	assert_int_equal(g.cause, VT_LOST_DISK);
	assert_int_equal(g.t_after, 200);
	assert_memory_equal(g.events, gap.events, sizeof(g.events));
	assert_true(vt_rec_totals_decode(take(in, VT_REC_TOTALS), &t));
	assert_int_equal(t.ring, VT_NO_RING);
	assert_memory_equal(t.committed, totals.committed, sizeof(t.committed));
	assert_memory_equal(t.lost, totals.lost, sizeof(t.lost));
	assert_true(vt_rec_index_decode(take(in, VT_REC_INDEX), &x));
	assert_int_equal(x.offset, 128);
	assert_int_equal(x.total, 312);
	assert_int_equal(x.events, 8);
	assert_int_equal(x.categories, 6);
	struct vt_in footer = take(in, VT_REC_FOOTER);
	assert_int_equal(vt_rec_footer_decode(footer, offsets, 4), 3);
	assert_int_equal(offsets[2], 4096);
	assert_int_equal(offsets[3], 0);
	assert_int_equal(vt_rec_footer_decode(footer, offsets, 2), 2);
}

static void test_records(void **state)
{
	struct vt_out out = { 0 };
	uint16_t kind;
	struct vt_in body;

	(void)state;
	encode_all(&out);
	assert_false(out.failed);
	assert_int_equal(out.length % 8, 0);
	struct vt_in in = vt_in_of(out.data, out.length);
	check_schema_records(&in);
	check_process_records(&in);
	check_number_records(&in);
	assert_false(vt_record_next(&in, &kind, &body));
	assert_false(in.bad);
	vt_out_free(&out);
}

/* Encodes `r`, then decodes what came out. */
#define AGAIN(name, r) __extension__ ({ \
	struct vt_out out_ = { 0 }; \
	uint16_t kind_; \
	struct vt_in body_; \
	vt_rec_##name##_encode(&out_, &(r)); \
	struct vt_in in_ = vt_in_of(out_.data, out_.length); \
	assert_true(vt_record_next(&in_, &kind_, &body_)); \
	bool good_ = vt_rec_##name##_decode(body_, &(r)); \
	vt_out_free(&out_); \
	good_; \
})

static void test_limits(void **state)
{
	static char many[70000];
	struct vt_rec_category c = { 63, { many, sizeof(many) }, { many, sizeof(many) } };
	struct vt_rec_event e = { .id = 0x0a01, .name = SPAN("e"), .count = 2 };
	struct vt_rec_gap g = { .ring = VT_MAX_RINGS - 1 };
	struct vt_rec_process p = { .parent = VT_MAX_PROCESSES - 1, .ending = 99 };

	(void)state;
	memset(many, 'x', sizeof(many));
	/* Names too long are cut, not lost. */
	assert_true(AGAIN(category, c));
	assert_int_equal(c.name.length, VT_MAX_NAME);
	assert_int_equal(c.help.length, VT_MAX_STRING);
	c = (struct vt_rec_category){ 64, SPAN("c"), SPAN("") };
	assert_false(AGAIN(category, c));
	c = (struct vt_rec_category){ 1, SPAN(""), SPAN("") };
	assert_false(AGAIN(category, c));

	/* A kind of a later minor is shown as a number; a text without a class is private. */
	e.fields[0].kind = 99;
	e.fields[0].unit = 99;
	e.fields[1].kind = VT_KIND_STRING;
	e.fields[0].name = e.fields[1].name = SPAN("f");
	struct vt_rec_event f = e;
	assert_true(AGAIN(event, f));
	assert_int_equal(f.fields[0].kind, VT_KIND_UINT);
	assert_int_equal(f.fields[0].unit, VT_UNIT_NONE);
	assert_int_equal(f.fields[1].flags, VT_FIELD_USER);
	f = e;
	f.fields[0].kind = f.fields[1].kind = VT_KIND_TEXT;
	assert_false(AGAIN(event, f));
	f = e;
	f.id = 0x4001;
	assert_false(AGAIN(event, f));
	f = e;
	f.id = 0x0a00;
	assert_false(AGAIN(event, f));

	assert_true(AGAIN(process, p));
	assert_int_equal(p.ending, VT_END_UNKNOWN);
	p.parent = VT_MAX_PROCESSES;
	assert_false(AGAIN(process, p));
	assert_true(AGAIN(gap, g));
	g.cause = VT_LOST_CAUSES;
	assert_false(AGAIN(gap, g));
	g = (struct vt_rec_gap){ .ring = VT_MAX_RINGS };
	assert_false(AGAIN(gap, g));
	g = (struct vt_rec_gap){ .t_before = 9, .t_after = 5 };
	assert_true(AGAIN(gap, g));
	assert_int_equal(g.t_after, 9);
	g = (struct vt_rec_gap){ .pos_begin = 2, .pos_end = 1 };
	assert_false(AGAIN(gap, g));
}

/* Runs every decoder over a body; a decoder must survive any of them. */
static unsigned decode_all(struct vt_in body)
{
	static union {
		struct vt_rec_category category;
		struct vt_rec_event event;
		struct vt_rec_metric metric;
		struct vt_rec_metric_state state;
		struct vt_rec_source source;
		struct vt_rec_string string;
		struct vt_rec_process process;
		struct vt_rec_fact fact;
		struct vt_rec_thread thread;
		struct vt_rec_anchor anchor;
		struct vt_counter_sample counters;
		struct vt_rec_calls calls;
		struct vt_rec_gap gap;
		struct vt_rec_totals totals;
		struct vt_rec_index index;
	} r;
	static struct vt_rec_enum e;
	uint64_t offsets[4];
	uint32_t value;
	struct vt_span label;
	unsigned accepted = vt_rec_footer_decode(body, offsets, 4) > 0;

	if (vt_rec_enum_decode(body, &e)) {
		unsigned count = e.count;
		for (accepted++; vt_rec_enum_label(&e, &value, &label); count--)
			assert_in_range(label.length, 1, VT_MAX_NAME);
		assert_int_equal(count, 0);
	}
	if (vt_rec_event_decode(body, &r.event)) {
		accepted++;
		assert_in_range(r.event.count, 0, VT_MAX_FIELDS);
		assert_in_range(r.event.name.length, 1, VT_MAX_NAME);
	}
	if (vt_rec_string_decode(body, &r.string)) {
		accepted++;
		assert_in_range(r.string.bytes.length, 0, VT_MAX_STRING);
	}
	if (vt_rec_metric_state_decode(body, &r.state)) {
		accepted++;
		assert_in_range(r.state.id, 0, VT_MAX_METRICS - 1);
		assert_in_range(r.state.state, VT_METRIC_UNTOLD, VT_METRIC_UNAVAILABLE);
	}
	return accepted + vt_rec_category_decode(body, &r.category) +
	       vt_rec_metric_decode(body, &r.metric) + vt_rec_source_decode(body, &r.source) +
	       vt_rec_process_decode(body, &r.process) + vt_rec_fact_decode(body, &r.fact) +
	       vt_rec_thread_decode(body, &r.thread) + vt_rec_anchor_decode(body, &r.anchor) +
	       vt_rec_counters_decode(body, &r.counters) + vt_rec_calls_decode(body, &r.calls) +
	       vt_rec_gap_decode(body, &r.gap) +
	       vt_rec_totals_decode(body, &r.totals) + vt_rec_index_decode(body, &r.index);
}

/* Every prefix and every changed byte of every record, in memory of exactly that size. */
static void test_hostile_records(void **state)
{
	struct vt_out out = { 0 };
	uint16_t kind;
	struct vt_in body;

	(void)state;
	assert_int_equal(decode_all(vt_in_of("", 0)), 0);
	encode_all(&out);
	encode_calls(&out, some_calls, 3);
	struct vt_in in = vt_in_of(out.data, out.length);
	while (vt_record_next(&in, &kind, &body)) {
		size_t length = (size_t)(body.end - body.at);
		size_t step = length > 1000 ? 97 : 1;
		assert_true(decode_all(body) >= 1);
		for (size_t cut = 0; cut < length; cut += step) {
			uint8_t *exact = malloc(cut + 1);
			assert_non_null(exact);
			memcpy(exact, body.at, cut);
			decode_all(vt_in_of(exact, cut));
			free(exact);
		}
		uint8_t *changed = malloc(length);
		assert_non_null(changed);
		for (size_t at = 0; at < length; at += step) {
			memcpy(changed, body.at, length);
			changed[at] = 0xff;
			decode_all(vt_in_of(changed, length));
			changed[at] = 0;
			decode_all(vt_in_of(changed, length));
		}
		free(changed);
	}
	vt_out_free(&out);
}

static void test_framing(void **state)
{
	static const struct { uint32_t length; bool good; } cases[] = {
		{ 0, false }, { 4, false }, { 8, true }, { 9, false }, { 16, true }, { 24, false },
		{ 0xfffffff8u, false }, { 0xffffffffu, false },
	};
	uint8_t bytes[16];
	uint16_t kind;
	struct vt_in body;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(bytes, 0, sizeof(bytes));
		vt_put_le32(bytes, cases[i].length);
		vt_put_le16(bytes + 4, 0x1234);
		struct vt_in in = vt_in_of(bytes, sizeof(bytes));
		assert_int_equal(vt_record_next(&in, &kind, &body), cases[i].good);
		assert_int_equal(in.bad, !cases[i].good);
		if (cases[i].good) {
			assert_int_equal(kind, 0x1234);
			assert_int_equal(body.end - body.at, cases[i].length - 8);
		} else {
			assert_false(vt_record_next(&in, &kind, &body));
		}
	}
	for (size_t n = 1; n < 8; n++) {
		struct vt_in in = vt_in_of(bytes, n);
		assert_false(vt_record_next(&in, &kind, &body));
		assert_true(in.bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hostile_records),
		cmocka_unit_test(test_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
