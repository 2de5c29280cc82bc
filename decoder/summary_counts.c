/* summary_counts.c - pages from counters (interpreter, event loop) and the table of all events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/process_text.h"
#include "decoder/summary.h"
#include "decoder/units.h"

#define MOST_TYPES 40u
#define MOST_CALLS 12u

/* ---- counters ------------------------------------------------------------------------------ */

static bool any_metric(const struct vt_summary *s, unsigned source)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (s->metrics.present[i] && s->metrics.schema->metrics[i].source == source)
			return true;
	return false;
}

uint64_t vt_summary_rate(const struct vt_summary *s, uint64_t count)
{
	vt_u128 rate = s->length > 0 ? (vt_u128)count * 1000000000u / s->length : 0;

	return rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate;
}

static void put_count(struct vt_summary *s, const char *label, uint64_t value, bool with_rate)
{
	size_t line = s->out->used;

	vt_sink_string(s->out, label);
	vt_put_column(s->out, line, 20);
	vt_put_right(s->out, value, 16);
	if (s->length > 0 && with_rate) {
		vt_put_right(s->out, vt_summary_rate(s, value), 16);
		vt_sink_string(s->out, "/s");
	}
	vt_sink_char(s->out, '\n');
}

static void put_metric(struct vt_summary *s, const char *label, unsigned metric)
{
	if (s->metrics.present[metric])
		put_count(s, label, s->metrics.values[metric],
		          s->metrics.schema->metrics[metric].kind == VT_METRIC_COUNTER);
}

static void put_longest(struct vt_summary *s, const char *label, unsigned metric)
{
	size_t line = s->out->used;

	if (!s->metrics.present[metric])
		return;
	vt_sink_string(s->out, label);
	vt_put_column(s->out, line, 20);
	vt_put_ns(s->out, s->metrics.values[metric]);
	vt_sink_char(s->out, '\n');
}

