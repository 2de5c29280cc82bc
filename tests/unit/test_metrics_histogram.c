/* test_metrics_histogram.c - histograms in the Prometheus text: buckets, sum, count, hostile schemas, runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/metrics_text.h"
#include "tests/unit/rendered.h"

/* Buckets count what is theirs, the text also what is below; all 0 but present once one is. */
static void test_histogram(void **state)
{
	struct vt_metrics m = no_metrics();

	(void)state;
	set_metric(&m, VT_M_gc_pause_25us, 3);
	set_metric(&m, VT_M_gc_pause_1ms, 4);
	set_metric(&m, VT_M_gc_pause_inf, 1);
	set_metric(&m, VT_M_gc_pause_sum, 3000123456);
	render(vt_metrics_prometheus, &m);
	assert_non_null(strstr(rendered,
		"# TYPE valk_gc_pause_duration_seconds histogram\n"
		"valk_gc_pause_duration_seconds_bucket{le=\"0.00001\"} 0\n"
		"valk_gc_pause_duration_seconds_bucket{le=\"0.000025\"} 3\n"
		"valk_gc_pause_duration_seconds_bucket{le=\"0.00005\"} 3\n"));
	assert_non_null(strstr(rendered,
		"valk_gc_pause_duration_seconds_bucket{le=\"0.0005\"} 3\n"
		"valk_gc_pause_duration_seconds_bucket{le=\"0.001\"} 7\n"));
	assert_non_null(strstr(rendered,
		"valk_gc_pause_duration_seconds_bucket{le=\"2.5\"} 7\n"
		"valk_gc_pause_duration_seconds_bucket{le=\"+Inf\"} 8\n"
		"valk_gc_pause_duration_seconds_sum 3.000123\n"
		"valk_gc_pause_duration_seconds_count 8\n\n"));
	assert_null(strstr(rendered, "\nvalk_gc_pause_duration_seconds "));
	m = no_metrics();
	assert_null(strstr(render(vt_metrics_prometheus, &m), "valk_gc_pause_duration"));
	for (unsigned i = VT_M_gc_pause_10us; i <= VT_M_gc_pause_inf; i++)
		set_metric(&m, i, UINT64_MAX);
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
	                       "_bucket{le=\"+Inf\"} 332041393326771929070\n"));
}

/* Series in a stranger's schema, in any order, with bounds that fall, repeat, or are none. */
static void test_histogram_hostile(void **state)
{
	static struct vt_schema s;
	struct vt_metrics m = no_metrics();
	static const struct { const char *family, *labels; uint8_t kind; } rows[] = {
		{ "h", "a=\"1\",le=\"0.5\"", VT_METRIC_BUCKET },
		{ "h", "a=\"2\",le=\"0.5\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\",le=\"0.50\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\",le=\"0.1\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\",le=\"2\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\",le=\"1e5\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\",le=\"\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\"", VT_METRIC_BUCKET },
		{ "h", "a=\"1\"", VT_METRIC_COUNTER },
		{ "h", "", VT_METRIC_GAUGE },
		{ "h", "le=\"1\",a=\"1\"", VT_METRIC_BUCKET },
		{ "h", "le=\"1\",le=\"2\"", VT_METRIC_BUCKET },
		{ "h_count", "", VT_METRIC_COUNTER },
		{ "h_bucket", "le=\"7\"", VT_METRIC_GAUGE },
		{ "none", "x=\"1\"", VT_METRIC_BUCKET },
		{ "none", "", VT_METRIC_COUNTER },
	};

	(void)state;
	s = *vt_schema_builtin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s.metrics[200 + i] = (struct vt_metric_desc){ "m", rows[i].family, rows[i].labels, "",
		                                              0, rows[i].kind, 0, VT_METRIC_UNTOLD, NULL };
		set_metric(&m, 200 + i, 1 + i);
	}
	m.schema = &s;
	assert_non_null(strstr(render(vt_metrics_prometheus, &m),
		"# HELP h \n"
		"# TYPE h histogram\n"
		"h_bucket{a=\"1\",le=\"0.5\"} 1\n"
		"h_bucket{a=\"1\",le=\"2\"} 13\n"
		"h_bucket{a=\"1\",le=\"+Inf\"} 13\n"
		"h_sum{a=\"1\"} 9\n"
		"h_count{a=\"1\"} 13\n"
		"h_bucket{a=\"2\",le=\"0.5\"} 2\n"
		"h_bucket{a=\"2\",le=\"+Inf\"} 2\n"
		"h_count{a=\"2\"} 2\n\n"));
	assert_null(strstr(rendered, "none"));
	assert_null(strstr(rendered, "le=\"7\""));
}

/* Two runs: the head once; a run whose schema has another type under this name is left out. */
static void test_histogram_of_runs(void **state)
{
	static struct vt_schema s;
	struct vt_metrics a = no_metrics(), b = no_metrics(), c = no_metrics();

	(void)state;
	set_metric(&a, VT_M_gc_pause_1s, 1);
	set_metric(&b, VT_M_gc_pause_1s, 2);
	s = *vt_schema_builtin();
	for (unsigned i = VT_M_gc_pause_10us; i <= VT_M_gc_pause_sum; i++)
		s.metrics[i].kind = VT_METRIC_GAUGE;
	c.schema = &s;
	set_metric(&c, VT_M_gc_pause_1s, 3);
	const struct vt_labelled runs[] = { { &a, "run=\"a\"" }, { &b, "run=\"b\"" }, { &c, "run=\"c\"" } };
	size_t length = vt_metrics_prometheus_all(runs, 3, rendered, sizeof(rendered));
	assert_in_range(length, 1, sizeof(rendered) - 1);
	assert_non_null(strstr(rendered, "_bucket{le=\"1\",run=\"a\"} 1\n"));
	assert_non_null(strstr(rendered, "valk_gc_pause_duration_seconds_count{run=\"b\"} 2\n"));
	assert_null(strstr(rendered, "seconds{le=\"1\",run=\"c\"}"));
	const char *head = strstr(rendered, "# TYPE valk_gc_pause_duration_seconds histogram\n");
	assert_non_null(head);
	assert_null(strstr(head + 10, "TYPE valk_gc_pause_duration_seconds "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_histogram_hostile),
		cmocka_unit_test(test_histogram_of_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
