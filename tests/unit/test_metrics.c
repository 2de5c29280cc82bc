/* test_metrics.c - the renderers but Prometheus': exact texts, absence; and of all of them: huge values, cutting. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rendered.h"

/* ---- JSON ---------------------------------------------------------------------------------- */

static void test_json(void **state)
{
	struct vt_metrics m = sample_metrics();

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
	struct vt_metrics m = no_metrics();

	(void)state;
	m.uptime = 1000;
	assert_null(strpbrk(render(vt_metrics_json, &m), "0123456789"));
	unsigned nulls = 0;
	for (const char *p = rendered; (p = strstr(p, ": null")); p++)
		nulls++;
	assert_int_equal(nulls, 18);

	/* A derived value needs all its parts; none of them divides by zero. */
	set_metric(&m, VT_M_gc_pause_time, 5);
	set_metric(&m, VT_M_gc_heap_used, 5);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": null"));
	assert_non_null(strstr(rendered, "\"heap_utilization_pct\": null"));
	set_metric(&m, VT_M_gc_cycles, 0);
	set_metric(&m, VT_M_gc_heap_total, 0);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": 0.000"));
	assert_non_null(strstr(rendered, "\"heap_utilization_pct\": 0.00\n"));

	/* More idle than the clock ran, or no clock: no share. */
	set_metric(&m, VT_M_loop_idle_time, 1001);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": null"));
	set_metric(&m, VT_M_loop_idle_time, 1000);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": 100.00"));
	set_metric(&m, VT_M_loop_idle_time, 0);
	m.uptime = 0;
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"idle_time_pct\": null"));
}

/* The server's half is null without a server, else it has all its keys; the other half is as alone. */
static void test_combined(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	set_metric(&m, VT_M_loop_handles, 4);
	assert_int_equal(strncmp(render(vt_metrics_combined, &m),
		"{\n  \"aio_metrics\": null,\n  \"vm_metrics\": {\n    \"gc\": {\n      \"cycles_total\": null,\n", 77), 0);
	assert_non_null(strstr(rendered, "\n      \"idle_time_pct\": null\n    }\n  }\n}"));

	set_metric(&m, VT_M_http_requests_2xx, 5);
	set_metric(&m, VT_M_http_requests_5xx, 2);
	set_metric(&m, VT_M_http_errors, 3);
	set_metric(&m, VT_M_http_duration_sum, 1500499);
	set_metric(&m, VT_M_http_pending_responses, 7);
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
	assert_memory_equal(rendered, aio, sizeof(aio) - 1);
}

/* ---- the kernel-style block ------------------------------------------------------------------ */

static void test_kernel(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	m.uptime = 12345678901;
	m.enabled = true;
	m.buffered = 1000;
	for (unsigned i = 0; i < 11; i++)
		set_metric(&m, VT_M_kernel_syscalls + i, 100 + i);
	set_metric(&m, VT_M_kernel_ticks, 3);
	set_metric(&m, VT_M_kernel_tick_time, 10000000);
	set_metric(&m, VT_M_kernel_tick_max, 5000499);
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
	m = no_metrics();
	assert_non_null(strstr(render(vt_metrics_kernel, &m),
		"Uptime: 0.00s\nTracing: OFF\nEvents buffered: 0\n"));
	assert_non_null(strstr(rendered, "Ticks: 0\nAvg tick: 0.000ms\nMax tick: 0.000ms\n"));
}

/* ---- all three ------------------------------------------------------------------------------ */

static renderer *const renderers[] = {
	vt_metrics_json, vt_metrics_prometheus, vt_metrics_kernel, vt_metrics_combined,
};

static void test_huge(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		set_metric(&m, i, UINT64_MAX);
	m.uptime = m.buffered = m.run = m.wanted = UINT64_MAX;
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_us_total\": 18446744073709551,"));
	assert_non_null(strstr(rendered, "\"pause_ms_avg\": 0.000,"));
	assert_non_null(strstr(rendered, "\"heap_utilization_pct\": 100.00\n"));
	set_metric(&m, VT_M_gc_cycles, 1);
	set_metric(&m, VT_M_gc_heap_total, 1);
	assert_non_null(strstr(render(vt_metrics_json, &m), "\"pause_ms_avg\": 18446744073709.552,"));
	assert_non_null(strstr(rendered, "\"heap_utilization_pct\": 1844674407370955161500.00\n"));
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
		"valk_gc_pause_seconds_total 18446744073.709552\n"));
	assert_non_null(strstr(rendered, "run=\"ffffffffffffffff\""));
	assert_non_null(strstr(render(vt_metrics_kernel, &m), "Uptime: 18446744073.71s\n"));
	assert_non_null(strstr(rendered, "Avg tick: 0.000ms\nMax tick: 18446744073709.552ms\n"));
}

/* As snprintf: never a byte too many, the length of the whole, and every cut is a prefix. */
static void test_cut(void **state)
{
	struct vt_metrics m = sample_metrics();

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
	assert_true(fputs(rendered, pipe) >= 0);
	return pclose(pipe) == 0;
}

static void test_oracles(void **state)
{
	struct vt_metrics m = sample_metrics();

	(void)state;
	if (!have("promtool") && !have("jq"))
		skip();
	for (unsigned i = 0; i < VT_METRIC_COUNT; i++)
		set_metric(&m, i, i * 1000003);
	m.program = "quote \" backslash \\ line\nbreak \xff";
	for (unsigned round = 0; round < 2; round++, m = no_metrics()) {
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
	struct vt_metrics m = sample_metrics();

	(void)state;
	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		setlocale(LC_ALL, "");
	assert_non_null(strstr(render(vt_metrics_prometheus, &m), "seconds_total 0.004567\n"));
	assert_non_null(strstr(render(vt_metrics_json, &m), "1.522"));
	setlocale(LC_ALL, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_absent),
		cmocka_unit_test(test_combined),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_oracles),
		cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
