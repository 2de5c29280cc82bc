/*
 * test_metrics.c - the three renderers: exact texts, absence, huge values, hostile names,
 * cutting.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <valktrace/metrics.h>

static char text[1 << 16];

typedef size_t renderer(const struct vt_metrics *m, char *to, size_t size);

static const char *render(renderer *how, const struct vt_metrics *m)
{
	memset(text, '#', sizeof(text));
	size_t length = how(m, text, sizeof(text));

	assert_in_range(length, 1, sizeof(text) - 1);
	assert_int_equal(strlen(text), length);
	return text;
}

/* The built-in schema with its first four sources: the texts below outlive later additions. */
static struct vt_metrics empty(void)
{
	static struct vt_schema schema;

	schema = *vt_schema_builtin();
	for (unsigned i = VT_SRC_kernel + 1; i < VT_MAX_SOURCES; i++)
		schema.sources[i].name = NULL;
	return (struct vt_metrics){ .schema = &schema, .program = "", .version = "" };
}

static void set(struct vt_metrics *m, unsigned id, uint64_t value)
{
	m->present[id] = true;
	m->values[id] = value;
}

static struct vt_metrics sample(void)
{
	struct vt_metrics m = empty();

	set(&m, VT_M_gc_cycles, 3);
	set(&m, VT_M_gc_pause_time, 4567499);
	set(&m, VT_M_gc_pause_max, 2000999);
	set(&m, VT_M_gc_reclaimed, 123456789012);
	set(&m, VT_M_gc_heap_used, 1);
	set(&m, VT_M_gc_heap_total, 3);
	set(&m, VT_M_interp_evals, 7);
	set(&m, VT_M_interp_calls, 8);
	set(&m, VT_M_interp_builtins, 9);
	set(&m, VT_M_interp_depth_max, 10);
	set(&m, VT_M_interp_closures, 11);
	set(&m, VT_M_interp_lookups, 12);
	set(&m, VT_M_loop_iterations, 13);
	set(&m, VT_M_loop_events, 14);
	set(&m, VT_M_loop_idle_time, 1500000500);
	m.uptime = 2000000000;
	m.program = "tinylisp";
	m.version = "0.9.2";
	m.run = 0x3f9c2e71a0b4d852;
	m.wanted = 1ull << VT_CAT_gc | 1ull << VT_CAT_loop;
	return m;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void test_json(void **state)
{
	struct vt_metrics m = sample();

	(void)state;
	assert_string_equal(render(vt_metrics_json, &m),
		"{\n"
		"  \"gc\": {\n"
		"    \"cycles_total\": 3,\n"
		"    \"pause_us_total\": 4567,\n"
		"    \"pause_us_max\": 2000,\n"
		"    \"pause_ms_avg\": 1.522,\n"
		"    \"reclaimed_bytes_total\": 123456789012,\n"
		"    \"heap_used_bytes\": 1,\n"
		"    \"heap_total_bytes\": 3,\n"
		"    \"heap_utilization_pct\": 33.33\n"
		"  },\n"
		"  \"interpreter\": {\n"
		"    \"evals_total\": 7,\n"
		"    \"function_calls\": 8,\n"
		"    \"builtin_calls\": 9,\n"
		"    \"stack_depth_max\": 10,\n"
		"    \"closures_created\": 11,\n"
		"    \"env_lookups\": 12\n"
		"  },\n"
		"  \"event_loop\": {\n"
		"    \"iterations\": 13,\n"
		"    \"events_processed\": 14,\n"
		"    \"idle_time_us\": 1500000,\n"
		"    \"idle_time_pct\": 75.00\n"
		"  }\n"
		"}");
}

static void test_json_absent(void **state)
{
	struct vt_metrics m = empty();

	(void)state;
	m.uptime = 1000;
	assert_null(strpbrk(render(vt_metrics_json, &m), "0123456789"));
	unsigned nulls = 0;
	for (const char *p = text; (p = strstr(p, ": null")); p++)
		nulls++;
	assert_int_equal(nulls, 18);

	/* A derived value needs all its parts; none of them divides by zero. */
	set(&m, VT_M_gc_pause_time, 5);
	set(&m, VT_M_gc_heap_used, 5);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": null"));
	assert_non_null(strstr(text, "\"heap_utilization_pct\": null"));
	set(&m, VT_M_gc_cycles, 0);
	set(&m, VT_M_gc_heap_total, 0);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": 0.000"));
	assert_non_null(strstr(text, "\"heap_utilization_pct\": 0.00\n"));

	/* More idle than the clock ran, or no clock: no share. */
	set(&m, VT_M_loop_idle_time, 1001);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": null"));
	set(&m, VT_M_loop_idle_time, 1000);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": 100.00"));
	set(&m, VT_M_loop_idle_time, 0);
	m.uptime = 0;
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": null"));
}

