/*
 * test_series.c - metrics over time: what is written into columns is read out of them, sums over processes are
 * those of an oracle that starts anew at every moment, and OpenMetrics text stays whole whatever names are in it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/metrics_series.h"
#include "core/metrics_text.h"
#include "decoder/moments.h"
#include "tests/unit/logs.h"
#include "tests/unit/rendered.h"

static uint64_t seed = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* ---- columns ---------------------------------------------------------------------------------- */

enum { MOMENTS = 300 };

static void make_some(struct vt_metrics *m)
{
	static const uint64_t steps[] = { 0, 1, 300, 1u << 20, UINT64_MAX, 1ull << 63 };

	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		if (random_below(8) == 0)
			m->present[i] = random_below(4) > 0;
		m->values[i] = m->present[i] ? m->values[i] + steps[random_below(6)] : 0;
	}
	m->lost[random_below(VT_MAX_CATEGORIES)] += random_below(3);
}

static void columns(void **state)
{
	static struct vt_metrics all[MOMENTS];
	size_t room = (size_t)16 << 20;
	struct vt_series *s = calloc(1, sizeof(*s));

	(void)state;
	assert_int_equal(vt_series_start(s, &room, NULL, 0), 0);
	for (unsigned i = 0; i < MOMENTS; i++) {
		all[i] = i > 0 ? all[i - 1] : no_metrics();
		for (unsigned k = 0; k < VT_MAX_SOURCES; k++)
			all[i].sources[k].reason = "";
		make_some(&all[i]);
		assert_int_equal(vt_series_add(s, 1000 + 7 * i, &all[i]), 0);
	}
	for (unsigned metric = 0; metric < VT_MAX_METRICS; metric += 5) {
		vt_series_rewind(s);
		vt_series_want(s, metric);
		vt_series_want(s, VT_SERIES_LOST(metric % VT_MAX_CATEGORIES));
		vt_series_want(s, metric);
		for (unsigned i = 0; i < MOMENTS; i++) {
			assert_true(vt_series_next(s));
			assert_int_equal(s->ms, 1000 + 7 * i);
			assert_int_equal(s->now.present[metric], all[i].present[metric]);
			assert_int_equal(s->now.values[metric], all[i].values[metric]);
			assert_int_equal(s->now.lost[metric % VT_MAX_CATEGORIES], all[i].lost[metric % VT_MAX_CATEGORIES]);
		}
		assert_false(vt_series_next(s));
	}
	vt_series_free(s);
	free(s);
}

/* Changes are refused when the room is used up. */
static void room_is_a_limit(void **state)
{
	size_t room = 65536;
	struct vt_series *s = calloc(1, sizeof(*s));
	struct vt_metrics m = no_metrics();
	int err = 0;
	unsigned moments = 0;

	(void)state;
	for (unsigned k = 0; k < VT_MAX_SOURCES; k++)
		m.sources[k].reason = "";
	set_metric(&m, VT_M_gc_cycles, 5);
	assert_int_equal(vt_series_start(s, &room, NULL, 0), 0);
	for (; moments < 100000 && !err; moments++) {
		m.values[VT_M_gc_cycles] += moments > 500 ? 1ull << random_below(64) : 0;
		err = vt_series_add(s, 1000 + moments, &m);
	}
	assert_int_equal(err, -E2BIG);
	assert_in_range(moments, 501, 5000);
	vt_series_free(s);
	free(s);
}

/* ---- sums over processes ------------------------------------------------------------------------ */

enum { PROCESSES = 7, RECORDS = 400, EVERY_MS = 3 };

static const unsigned tried[] = {
	VT_M_gc_cycles, VT_M_gc_pause_max, VT_M_gc_heap_used, VT_M_loop_idle_ratio, VT_M_gc_pause_10us,
};
#define TRIED (sizeof(tried) / sizeof(*tried))

struct at {                             /* a record as it was written */
	struct vt_counter_sample s;
	uint64_t end;                   /* of its process */
	bool calls;                     /* tells of calls: "aa" and "bb" */
	uint64_t made[2];
};