void vt_summary_interp(struct vt_summary *s)
{
	static const struct { const char *label; unsigned metric; } rows[] = {
		{ "evaluations", VT_M_interp_evals }, { "function calls", VT_M_interp_calls },
		{ "builtin calls", VT_M_interp_builtins }, { "tail calls", VT_M_interp_tail_calls },
		{ "closures", VT_M_interp_closures }, { "lookups", VT_M_interp_lookups },
		{ "deepest stack", VT_M_interp_depth_max },
	};

	if (!any_metric(s, VT_SRC_interp))
		return;
	vt_summary_title(s, "Interpreter", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		put_metric(s, rows[i].label, rows[i].metric);
}

void vt_summary_loop(struct vt_summary *s)
{
	uint64_t idle = s->metrics.values[VT_M_loop_idle_time];

	if (!any_metric(s, VT_SRC_loop))
		return;
	vt_summary_title(s, "Event loop", "");
	put_metric(s, "iterations", VT_M_loop_iterations);
	put_metric(s, "events", VT_M_loop_events);
	if (s->metrics.present[VT_M_loop_idle_time]) {
		vt_sink_string(s->out, "idle                ");
		vt_put_ns(s->out, idle);
		vt_sink_string(s->out, ", ");
		vt_put_percent(s->out, idle, s->length);
		vt_sink_string(s->out, " of the run\n");
	}
	put_longest(s, "longest lag", VT_M_loop_lag_max);
	put_metric(s, "pool jobs", VT_M_loop_work);
	put_longest(s, "longest in queue", VT_M_loop_work_queue_max);
}

void vt_summary_http(struct vt_summary *s)
{
	static const struct { const char *label; unsigned metric; } rows[] = {
		{ "errors", VT_M_http_errors }, { "under way", VT_M_http_active },
		{ "connections", VT_M_http_connections },
		{ "failed", VT_M_http_connections_failed }, { "bytes received", VT_M_http_received },
		{ "bytes sent", VT_M_http_sent },
	};
	uint64_t requests = 0;

	if (!any_metric(s, VT_SRC_http))
		return;
	vt_summary_title(s, "HTTP", "");
	for (unsigned m = VT_M_http_requests_1xx; m <= VT_M_http_requests_5xx; m++)
		requests += s->metrics.present[m] ? s->metrics.values[m] : 0;
	put_count(s, "requests", requests, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		put_metric(s, rows[i].label, rows[i].metric);
	put_longest(s, "longest request", VT_M_http_duration_max);
}

/* ---- all events ---------------------------------------------------------------------------- */

/* Types of several processes that have the same id and name are one row. */
static int compare_types(const void *a, const void *b)
{
	const struct vt_event_desc *x = (*(const struct vt_type_stats *const *)a)->desc;
	const struct vt_event_desc *y = (*(const struct vt_type_stats *const *)b)->desc;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void put_time(struct vt_summary *s, uint64_t ns)
{
	char text[VT_NUM_MAX];
	size_t n = (size_t)(vt_num_ns(text, ns) - text);

	vt_sink_blanks(s->out, n < 9 ? 9 - n : 1);
	vt_sink_bytes(s->out, text, n);
}

static void print_row(struct vt_summary *s, const struct vt_type_stats *t)
{
	const char *category = t->process->schema
	                       ->categories[t->desc->category % VT_MAX_CATEGORIES].name;
	size_t line = s->out->used;

	if (category)
		vt_put_name(s->out, category);
	else
		vt_sink_printf(s->out, "#%u", t->desc->category);
	vt_sink_char(s->out, '.');
	vt_put_name(s->out, t->desc->name);
	vt_put_column(s->out, line, 24);
	vt_put_right(s->out, t->count, 14);
	if (t->time && t->time->count > 0) {
		put_time(s, t->time->sum);
		put_time(s, vt_histogram_percentile(t->time, 50, 100));
		put_time(s, vt_histogram_percentile(t->time, 99, 100));
		put_time(s, t->time->most);
	}
	vt_sink_char(s->out, '\n');
}

static size_t merge_rows(struct vt_type_stats **rows, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && compare_types(&rows[kept - 1], &rows[i]) == 0) {
			rows[kept - 1]->count += rows[i]->count;
			if (rows[kept - 1]->time && rows[i]->time)
				vt_histogram_merge(rows[kept - 1]->time, rows[i]->time);
			continue;
		}
		rows[kept++] = rows[i];
	}
	return kept;
}

int vt_summary_collect_rows(struct vt_summary *s)
{
	s->rows = calloc(s->types.used + 1, sizeof(*s->rows));
	if (!s->rows)
		return -ENOMEM;
	for (size_t i = 0; i < s->types.size; i++) {
		struct vt_type_stats *t = s->types.slots[i].key ? s->types.slots[i].value : NULL;
		if (t && t->count > 0)
			s->rows[s->row_count++] = t;
	}
	if (s->row_count > 0) {
		qsort(s->rows, s->row_count, sizeof(*s->rows), compare_types);
		s->row_count = merge_rows(s->rows, s->row_count);
	}
	return 0;
}

/* ---- calls --------------------------------------------------------------------------------- */

static void print_call(struct vt_summary *s, const struct vt_call_stat *c)
{
	size_t line = s->out->used;

	vt_put_name(s->out, c->call);
	vt_put_column(s->out, line, 20);
	vt_put_right(s->out, c->count, 13);
	vt_put_right(s->out, c->errors, 9);
	put_time(s, c->time);
	put_time(s, c->time / c->count);
	put_time(s, c->least);
	put_time(s, c->most);
	vt_sink_char(s->out, '\n');
}

/* Those that took the most time, all processes together. */
void vt_summary_calls(struct vt_summary *s)
{
	const struct vt_call_list *list = &s->calls;

	if (list->count > 0)
		vt_summary_line(s, "\n--- Calls ---               calls   errors    total     mean      min"
		                   "      max\n");
	for (unsigned i = 0; i < list->count && i < MOST_CALLS; i++)
		print_call(s, &list->rows[i]);
	if (list->count > MOST_CALLS)
		vt_sink_printf(s->out, "and %u more\n", list->count - MOST_CALLS);
	if (list->missed > 0)
		vt_sink_printf(s->out, "and %llu calls by threads that had no memory to count them\n",
		               (unsigned long long)list->missed);
}

void vt_summary_events(struct vt_summary *s)
{
	if (s->row_count > 0)
		vt_summary_line(s, "\n--- Events ---                 count    total      p50"
		                   "      p99      max\n");
	for (size_t i = 0; i < s->row_count && i < MOST_TYPES; i++)
		print_row(s, s->rows[i]);
	if (s->row_count > MOST_TYPES)
		vt_sink_printf(s->out, "and %zu more types\n", s->row_count - MOST_TYPES);
}