/* The server's half is null without a server, else it has all its keys; the other half is as alone. */
static void test_combined(void **state)
{
	struct vt_metrics m = empty();

	(void)state;
	set(&m, VT_M_loop_handles, 4);
	assert_int_equal(strncmp(render(vt_metrics_combined, &m),
		"{\n  \"aio_metrics\": null,\n  \"vm_metrics\": {\n    \"gc\": {\n      \"cycles_total\": null,\n", 77), 0);
	assert_non_null(strstr(text, "\n      \"idle_time_pct\": null\n    }\n  }\n}"));

	set(&m, VT_M_http_requests_2xx, 5);
	set(&m, VT_M_http_requests_5xx, 2);
	set(&m, VT_M_http_errors, 3);
	set(&m, VT_M_http_duration_sum, 1500499);
	set(&m, VT_M_http_pending_responses, 7);
	render(vt_metrics_combined, &m);
	static const char aio[] =
		"{\n"
		"  \"aio_metrics\": {\n"
		"    \"requests_total\": 7,\n"
		"    \"requests_active\": null,\n"
		"    \"requests_errors\": 3,\n"
		"    \"request_duration_us_sum\": 1500,\n"
		"    \"connections_total\": null,\n"
		"    \"connections_active\": null,\n"
		"    \"connections_failed\": null,\n"
		"    \"streams_total\": null,\n"
		"    \"streams_active\": null,\n"
		"    \"bytes_sent_total\": null,\n"
		"    \"bytes_recv_total\": null,\n"
		"    \"servers_count\": null,\n"
		"    \"clients_count\": null,\n"
		"    \"handles_count\": 4,\n"
		"    \"arenas_used\": null,\n"
		"    \"arenas_total\": null,\n"
		"    \"tcp_buffers_used\": null,\n"
		"    \"tcp_buffers_total\": null,\n"
		"    \"queue_depth\": 7,\n"
		"    \"queue_capacity\": null,\n"
		"    \"pending_requests\": null,\n"
		"    \"pending_responses\": 7\n"
		"  },\n"
		"  \"vm_metrics\": {\n"
		"    \"gc\": {\n";
	assert_memory_equal(text, aio, sizeof(aio) - 1);
}

/* ---- Prometheus ---------------------------------------------------------------------------- */

static void test_prometheus_empty(void **state)
{
	struct vt_metrics m = empty();

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
	struct vt_metrics m = sample();

	(void)state;
	set(&m, VT_M_gc_minor, 1);
	set(&m, VT_M_gc_incremental, 2);
	set(&m, VT_M_kernel_tick_max, 16700000);
	set(&m, VT_M_interp_tail_calls, 5);
	m.lost[VT_CAT_loop] = 4;
	m.sources[VT_SRC_kernel].known = m.sources[VT_SRC_kernel].available = true;
	render(vt_metrics_prometheus, &m);
	assert_int_equal(strncmp(text, compatible, sizeof(compatible) - 1), 0);
	assert_string_equal(text + sizeof(compatible) - 1,
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
	struct vt_metrics m = empty();

	(void)state;
	m.lost[VT_CAT_http] = UINT64_MAX;
	m.lost[40] = 1;
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "valk_trace_complete 0\n"));
	assert_non_null(strstr(text, "{category=\"http\"} 18446744073709551615\n"
	                             "valk_trace_lost_events_total{category=\"#40\"} 1\n"));
}