static struct at records[RECORDS];

/* In some processes the calls have each other's numbers. */
static void encode_calls(struct vt_out *out, struct at *r)
{
	static const char *const names[] = { "aa", "bb" };
	struct vt_call_total totals[2];

	r->calls = true;
	for (unsigned i = 0; i < 2; i++) {
		unsigned name = (i + r->s.process) % 2;
		r->made[name] = 1 + random_below(1000);
		totals[i] = (struct vt_call_total){ .call = (uint16_t)(10 + i), .category = VT_CAT_file,
			.name = { names[name], 2 }, .count = r->made[name], .time = 10 };
	}
	vt_rec_calls_encode(out, &(struct vt_rec_calls){ .process = r->s.process, .count = 2,
		.sequence = r->s.sequence, .totals = totals });
}

static void write_log(struct lm *lm)
{
	uint64_t ends[PROCESSES];

	*lm = (struct lm){ .codec = VT_CODEC_NONE };
	lm_begin(lm, 1);
	lm_schema(lm);
	for (uint32_t p = 0; p < PROCESSES; p++) {
		struct vt_out out = { 0 };
		ends[p] = p == 2 ? 0 : LM_START + 1000000u * EVERY_MS * random_below(RECORDS);
		vt_rec_process_encode(&out, &(struct vt_rec_process){
			.index = p, .parent = VT_NO_PROCESS, .pid = 100 + p, .end = ends[p], .program = { "x", 1 } });
		lm_chunk(lm, VT_CHUNK_PROCESS, p, &out);
	}
	for (unsigned i = 0; i < RECORDS; i++) {
		struct vt_counter_sample *s = &records[i].s;
		struct vt_out out = { 0 };
		uint32_t p = (uint32_t)random_below(PROCESSES);
		/* A few come after the end of their process, as the last one does. */
		uint64_t ticks = LM_START + 1000000u * EVERY_MS * (i + 1);
		while (ends[p] && ends[p] + 50000000u < ticks)
			p = (p + 1) % PROCESSES;
		*s = (struct vt_counter_sample){ .sequence = i + 1, .ticks = ticks, .process = p,
		                                 .monotonic = ticks, .realtime = ticks };
		for (unsigned k = 0; k < TRIED; k++) {
			if (random_below(6) == 0)
				continue;
			s->present[tried[k] / 64] |= 1ull << tried[k] % 64;
			s->values[tried[k]] = random_below(k == 0 ? UINT64_MAX : 50);
		}
		s->lost[VT_CAT_gc] = random_below(3);
		records[i].end = ends[p];
		vt_rec_counters_encode(&out, s);
		if (random_below(2) == 0)
			encode_calls(&out, &records[i]);
		lm_chunk(lm, VT_CHUNK_COUNTERS, p, &out);
	}
	lm_end(lm);
}

/* What metric k is after record i, from the start. */
static bool oracle(unsigned i, unsigned k, uint64_t *value)
{
	const struct vt_metric_desc *d = &vt_schema_builtin()->metrics[tried[k]];
	bool gauge = d->kind == VT_METRIC_GAUGE, any = false, seen[PROCESSES] = { false };
	vt_u128 sum = 0;

	for (unsigned n = i + 1; n-- > 0;) {
		const struct vt_counter_sample *s = &records[n].s;
		if (seen[s->process])
			continue;
		seen[s->process] = true;
		bool dead = records[n].end && records[n].end < records[i].s.ticks && s->process != records[i].s.process;
		/* It had ended before a record of another one came between. */
		for (unsigned m = 0; m < i; m++)
			dead |= records[n].end && records[m].s.ticks > records[n].end &&
			        records[m].s.process != s->process;
		if (!(s->present[tried[k] / 64] >> tried[k] % 64 & 1) || (gauge && dead))
			continue;
		if (d->kind == VT_METRIC_MAX)
			sum = s->values[tried[k]] > sum ? s->values[tried[k]] : sum;
		else if (d->unit == VT_UNIT_PPM)
			sum = any ? sum : s->values[tried[k]];
		else
			sum += s->values[tried[k]];
		any = true;
	}
	*value = sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
	return any;
}

