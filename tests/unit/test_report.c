/* test_report.c - numbers and names as HTML; series of a log whose every figure is worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/report.h"
#include "decoder/report_html.h"
#include "tests/unit/logs.h"

/* ---- HTML ---------------------------------------------------------------------------------------- */

#define IS(call, expected) do { \
	struct vt_sink s_; \
	struct vt_sink *out = &s_; \
	assert_int_equal(vt_sink_memory(out), 0); \
	call; \
	assert_string_equal(vt_sink_text(out), expected); \
	vt_sink_discard(out); \
} while (0)

static void test_text(void **state)
{
	char longest[1000];

	(void)state;
	IS(vt_html_text(out, "<img src=x onerror='alert(\"&\")'>"),
	   "&lt;img src=x onerror=&#39;alert(&quot;&amp;&quot;)&#39;&gt;");
	IS(vt_html_text(out, "a\x1b[31m\n\xff\\"), "a\\x1b[31m\\x0a\\xff\\\\");
	IS(vt_html_text(out, "\xce\xbb \xe2\x80\xae"), "\xce\xbb \\u{202e}");
	IS(vt_html_bytes(out, "</script>\0<b>", 13), "&lt;/script&gt;\\x00&lt;b&gt;");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	struct vt_sink out;
	assert_int_equal(vt_sink_memory(&out), 0);
	vt_html_text(&out, longest);
	assert_int_equal(out.used, 256);
	vt_sink_discard(&out);
}

#define US "\xc2\xb5s"
#define DATA(value, text) "<data value=\"" value "\">" text "</data>"

/* Each step of the old dashboards' form, and both sides of its edges. */
static void test_us(void **state)
{
	(void)state;
	IS(vt_html_us(out, 0), DATA("0", "0"));
	IS(vt_html_us(out, 1), DATA("1", "&lt;1" US));
	IS(vt_html_us(out, 499), DATA("499", "&lt;1" US));
	IS(vt_html_us(out, 500), DATA("500", "1" US));
	IS(vt_html_us(out, 999499), DATA("999499", "999" US));
	IS(vt_html_us(out, 999500), DATA("999500", "1.0ms"));
	IS(vt_html_us(out, 1250000), DATA("1250000", "1.3ms"));
	IS(vt_html_us(out, 999949999), DATA("999949999", "999.9ms"));
	IS(vt_html_us(out, 999950000), DATA("999950000", "1.00s"));
	IS(vt_html_us(out, 61230000000), DATA("61230000000", "61.23s"));
	IS(vt_html_us(out, UINT64_MAX), DATA("18446744073709551615", "18446744073.71s"));
}

static void test_values(void **state)
{
	(void)state;
	IS(vt_html_value(out, VT_HTML_NS, 409000), DATA("409000", "409" US));
	IS(vt_html_value(out, VT_HTML_NS, 12), DATA("12", "12ns"));
	IS(vt_html_value(out, VT_HTML_BYTES, 3735552), DATA("3735552", "3.56MiB"));
	IS(vt_html_value(out, VT_HTML_COUNT, 1234567), DATA("1234567", "1,234,567"));
	IS(vt_html_value(out, VT_HTML_MILLI, 1234567), DATA("1234567", "1,234.56"));
	IS(vt_html_bound(out, 500000), DATA("500000", "500" US));
	IS(vt_html_bound(out, 1000000), DATA("1000000", "1ms"));
	IS(vt_html_bound(out, 2500000), DATA("2500000", "2.5ms"));
	IS(vt_html_bound(out, 100000000000), DATA("100000000000", "100s"));
	IS(vt_cell_bar(out, 0, 0), "<td class=\"bar\"><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
	                           "aria-hidden=\"true\"><rect width=\"0\" height=\"10\"/></svg>");
	IS(vt_cell_bar(out, 1, UINT64_MAX), "<td class=\"bar\"><svg viewBox=\"0 0 1000 10\" "
	   "preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"5\" height=\"10\"/></svg>");
}

/* A title of a stranger stands in the page, and marks in it are not filled. */
static void test_frame(void **state)
{
	struct vt_sink out;

	(void)state;
	assert_int_equal(vt_sink_memory(&out), 0);
	vt_report_begin(&out, "</title><script>@BODY@ @SCRIPT@ @STYLE@");
	vt_report_end(&out);
	const char *page = vt_sink_text(&out);
	assert_non_null(strstr(page, "<title>&lt;/title&gt;&lt;script&gt;@BODY@ @SCRIPT@ @STYLE@</title>"));
	assert_non_null(strstr(page, vt_report_style));
	assert_non_null(strstr(page, vt_report_script));
	assert_null(strstr(page, "@TITLE@"));
	assert_null(strstr(page, "_HASH@"));
	vt_sink_discard(&out);
}