static void test_escapes(void **state)
{
	struct vt_metrics m = empty();

	(void)state;
	m.program = "a\\b\"c\nd\x1b[31m\x7f\te";
	m.version = "\xc3\xa9 \xc3( \xe2\x82\xac \xed\xa0\x80 \xf0\x9f\x98\x80 \xc0\x80 \xc2\x9b "
	            "\xf4\x90\x80\x80 \xe2\x82";
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
		"program=\"a\\\\b\\\"c\\nd\xef\xbf\xbd[31m\xef\xbf\xbd\te\","));
#define BAD "\xef\xbf\xbd"
	assert_non_null(strstr(text,
		"version=\"\xc3\xa9 " BAD "( \xe2\x82\xac " BAD BAD BAD " \xf0\x9f\x98\x80 " BAD BAD " "
		BAD BAD " " BAD BAD BAD BAD " " BAD BAD "\","));
	m.program = m.version = NULL;
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "{program=\"\",version=\"\","));
}

/* A schema out of a stranger's log: what would break the exposition is left out. */
static void test_hostile_schema(void **state)
{
	static struct vt_schema s;
	struct vt_metrics m = empty();
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
		set(&m, 100 + i, i);
	}
	s.metrics[150] = (struct vt_metric_desc){ "m", NULL, NULL, NULL, 0, 0, 0, 0, NULL };
	set(&m, 150, 1);
	set(&m, VT_MAX_METRICS - 1, 1);
	s.metrics[0].family = "renamed";
	set(&m, VT_M_gc_cycles, 2);
	m.schema = &s;
	render(vt_metrics_prometheus, &m);
	assert_int_equal(strncmp(text, "# HELP valk_gc_cycles_total Total garbage", 41), 0);
	assert_non_null(strstr(text, "valk_gc_cycles_total 2\n\n"
		"# HELP good a\\nhelp \\\\ \"quoted\" \xef\xbf\xbd\n"
		"# TYPE good gauge\n"
		"good{x=\"a\\\"b\\n\",y=\"\"} 12\n"
		"good 14\n\n"
		"# HELP valk_source_available"));
	static const char *const never[] = {
		"taken", "bad", "1st", "labels", "forged", "renamed", "repeated",
	};
	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_null(strstr(text, never[i]));
}

/* ---- the kernel-style block ------------------------------------------------------------------ */

static void test_kernel(void **state)
{
	struct vt_metrics m = empty();

	(void)state;
	m.uptime = 12345678901;
	m.enabled = true;
	m.buffered = 1000;
	for (unsigned i = 0; i < 11; i++)
		set(&m, VT_M_kernel_syscalls + i, 100 + i);
	set(&m, VT_M_kernel_ticks, 3);
	set(&m, VT_M_kernel_tick_time, 10000000);
	set(&m, VT_M_kernel_tick_max, 5000499);
	assert_string_equal(render(vt_metrics_kernel, &m),
		"=== Kernel Statistics ===\n"
		"Uptime: 12.35s\n"
		"Tracing: ON\n"
		"Events buffered: 1000\n"
		"\n"
		"--- Syscalls ---\n"
		"Total: 100\n"
		"Errors: 101\n"
		"\n"
		"--- Scheduler ---\n"
		"Ticks: 3\n"
		"Avg tick: 3.333ms\n"
		"Max tick: 5.000ms\n"
		"\n"
		"--- Processes ---\n"
		"Spawned: 105\n"
		"Exited: 106\n"
		"\n"
		"--- Events ---\n"
		"Signals: 107\n"
		"Timers: 108\n"
		"\n"
		"--- I/O ---\n"
		"Read: 109 bytes\n"
		"Written: 110 bytes\n");
	m = empty();
	assert_non_null(strstr(render(vt_metrics_kernel, &m),
		"Uptime: 0.00s\nTracing: OFF\nEvents buffered: 0\n"));
	assert_non_null(strstr(text, "Ticks: 0\nAvg tick: 0.000ms\nMax tick: 0.000ms\n"));
}

/* ---- all three ------------------------------------------------------------------------------ */

static renderer *const renderers[] = {
	vt_metrics_json, vt_metrics_prometheus, vt_metrics_kernel, vt_metrics_combined,
};

