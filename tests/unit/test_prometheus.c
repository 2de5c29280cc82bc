/* test_prometheus.c - metrics as Prometheus' text: exact texts, escapes, hostile names and sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rendered.h"

static void test_prometheus_empty(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	m.sources[VT_SRC_gc].known = true;
	m.sources[VT_SRC_gc].reason = "no probe for \"this\" runtime";
	m.sources[VT_SRC_loop].known = m.sources[VT_SRC_loop].available = true;
	m.sources[VT_SRC_loop].reason = "ignored";
	assert_string_equal(render(vt_metrics_prometheus, &m),
		"# HELP valk_source_available Whether a source of metrics was there, and why not\n"
		"# TYPE valk_source_available gauge\n"
		"valk_source_available{source=\"gc\",reason=\"no probe for \\\"this\\\" runtime\"} 0\n"
		"valk_source_available{source=\"interp\",reason=\"not reported\"} 0\n"
		"valk_source_available{source=\"loop\",reason=\"\"} 1\n"
		"valk_source_available{source=\"kernel\",reason=\"not reported\"} 0\n"
		"\n"
		"# HELP valk_trace_complete 1 if no event was lost\n"
		"# TYPE valk_trace_complete gauge\n"
		"valk_trace_complete 1\n"
		"\n"
		"# HELP valk_trace_info What was recorded\n"
		"# TYPE valk_trace_info gauge\n"
		"valk_trace_info{program=\"\",version=\"\",run=\"0000000000000000\"} 1\n");
}

static const char compatible[] =
	"# HELP valk_gc_cycles_total Total garbage collection cycles\n"
	"# TYPE valk_gc_cycles_total counter\n"
	"valk_gc_cycles_total 3\n\n"
	"# HELP valk_gc_pause_seconds_total Total GC pause time in seconds\n"
	"# TYPE valk_gc_pause_seconds_total counter\n"
	"valk_gc_pause_seconds_total 0.004567\n\n"
	"# HELP valk_gc_pause_seconds_max Maximum single GC pause in seconds\n"
	"# TYPE valk_gc_pause_seconds_max gauge\n"
	"valk_gc_pause_seconds_max 0.002001\n\n"
	"# HELP valk_gc_reclaimed_bytes_total Total bytes reclaimed by GC\n"
	"# TYPE valk_gc_reclaimed_bytes_total counter\n"
	"valk_gc_reclaimed_bytes_total 123456789012\n\n"
	"# HELP valk_gc_heap_used_bytes Current heap memory in use\n"
	"# TYPE valk_gc_heap_used_bytes gauge\n"
	"valk_gc_heap_used_bytes 1\n\n"
	"# HELP valk_gc_heap_total_bytes Total heap capacity\n"
	"# TYPE valk_gc_heap_total_bytes gauge\n"
	"valk_gc_heap_total_bytes 3\n\n"
	"# HELP valk_eval_total Total expression evaluations\n"
	"# TYPE valk_eval_total counter\n"
	"valk_eval_total 7\n\n"
	"# HELP valk_function_calls_total User function invocations\n"
	"# TYPE valk_function_calls_total counter\n"
	"valk_function_calls_total 8\n\n"
	"# HELP valk_builtin_calls_total Builtin function invocations\n"
	"# TYPE valk_builtin_calls_total counter\n"
	"valk_builtin_calls_total 9\n\n"
	"# HELP valk_stack_depth_max Peak call stack depth\n"
	"# TYPE valk_stack_depth_max gauge\n"
	"valk_stack_depth_max 10\n\n"
	"# HELP valk_closures_created_total Lambda closures created\n"
	"# TYPE valk_closures_created_total counter\n"
	"valk_closures_created_total 11\n\n"
	"# HELP valk_env_lookups_total Symbol resolution lookups\n"
	"# TYPE valk_env_lookups_total counter\n"
	"valk_env_lookups_total 12\n\n"
	"# HELP valk_loop_iterations_total Event loop iterations\n"
	"# TYPE valk_loop_iterations_total counter\n"
	"valk_loop_iterations_total 13\n\n"
	"# HELP valk_events_processed_total Events processed by event loop\n"
	"# TYPE valk_events_processed_total counter\n"
	"valk_events_processed_total 14\n\n"
	"# HELP valk_loop_idle_seconds_total Time spent idle in event loop\n"
	"# TYPE valk_loop_idle_seconds_total counter\n"
	"valk_loop_idle_seconds_total 1.500001\n\n";

static void test_prometheus(void **state)
{
	struct vt_metrics m = sample_metrics();

	(void)state;
	set_metric(&m, VT_M_gc_minor, 1);
	set_metric(&m, VT_M_gc_incremental, 2);
	set_metric(&m, VT_M_kernel_tick_max, 16700000);
	set_metric(&m, VT_M_interp_tail_calls, 5);
	m.lost[VT_CAT_loop] = 4;
	m.sources[VT_SRC_kernel].known = m.sources[VT_SRC_kernel].available = true;
	render(vt_metrics_prometheus, &m);
	assert_int_equal(strncmp(rendered, compatible, sizeof(compatible) - 1), 0);
	assert_string_equal(rendered + sizeof(compatible) - 1,
		"# HELP valk_gc_collections_total Garbage collection cycles by final type\n"
		"# TYPE valk_gc_collections_total counter\n"
		"valk_gc_collections_total{type=\"minor\"} 1\n"
		"valk_gc_collections_total{type=\"incremental_major\"} 2\n\n"
		"# HELP valk_kernel_tick_max_seconds Longest scheduler tick\n"
		"# TYPE valk_kernel_tick_max_seconds gauge\n"
		"valk_kernel_tick_max_seconds 0.016700\n\n"
		"# HELP valk_source_available Whether a source of metrics was there, and why not\n"
		"# TYPE valk_source_available gauge\n"
		"valk_source_available{source=\"gc\",reason=\"\"} 1\n"
		"valk_source_available{source=\"interp\",reason=\"\"} 1\n"
		"valk_source_available{source=\"loop\",reason=\"\"} 1\n"
		"valk_source_available{source=\"kernel\",reason=\"\"} 1\n\n"
		"# HELP valk_tail_calls_total Calls that replaced their caller's frame\n"
		"# TYPE valk_tail_calls_total counter\n"
		"valk_tail_calls_total 5\n\n"
		"# HELP valk_trace_complete 1 if no event was lost\n"
		"# TYPE valk_trace_complete gauge\n"
		"valk_trace_complete 0\n\n"
		"# HELP valk_trace_info What was recorded\n"
		"# TYPE valk_trace_info gauge\n"
		"valk_trace_info{program=\"tinylisp\",version=\"0.9.2\",run=\"3f9c2e71a0b4d852\"} 1\n\n"
		"# HELP valk_trace_lost_events_total Events lost by category\n"
		"# TYPE valk_trace_lost_events_total counter\n"
		"valk_trace_lost_events_total{category=\"gc\"} 0\n"
		"valk_trace_lost_events_total{category=\"loop\"} 4\n");
}

/* Loss is said even of a category that nobody asked for or that has no name. */
static void test_loss_unasked(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	m.lost[VT_CAT_http] = UINT64_MAX;
	m.lost[40] = 1;
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "valk_trace_complete 0\n"));
	assert_non_null(strstr(rendered, "{category=\"http\"} 18446744073709551615\n"
	                             "valk_trace_lost_events_total{category=\"#40\"} 1\n"));
}