/* ---- series -------------------------------------------------------------------------------------- */

#define MS     1000000ull
#define AT(ms) (LM_START + (ms) * MS)
#define PAUSE(ms, cycle, length) { AT(ms), VT_EV_gc_pause_end, { cycle, (length) * MS }, NULL }
#define HEAP(ms, used) { AT(ms), VT_EV_gc_heap, { used, 0 }, NULL }

/* Four seconds: a bucket is 10 ms. The second pause begins in one bucket and ends in another. */
static const struct lm_event gc[] = {
	HEAP(0, 100), PAUSE(1000, 1, 500), HEAP(1001, 300), HEAP(1002, 200), PAUSE(2005, 2, 10), PAUSE(4000, 3, 20),
};
static const struct lm_event calls[] = {
	{ AT(100), VT_EV_interp_call, { 1 }, NULL }, { AT(3999), VT_EV_interp_return, { 0 }, NULL },
};

struct counted { unsigned ms, process; uint64_t evals, iterations, cpu, resident; };    /* 0: absent */

static const struct counted records[] = {
	{ 1000, 0, 100, 10, 7000, 10 }, { 1500, 1, 1000, 0, 0, 100 }, { 2000, 0, 300, 0, 9000, 20 },
	{ 2500, 1, 1500, 0, 0, 200 }, { 3000, 0, 50, 30, 9500, 30 },
};

static void put(struct vt_counter_sample *s, unsigned metric, uint64_t value)
{
	if (value == 0)
		return;
	s->present[metric / 64] |= 1ull << (metric % 64);
	s->values[metric] = value;
}

static void write_counters(struct lm *lm)
{
	for (unsigned i = 0; i < sizeof(records) / sizeof(*records); i++) {
		const struct counted *c = &records[i];
		struct vt_out out = { 0 };
		struct vt_counter_sample s = { .sequence = i + 1, .ticks = AT(c->ms), .monotonic = LM_MONOTONIC + c->ms * MS,
		                               .process = c->process };
		put(&s, VT_M_interp_evals, c->evals);
		put(&s, VT_M_loop_iterations, c->iterations);
		put(&s, VT_M_process_cpu_user, c->cpu);
		put(&s, VT_M_process_resident, c->resident);
		vt_rec_counters_encode(&out, &s);
		lm_chunk(lm, VT_CHUNK_COUNTERS, c->process, &out);
	}
}

struct fixture {
	struct vt_input in;
	struct vt_filter filter;
	struct vt_summary s;
	struct vt_history series;
};

static struct fixture *open_fixture(uint64_t since, uint64_t until)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct lm lm = { .codec = VT_CODEC_NONE };
	const char *unknown;

	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_process(&lm, 0, 100, "lisp");
	lm_process(&lm, 1, 101, "other");
	lm_thread(&lm, 0, 0, 100, "main");
	lm_thread(&lm, 1, 1, 101, "other");
	lm_events(&lm, 0, 0, gc, sizeof(gc) / sizeof(*gc));
	lm_events(&lm, 1, 1, calls, 2);
	write_counters(&lm);
	lm_end(&lm);
	struct file file = file_of(&lm);
	lm_free(&lm);
	assert_non_null(f);
	f->in = (struct vt_input){ .name = "log", .reader = open_one(file.path) };
	f->in.run = vt_reader_run(f->in.reader);
	close(file.fd);
	f->filter = (struct vt_filter){ .size = sizeof(f->filter), .since_set = since > 0, .since_ns = since,
	                                .until_set = until > 0, .until_ns = until };
	assert_int_equal(vt_reader_select(f->in.reader, &f->filter, &unknown), 0);
	f->s = (struct vt_summary){ .in = &f->in, .filter = &f->filter };
	assert_int_equal(vt_history_begin(&f->series, &f->s), 0);
	assert_int_equal(vt_summary_collect(&f->s), 0);
	assert_int_equal(vt_history_finish(&f->series), 0);
	return f;
}

static void close_fixture(struct fixture *f)
{
	vt_history_free(&f->series);
	vt_summary_free(&f->s);
	vt_reader_close(f->in.reader);
	free(f);
}

static uint64_t paused_in(const struct vt_history *s, unsigned from, unsigned to)
{
	uint64_t sum = 0;

	for (unsigned i = from; i < to; i++)
		sum += s->paused[i];
	return sum;
}