/* Calls of one name after record i: of each process what it told last. */
static uint64_t calls_oracle(unsigned i, unsigned name)
{
	bool seen[PROCESSES] = { false };
	uint64_t sum = 0;

	for (unsigned n = i + 1; n-- > 0;) {
		if (seen[records[n].s.process] || !records[n].calls)
			continue;
		seen[records[n].s.process] = true;
		sum += records[n].made[name];
	}
	return sum;
}

static void check_calls(const struct vt_series *s, const struct vt_input *in, unsigned i)
{
	struct vt_call_list list;

	for (unsigned name = 0; name < 2; name++)
		assert_int_equal(s->now.calls[name].count, calls_oracle(i, name));
	/* A number is of one record here: only its process is told of. */
	assert_int_equal(vt_calls_at(&list, in, i + 1), 0);
	for (unsigned n = i + 1; n-- > 0;) {
		if (records[n].s.process != records[i].s.process || !records[n].calls)
			continue;
		assert_int_equal(list.count, 2);
		assert_string_equal(list.rows[1].call, "bb");
		assert_int_equal(list.rows[1].count, records[n].made[1]);
		break;
	}
	vt_calls_free(&list);
}

static void sums(void **state)
{
	size_t room = VT_MOMENTS_MEMORY;
	struct vt_series *s = calloc(1, sizeof(*s));
	struct lm lm;

	(void)state;
	write_log(&lm);
	struct file f = file_of(&lm);
	struct vt_input in = { .reader = open_one(f.path), .name = "x" };
	in.run = vt_reader_run(in.reader);
	assert_int_equal(vt_series_of_run(s, &in, &(struct vt_moments_choice){ .step = 0 }, &room), RECORDS);
	assert_int_equal(s->moments, RECORDS);
	vt_series_rewind(s);
	for (unsigned k = 0; k < TRIED; k++)
		vt_series_want(s, tried[k]);
	vt_series_want(s, VT_SERIES_CALL(0, VT_SERIES_COUNT));
	vt_series_want(s, VT_SERIES_CALL(1, VT_SERIES_COUNT));
	assert_int_equal(s->now.call_count, 2);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct vt_metrics m;
		assert_true(vt_series_next(s));
		if (i % 10 == 0)
			check_calls(s, &in, i);
		if (i % 10 == 0)
			assert_int_equal(vt_metrics_at(&m, &in, vt_reader_ns(in.reader, records[i].s.ticks), NULL), i + 1);
		for (unsigned k = 0; k < TRIED; k++) {
			uint64_t want;
			bool any = oracle(i, k, &want);
			assert_int_equal(s->now.present[tried[k]], any);
			if (any)
				assert_int_equal(s->now.values[tried[k]], want);
			if (i % 10 == 0)
				assert_int_equal(m.values[tried[k]], any ? want : 0);
		}
	}
	vt_series_free(s);
	free(s);
	vt_reader_close(in.reader);
	close(f.fd);
	lm_free(&lm);
}

/* ---- text ----------------------------------------------------------------------------------------- */

struct text { char bytes[1u << 18]; size_t length; };

static void keep(void *user, const char *bytes, size_t length)
{
	struct text *t = user;

	assert_true(t->length + length < sizeof(t->bytes));
	memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
	t->bytes[t->length] = '\0';
}

static const char *open_text(struct vt_series *s, const char *labels)
{
	static struct text text;

	text.length = 0;
	assert_int_equal(vt_metrics_open(&(struct vt_series_labelled){ s, labels }, 1, keep, &text), 0);
	return text.bytes;
}

static void start(struct vt_series *s, size_t *room, const struct vt_metrics *m)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(vt_series_start(s, room, NULL, 0), 0);
	s->now.schema = m->schema;
	s->now.program = m->program;
	s->now.version = m->version;
}