static void test_escapes(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	m.program = "a\\b\"c\nd\x1b[31m\x7f\te";
	m.version = "\xc3\xa9 \xc3( \xe2\x82\xac \xed\xa0\x80 \xf0\x9f\x98\x80 \xc0\x80 \xc2\x9b "
	            "\xf4\x90\x80\x80 \xe2\x82";
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
		"program=\"a\\\\b\\\"c\\nd\xef\xbf\xbd[31m\xef\xbf\xbd\te\","));
#define BAD "\xef\xbf\xbd"
	assert_non_null(strstr(rendered,
		"version=\"\xc3\xa9 " BAD "( \xe2\x82\xac " BAD BAD BAD " \xf0\x9f\x98\x80 " BAD BAD " "
		BAD BAD " " BAD BAD BAD BAD " " BAD BAD "\","));
	m.program = m.version = NULL;
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "{program=\"\",version=\"\","));
}

/* A schema out of a stranger's log: what would break the exposition is left out. */
static void test_hostile_schema(void **state)
{
	static struct vt_schema s;
	struct vt_metrics m = no_metrics();
	static const struct { const char *family, *labels, *help; } rows[] = {
		{ "valk_gc_cycles_total", "", "taken" },
		{ "valk_trace_info", "", "taken" },
		{ "bad name", "", "" },
		{ "", "", "" },
		{ "1st", "", "" },
		{ "new\nline 1", "", "" },
		{ "labels_a", "x=\"1\"} 1\nforged 1", "" },
		{ "labels_b", "x=\"1\",", "" },
		{ "labels_c", "x=\"\\", "" },
		{ "labels_d", "x=\"\xff\"", "" },
		{ "labels_e", "x", "" },
		{ "labels_f", "=\"1\"", "" },
		{ "good", "x=\"a\\\"b\\n\",y=\"\"", "a\nhelp \\ \"quoted\" \x1b" },
		{ "good", "x=\"a\\\"b\\n\",y=\"\"", "repeated" },
		{ "good", "", "another series" },
	};

	(void)state;
	s = *vt_schema_builtin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s.metrics[100 + i] = (struct vt_metric_desc){ "m", rows[i].family, rows[i].labels,
		                                              rows[i].help, 0, VT_METRIC_GAUGE, 0, 0, NULL };
		set_metric(&m, 100 + i, i);
	}
	s.metrics[150] = (struct vt_metric_desc){ "m", NULL, NULL, NULL, 0, 0, 0, 0, NULL };
	set_metric(&m, 150, 1);
	set_metric(&m, VT_MAX_METRICS - 1, 1);
	s.metrics[0].family = "renamed";
	set_metric(&m, VT_M_gc_cycles, 2);
	m.schema = &s;
	render(vt_metrics_prometheus, &m);
	assert_int_equal(strncmp(rendered, "# HELP valk_gc_cycles_total Total garbage", 41), 0);
	assert_non_null(strstr(rendered, "valk_gc_cycles_total 2\n\n"
		"# HELP good a\\nhelp \\\\ \"quoted\" \xef\xbf\xbd\n"
		"# TYPE good gauge\n"
		"good{x=\"a\\\"b\\n\",y=\"\"} 12\n"
		"good 14\n\n"
		"# HELP valk_source_available"));
	static const char *const never[] = {
		"taken", "bad", "1st", "labels", "forged", "renamed", "repeated",
	};
	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_null(strstr(rendered, never[i]));
}