static void test_huge(void **state)
{
	struct vt_metrics m = empty();

	(void)state;
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		set(&m, i, UINT64_MAX);
	m.uptime = m.buffered = m.run = m.wanted = UINT64_MAX;
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_us_total\": 18446744073709551,"));
	assert_non_null(strstr(text, "\"pause_ms_avg\": 0.000,"));
	assert_non_null(strstr(text, "\"heap_utilization_pct\": 100.00\n"));
	set(&m, VT_M_gc_cycles, 1);
	set(&m, VT_M_gc_heap_total, 1);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": 18446744073709.552,"));
	assert_non_null(strstr(text, "\"heap_utilization_pct\": 1844674407370955161500.00\n"));
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
		"valk_gc_pause_seconds_total 18446744073.709552\n"));
	assert_non_null(strstr(text, "run=\"ffffffffffffffff\""));
	assert_non_null(strstr(render(vt_metrics_kernel, &m), "Uptime: 18446744073.71s\n"));
	assert_non_null(strstr(text, "Avg tick: 0.000ms\nMax tick: 18446744073709.552ms\n"));
}

/* As snprintf: never a byte too many, the length of the whole, and every cut is a prefix. */
static void test_cut(void **state)
{
	struct vt_metrics m = sample();

	(void)state;
	for (unsigned r = 0; r < sizeof(renderers) / sizeof(*renderers); r++) {
		char *whole = strdup(render(renderers[r], &m));
		size_t length = strlen(whole);
		assert_int_equal(renderers[r](&m, NULL, 0), length);
		for (size_t size = 1; size <= length + 1; size++) {
			char *cut = malloc(size);
			assert_non_null(cut);
			assert_int_equal(renderers[r](&m, cut, size), length);
			assert_int_equal(strlen(cut), size - 1);
			assert_memory_equal(cut, whole, size - 1);
			free(cut);
		}
		free(whole);
	}
}

static bool have(const char *program)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0;
}

/* Whether `command` is content with the text. Its complaints go to our stderr. */
static bool accepts(const char *command)
{
	FILE *pipe = popen(command, "w");

	assert_non_null(pipe);
	assert_true(fputs(text, pipe) >= 0);
	return pclose(pipe) == 0;
}

static void test_oracles(void **state)
{
	struct vt_metrics m = sample();

	(void)state;
	if (!have("promtool") && !have("jq"))
		skip();
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		set(&m, i, i * 1000003);
	m.program = "quote \" backslash \\ line\nbreak \xff";
	for (unsigned round = 0; round < 2; round++, m = empty()) {
		render(vt_metrics_prometheus, &m);
		/*
		 * promtool's advice on the names of the compatibility set, exit 3, is not an
		 * error.
		 */
		assert_true(!have("promtool") ||
		            accepts("promtool check metrics >/dev/null 2>&1; case $? in 0|3) ;; *) false; esac"));
		render(vt_metrics_json, &m);
		assert_true(!have("jq") || accepts("jq -e '(.gc | length) == 8 and (.interpreter | length) == 6 "
		                                   "and (.event_loop | length) == 4' >/dev/null"));
	}
}

static void test_locale(void **state)
{
	struct vt_metrics m = sample();

	(void)state;
	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		setlocale(LC_ALL, "");
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "seconds_total 0.004567\n"));
	assert_non_null(strstr(render(vt_metrics_json, &m), "1.522"));
	setlocale(LC_ALL, "C");
}

/* One family a source, with the labels of its metrics; nothing that would make the text invalid. */
static void test_states(void **state)
{
	static struct vt_schema s;
	struct vt_metrics m = empty();
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
	set(&m, 109, 9);
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
	assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
	static const char *const never[] = { "repeated", "untold", "forged", "twice", "bad source", "taken", "} 9" };
	for (unsigned i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_null(strstr(text, never[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_absent),
		cmocka_unit_test(test_combined),
		cmocka_unit_test(test_prometheus_empty),
		cmocka_unit_test(test_prometheus),
		cmocka_unit_test(test_loss_unasked),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_hostile_schema),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_oracles),
		cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