static void text(void **state)
{
	static struct vt_series s;
	size_t room = 1u << 20;
	struct vt_metrics m = no_metrics();

	(void)state;
	m.program = "a\\b\"c\nd\x1b[31m\xff";
	m.sources[VT_SRC_gc].known = true;
	m.sources[VT_SRC_gc].reason = "\"not\nyet\"";
	m.sources[VT_SRC_interp].reason = m.sources[VT_SRC_loop].reason = m.sources[VT_SRC_kernel].reason = "";
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		m.sources[i].reason = m.sources[i].reason ? m.sources[i].reason : "";
	start(&s, &room, &m);
	set_metric(&m, VT_M_gc_pause_10us, 3);
	assert_int_equal(vt_series_add(&s, 1500, &m), 0);
	set_metric(&m, VT_M_gc_cycles, 7);
	set_metric(&m, VT_M_loop_idle_ratio, 250000);
	m.sources[VT_SRC_gc].available = true;
	m.lost[VT_CAT_loop] = 2;
	assert_int_equal(vt_series_add(&s, 2001, &m), 0);
	s.now.wanted = 1ull << VT_CAT_loop;
	const char *printed = open_text(&s, "x=\"y\"");
	assert_non_null(strstr(printed,
		"# TYPE valk_gc_cycles counter\n"
		"# HELP valk_gc_cycles Total garbage collection cycles\n"
		"valk_gc_cycles_total{x=\"y\"} 7 2.001\n"));
	assert_non_null(strstr(printed,
		"# TYPE valk_loop_idle_ratio gauge\n"
		"# UNIT valk_loop_idle_ratio ratio\n"));
	assert_non_null(strstr(printed, "valk_source_available{source=\"gc\",reason=\"\\\"not\\nyet\\\"\",x=\"y\"} 0 1.500\n"
		"valk_source_available{source=\"gc\",reason=\"\",x=\"y\"} 1 2.001\n"
		"valk_source_available{source=\"interp\""));
	assert_non_null(strstr(printed, "# TYPE valk_trace info\n"));
	assert_non_null(strstr(printed, "valk_trace_info{program=\"a\\\\b\\\"c\\nd\xef\xbf\xbd[31m\xef\xbf\xbd\","));
	assert_non_null(strstr(printed, "valk_trace_lost_events_total{category=\"loop\",x=\"y\"} 0 1.500\n"
		"valk_trace_lost_events_total{category=\"loop\",x=\"y\"} 2 2.001\n"));
	/* A histogram has a sum and a count, or neither. */
	assert_non_null(strstr(printed, "valk_gc_pause_duration_seconds_bucket{le=\"+Inf\",x=\"y\"} 3 1.500\n"));
	assert_string_equal(printed + strlen(printed) - strlen("\n# EOF\n"), "\n# EOF\n");
	assert_null(strstr(printed, "\n\n"));
	vt_series_free(&s);
}