static void test_pauses(void **state)
{
	struct fixture *f = open_fixture(0, 0);
	const struct vt_history *s = &f->series;

	(void)state;
	assert_int_equal(s->from, 0);
	assert_int_equal(s->to, 4000 * MS);
	assert_int_equal(s->pauses.count, f->s.gc.pauses->count);
	assert_int_equal(s->pauses.points[0].value, 500 * MS);
	assert_int_equal(s->worst_count, 3);
	assert_int_equal(s->worst[0].cycle, 1);
	assert_int_equal(s->worst[1].time, 20 * MS);
	/* 0.5 s to 1.0 s; 1.995 s to 2.005 s, half of it on each side; the last 20 ms */
	assert_int_equal(paused_in(s, 0, 50), 0);
	assert_int_equal(paused_in(s, 50, 100), 500 * MS);
	assert_int_equal(s->paused[75], 10 * MS);
	assert_int_equal(s->paused[199], 5 * MS);
	assert_int_equal(s->paused[200], 5 * MS);
	assert_int_equal(paused_in(s, 398, 400), 20 * MS);
	assert_int_equal(paused_in(s, 0, VT_HISTORY_BUCKETS), f->s.gc.pauses->sum);
	assert_int_equal(s->heap.buckets[100].count, 2);
	assert_int_equal(s->heap.buckets[100].least, 200);
	assert_int_equal(s->heap.buckets[100].most, 300);
	assert_int_equal(s->heap.buckets[100].sum, 500);
	close_fixture(f);
}

static void test_threads(void **state)
{
	struct fixture *f = open_fixture(0, 0);
	const struct vt_history *s = &f->series;

	(void)state;
	assert_int_equal(s->thread_count, 2);
	assert_int_equal(s->threads[0].events, 6);
	assert_int_equal(s->threads[0].buckets[0], 1);
	assert_int_equal(s->threads[0].buckets[100], 3);
	assert_int_equal(s->threads[0].buckets[399], 1);        /* what is at the very end too */
	assert_int_equal(s->threads[1].buckets[10], 1);
	assert_int_equal(s->threads[1].buckets[399], 1);
	close_fixture(f);
	/* Half of it: no event outside is counted, nor drawn. */
	f = open_fixture(1001 * MS, 2005 * MS);
	s = &f->series;
	assert_int_equal(s->threads[0].events, 2);
	assert_int_equal(s->threads[1].events, 0);
	assert_int_equal(f->s.events, 2);
	assert_int_equal(s->heap.count, 2);
	assert_int_equal(s->pauses.count, 0);
	close_fixture(f);
	f = open_fixture(3000 * MS, 1000 * MS);                 /* no time at all */
	assert_int_equal(f->series.thread_count, 0);
	assert_int_equal(f->series.round_count, 0);
	close_fixture(f);
}

/* Rates of each process between its own records, added up; none where a counter went back or was away. */
static void test_rounds(void **state)
{
	static const double evals[] = { 100, 766.667, 866.667, 700, 500 }, resident[] = { 10, 110, 120, 220, 230 };
	struct fixture *f = open_fixture(0, 0);
	const struct vt_history *s = &f->series;

	(void)state;
	assert_int_equal(s->round_count, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(s->rounds[i].ns, (1000 + 500 * i) * MS);
		assert_true(fabs((double)s->rounds[i].rates[VT_M_interp_evals] - evals[i]) < 0.01);
		assert_true(fabs((double)s->rounds[i].levels[VT_M_process_resident] - resident[i]) < 0.01);
		assert_true(isnan(s->rounds[i].rates[VT_M_gc_cycles]));
		assert_true(isnan(s->rounds[i].levels[VT_M_interp_evals]));
	}
	assert_true(fabs((double)s->rounds[0].rates[VT_M_loop_iterations] - 10) < 0.01);
	assert_true(isnan(s->rounds[2].rates[VT_M_loop_iterations]));
	assert_true(isnan(s->rounds[4].rates[VT_M_loop_iterations]));
	/* What the process had used before the run is nobody's. */
	assert_true(isnan(s->rounds[0].rates[VT_M_process_cpu_user]));
	assert_true(fabs((double)s->rounds[2].rates[VT_M_process_cpu_user] - 2000) < 0.01);
	assert_true(vt_history_has_rate(s, VT_M_interp_evals));
	assert_false(vt_history_has_rate(s, VT_M_gc_cycles));
	close_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_us), cmocka_unit_test(test_values),
		cmocka_unit_test(test_frame), cmocka_unit_test(test_pauses), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