/* One family a source, with the labels of its metrics; nothing that would make the text invalid. */
static void test_states(void **state)
{
	static struct vt_schema s;
	struct vt_metrics m = no_metrics();
	static const struct { const char *family, *labels; uint8_t source, state; const char *reason; } rows[] = {
		{ "valk_a_total", "event=\"one\"", 20, VT_METRIC_AVAILABLE, NULL },
		{ "valk_a_total", "event=\"two\"", 20, VT_METRIC_UNAVAILABLE, "say \"why\"\n1" },
		{ "valk_b_total", "event=\"two\"", 20, VT_METRIC_AVAILABLE, "repeated" },
		{ "valk_a_total", "event=\"six\"", 20, VT_METRIC_UNTOLD, "untold" },
		{ "valk_a_total", "event=\"x\"} 1\n", 20, VT_METRIC_AVAILABLE, "forged" },
		{ "valk_a_total", "reason=\"x\"", 20, VT_METRIC_AVAILABLE, "twice" },
		{ "valk_a_total", "event=\"one\"", 21, VT_METRIC_UNAVAILABLE, "other source" },
		{ "valk_a_total", "event=\"one\"", 22, VT_METRIC_UNAVAILABLE, "bad source" },
		{ "valk_a_total", "", 23, VT_METRIC_UNAVAILABLE, "taken" },
		{ "valk_perf_available", "", 20, VT_METRIC_UNTOLD, "" },
	};

	(void)state;
	s = *m.schema;
	s.sources[20] = (struct vt_source_desc){ "perf", "" };
	s.sources[21] = (struct vt_source_desc){ "other", "" };
	s.sources[22] = (struct vt_source_desc){ "a b", "" };
	s.sources[23] = (struct vt_source_desc){ "source", "" };
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		s.metrics[100 + i] = (struct vt_metric_desc){
			.name = "m", .family = rows[i].family, .labels = rows[i].labels, .help = "help",
			.source = rows[i].source, .kind = VT_METRIC_COUNTER, .state = rows[i].state,
			.reason = rows[i].reason,
		};
	set_metric(&m, 109, 9);
	m.schema = &s;
	render(vt_metrics_prometheus, &m);
	static const char expected[] =
		"# HELP valk_other_available Which of these can be had, and why not\n"
		"# TYPE valk_other_available gauge\n"
		"valk_other_available{event=\"one\",reason=\"other source\"} 0\n\n"
		"# HELP valk_perf_available Which of these can be had, and why not\n"
		"# TYPE valk_perf_available gauge\n"
		"valk_perf_available{event=\"one\",reason=\"\"} 1\n"
		"valk_perf_available{event=\"two\",reason=\"say \\\"why\\\"\\n1\"} 0\n\n"
		"# HELP valk_source_available";
	assert_int_equal(strncmp(rendered, expected, strlen(expected)), 0);
	static const char *const never[] = { "repeated", "untold", "forged", "twice", "bad source", "taken", "} 9" };
	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_null(strstr(rendered, never[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus_empty),
		cmocka_unit_test(test_prometheus),
		cmocka_unit_test(test_loss_unasked),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_hostile_schema),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