/* A stranger's families: names of counters that are none, or whose stem is another family's. */
static void families(void **state)
{
	static struct vt_series s;
	static struct vt_schema schema;
	static const struct { const char *family, *labels; uint8_t kind; } odd[] = {
		{ "valk_odd", "", VT_METRIC_GAUGE }, { "valk_odd_total", "", VT_METRIC_COUNTER },
		{ "valk_count", "", VT_METRIC_COUNTER }, { "_total", "", VT_METRIC_COUNTER },
		{ "valk_total", "", VT_METRIC_COUNTER }, { "seconds", "", VT_METRIC_GAUGE },
		{ "valk_h", "le=\"1\"", VT_METRIC_BUCKET }, { "valk_trace", "", VT_METRIC_GAUGE },
		{ "valk_own", "a=\"b\",__name__=\"x\"", VT_METRIC_GAUGE },
		{ "valk_twice", "a=\"1\",b=\"2\"", VT_METRIC_GAUGE },
		{ "valk_twice", "b=\"2\",a=\"1\"", VT_METRIC_GAUGE },
		{ "valk_twice", "b=\"1\",a=\"2\"", VT_METRIC_GAUGE },
		{ "valk_h2", "a=\"1\",b=\"2\",le=\"1\"", VT_METRIC_BUCKET },
		{ "valk_h2", "b=\"2\",a=\"1\",le=\"2\"", VT_METRIC_BUCKET },
		{ "no name", "", VT_METRIC_GAUGE }, { "bad\n# EOF", "", VT_METRIC_GAUGE },
	};
	size_t room = 1u << 20;
	struct vt_metrics m = no_metrics();

	(void)state;
	schema = *m.schema;
	for (unsigned i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		schema.metrics[200 + i] = (struct vt_metric_desc){
			.name = "x", .family = odd[i].family, .labels = odd[i].labels, .help = "a \"b\"\nc\\\x80",
			.kind = odd[i].kind,
		};
		set_metric(&m, 200 + i, i);
	}
	m.schema = &schema;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		m.sources[i].reason = "";
	start(&s, &room, &m);
	assert_int_equal(vt_series_add(&s, 1000, &m), 0);
	const char *printed = open_text(&s, "");
	assert_non_null(strstr(printed, "# TYPE valk_odd gauge\n# HELP valk_odd a \\\"b\\\"\\nc\\\\\xef\xbf\xbd\nvalk_odd 0 1.000\n"
	                            "# TYPE valk_odd_total unknown\n"));
	assert_non_null(strstr(printed, "# TYPE valk_count unknown\n"));
	assert_non_null(strstr(printed, "# TYPE _total unknown\n"));
	assert_non_null(strstr(printed, "# TYPE valk counter\n"));
	assert_non_null(strstr(printed, "# TYPE seconds gauge\n# HELP seconds"));
	assert_non_null(strstr(printed, "valk_h_bucket{le=\"+Inf\"} 6 1.000\n# TYPE"));
	assert_non_null(strstr(printed, "# TYPE valk_trace_info unknown\n"));
	assert_null(strstr(printed, "no name"));
	assert_null(strstr(printed, "valk_own"));
	assert_non_null(strstr(printed, "\nvalk_twice{a=\"1\",b=\"2\"} 9 1.000\nvalk_twice{b=\"1\",a=\"2\"} 11 1.000\n#"));
	assert_non_null(strstr(printed, "\nvalk_h2_bucket{a=\"1\",b=\"2\",le=\"1\"} 12 1.000\n"
	                                "valk_h2_bucket{a=\"1\",b=\"2\",le=\"2\"} 25 1.000\n"
	                                "valk_h2_bucket{a=\"1\",b=\"2\",le=\"+Inf\"} 25 1.000\n#"));
	assert_null(strstr(printed, "bad"));
	vt_series_free(&s);
}

/* Each reason of a source is a series: there is an end to them. */
static void reasons(void **state)
{
	static struct vt_series s;
	static char texts[100][8];
	size_t room = 1u << 20;
	struct vt_metrics m = no_metrics();
	unsigned series = 0, samples = 0;

	(void)state;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		m.sources[i].reason = "";
	start(&s, &room, &m);
	m.sources[VT_SRC_gc].known = true;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(texts[i], sizeof(texts[i]), "no %u", i);
		m.sources[VT_SRC_gc].reason = texts[i];
		assert_int_equal(vt_series_add(&s, 1000 + i, &m), 0);
	}
	const char *before = "";
	for (const char *p = open_text(&s, ""); (p = strstr(p, "{source=\"gc\"")); p++) {
		size_t length = strcspn(p, "}");
		series += strncmp(p, before, length) != 0;
		before = p;
		samples++;
	}
	assert_int_equal(samples, 100);
	assert_int_equal(series, VT_SERIES_REASONS);
	assert_non_null(strstr(open_text(&s, ""), "reason=\"" VT_SERIES_OTHER "\"} 0 1.099\n"));
	vt_series_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns),
		cmocka_unit_test(room_is_a_limit),
		cmocka_unit_test(sums),
		cmocka_unit_test(text),
		cmocka_unit_test(families),
		cmocka_unit_test(reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
