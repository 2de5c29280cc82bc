/*
 * report_data.c - what page.js draws: a JSON element. Each chart is {key, kind, unit, labels, x, y}: x in
 * seconds since the start of the run, y an array for each label, null where nothing is known.
 *
 * Kinds: stems (moments), line, steps (from each x on), band (least, mean, most), threads (steps, a chart each),
 * select (steps, one of `series` at a time).
 */
#include "decoder/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/export.h"
#include "decoder/jsonw.h"
#include "decoder/process_text.h"
#include "decoder/report_html.h"
#include "decoder/units.h"

struct data {
	struct vt_json j;
	const struct vt_history *series;
	struct vt_report *r;
};

/* A value of an array, without the writer's care for keys. */
static void put_comma(struct vt_json *j)
{
	if (j->filled[j->depth])
		vt_sink_char(j->out, ',');
	j->filled[j->depth] = true;
}

static void put_seconds(struct vt_json *j, uint64_t ns)
{
	put_comma(j);
	vt_sink_upto(j->out, vt_num_seconds(vt_sink_room(j->out, VT_NUM_MAX), ns, 6));
}

/* No chart shows more than five digits. */
static void put_short(struct vt_json *j, double v)
{
	char *p;

	put_comma(j);
	p = vt_sink_room(j->out, VT_NUM_MAX + 8);
	if (!(v >= 0) || v >= 1e18) {
		vt_sink_string(j->out, "null");
		return;
	}
	if (v >= 10000) {
		p = vt_num_u64(p, (uint64_t)(v + 0.5));
	} else {
		uint64_t milli = (uint64_t)(v * 1000 + 0.5);
		unsigned rest = (unsigned)(milli % 1000);
		p = vt_num_u64(p, milli / 1000);
		if (rest > 0) {
			*p++ = '.';
			*p++ = (char)('0' + rest / 100);
			p = vt_num_pair(p, rest % 100);
			while (p[-1] == '0')
				p--;
		}
	}
	vt_sink_upto(j->out, p);
}

static void begin_chart(struct data *d, const char *key, const char *kind, const char *unit)
{
	vt_json_open(&d->j, NULL, '{');
	vt_json_put_string(&d->j, "key", key);
	vt_json_put_string(&d->j, "kind", kind);
	vt_json_put_string(&d->j, "unit", unit);
}

static void put_labels(struct data *d, const char *const *labels, size_t count)
{
	vt_json_open(&d->j, "labels", '[');
	for (size_t i = 0; i < count; i++)
		vt_json_put_string(&d->j, NULL, labels[i]);
	vt_json_close(&d->j, ']');
}

/* ---- pauses and heap ----------------------------------------------------------------------------- */

/* How long a bucket is. */
static void put_width(struct data *d)
{
	vt_json_put_u64(&d->j, "per_ns", (d->series->to - d->series->from) / VT_HISTORY_BUCKETS);
}

static void put_pauses(struct data *d)
{
	static const char *const label[] = { "pause" }, *const longest[] = { "longest pause" };
	const struct vt_samples *s = &d->series->pauses;
	bool few = s->count <= VT_HISTORY_POINTS;

	if (s->count == 0)
		return;
	begin_chart(d, "pauses", "stems", "ns");
	put_labels(d, few ? label : longest, 1);
	if (!few)
		put_width(d);
	vt_json_open(&d->j, "x", '[');
	for (size_t i = 0; few && i < s->count; i++)
		put_seconds(&d->j, s->points[i].ns);
	for (unsigned i = 0; !few && i < VT_HISTORY_BUCKETS; i++)
		if (s->buckets[i].count > 0)
			put_seconds(&d->j, s->buckets[i].most_at);
	vt_json_close(&d->j, ']');
	vt_json_open(&d->j, "y", '[');
	vt_json_open(&d->j, NULL, '[');
	for (size_t i = 0; few && i < s->count; i++)
		put_short(&d->j, (double)s->points[i].value);
	for (unsigned i = 0; !few && i < VT_HISTORY_BUCKETS; i++)
		if (s->buckets[i].count > 0)
			put_short(&d->j, (double)s->buckets[i].most);
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, '}');
}

static void put_bucket_times(struct data *d)
{
	vt_json_open(&d->j, "x", '[');
	for (unsigned i = 0; i <= VT_HISTORY_BUCKETS; i++)
		put_seconds(&d->j, vt_history_bucket_ns(d->series, i));
	vt_json_close(&d->j, ']');
}

static void put_heap_points(struct data *d, const struct vt_samples *s)
{
	vt_json_open(&d->j, "x", '[');
	for (size_t i = 0; i < s->count; i++)
		put_seconds(&d->j, s->points[i].ns);
	vt_json_close(&d->j, ']');
	vt_json_open(&d->j, "y", '[');
	vt_json_open(&d->j, NULL, '[');
	for (size_t i = 0; i < s->count; i++)
		put_short(&d->j, (double)s->points[i].value);
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, ']');
}

static void put_heap_band(struct data *d, const struct vt_samples *s)
{
	vt_json_open(&d->j, "x", '[');
	for (unsigned i = 0; i < VT_HISTORY_BUCKETS; i++)
		if (s->buckets[i].count > 0)
			put_seconds(&d->j, vt_history_bucket_ns(d->series, i));
	vt_json_close(&d->j, ']');
	vt_json_open(&d->j, "y", '[');
	for (unsigned k = 0; k < 3; k++) {
		vt_json_open(&d->j, NULL, '[');
		for (unsigned i = 0; i < VT_HISTORY_BUCKETS; i++) {
			const struct vt_bucket *b = &s->buckets[i];
			if (b->count > 0)
				put_short(&d->j, (double)(k == 0 ? b->least : k == 1 ? b->sum / b->count : b->most));
		}
		vt_json_close(&d->j, ']');
	}
	vt_json_close(&d->j, ']');
}

/* ---- counters ------------------------------------------------------------------------------------ */

struct curve {
	const char *label;
	unsigned metric;
	bool level;                     /* a gauge; else its rate */
};

/* The first records may have zeros of what turns out not to be there: its section says that it is absent. */
static bool is_known(const struct data *d, const struct curve *c)
{
	return vt_report_has(d->r, d->r->s->metrics.schema->metrics[c->metric].source) &&
	       (c->level ? vt_history_has_level(d->series, c->metric) : vt_history_has_rate(d->series, c->metric));
}

static double value_of(const struct vt_round *round, const struct curve *c)
{
	return (double)(c->level ? round->levels[c->metric] : round->rates[c->metric]);
}

/* What a round says holds since the one before it; the last one's once more, where the steps end. */
static void put_round_times(struct data *d)
{
	const struct vt_history *s = d->series;

	vt_json_open(&d->j, "x", '[');
	put_seconds(&d->j, s->from);
	for (unsigned i = 0; i < s->round_count; i++)
		put_seconds(&d->j, s->rounds[i].ns);
	vt_json_close(&d->j, ']');
}

static void put_round_values(struct data *d, const char *key, const struct curve *c, double scale)
{
	const struct vt_history *s = d->series;

	vt_json_open(&d->j, key, '[');
	for (unsigned i = 0; i <= s->round_count; i++)
		put_short(&d->j, scale * value_of(&s->rounds[i < s->round_count ? i : i - 1], c));
	vt_json_close(&d->j, ']');
}

static bool is_zero(const struct vt_history *s, const struct curve *c)
{
	for (unsigned i = 0; i < s->round_count; i++)
		if (value_of(&s->rounds[i], c) > 0)
			return false;
	return true;
}

#define MOST_CURVES 4u          /* of a chart: there are no more colours */

/* Those that are always 0 only if all are: tables tell that, and a line on the axis hides others. */
static void put_curves(struct data *d, const char *key, const char *unit, double scale,
                       const struct curve *curves, size_t count)
{
	bool drawn[MOST_CURVES] = { false }, any = false, some = false;

	for (size_t i = 0; i < count; i++) {
		drawn[i] = is_known(d, &curves[i]);
		any |= drawn[i];
		some |= drawn[i] && !is_zero(d->series, &curves[i]);
	}
	if (!any)
		return;
	begin_chart(d, key, "steps", unit);
	vt_json_open(&d->j, "labels", '[');
	for (size_t i = 0; i < count; i++) {
		drawn[i] = drawn[i] && (!some || !is_zero(d->series, &curves[i]));
		if (drawn[i])
			vt_json_put_string(&d->j, NULL, curves[i].label);
	}
	vt_json_close(&d->j, ']');
	put_round_times(d);
	vt_json_open(&d->j, "y", '[');
	for (size_t i = 0; i < count; i++)
		if (drawn[i])
			put_round_values(d, NULL, &curves[i], scale);
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, '}');
}

#define PUT_CURVES(d, key, unit, scale, ...) \
	put_curves(d, key, unit, scale, (const struct curve[]){ __VA_ARGS__ }, \
	           sizeof((const struct curve[]){ __VA_ARGS__ }) / sizeof(struct curve))

/* Of one process only: several that stand still at once would be more than all of the time. */
static void put_paused(struct data *d)
{
	static const char *const label[] = { "paused" };
	const struct vt_history *s = d->series;
	double last = 0;

	if (s->pauses.count == 0 && d->r->s->in->run->process_count == 1)
		PUT_CURVES(d, "paused", "percent", 1e-7, { "paused", VT_M_gc_pause_time, false });
	if (s->pauses.count == 0 || s->several_pausing)
		return;
	begin_chart(d, "paused", "steps", "percent");
	put_labels(d, label, 1);
	put_width(d);
	put_bucket_times(d);
	vt_json_open(&d->j, "y", '[');
	vt_json_open(&d->j, NULL, '[');
	for (unsigned i = 0; i < VT_HISTORY_BUCKETS; i++) {
		uint64_t width = vt_history_bucket_ns(s, i + 1) - vt_history_bucket_ns(s, i);
		last = width > 0 ? 100.0 * (double)s->paused[i] / (double)width : NAN;
		put_short(&d->j, last);
	}
	put_short(&d->j, last);
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, '}');
}

static void put_heap(struct data *d)
{
	static const char *const one[] = { "in use" }, *const band[] = { "mean" };
	const struct vt_samples *s = &d->series->heap;

	if (s->count < 2) {
		PUT_CURVES(d, "heap", "bytes", 1, { "in use", VT_M_gc_heap_used, true },
		           { "total", VT_M_gc_heap_total, true });
		return;
	}
	begin_chart(d, "heap", s->count <= VT_HISTORY_POINTS ? "line" : "band", "bytes");
	put_labels(d, s->count <= VT_HISTORY_POINTS ? one : band, 1);
	if (s->count <= VT_HISTORY_POINTS) {
		put_heap_points(d, s);
	} else {
		put_width(d);
		put_heap_band(d, s);
	}
	vt_json_close(&d->j, '}');
}

/*
 * A wait is counted when it ends: what is more than a round can hold belongs to the rounds before it. Of
 * several loops each has the whole round for itself.
 */
static void put_idle(struct data *d)
{
	static const char *const label[] = { "idle" };
	const struct vt_history *s = d->series;
	double share[VT_HISTORY_ROUNDS], more = 0;

	if (!is_known(d, &(struct curve){ "", VT_M_loop_idle_time, false }))
		return;
	for (unsigned i = s->round_count; i-- > 0;) {
		const struct vt_round *round = &s->rounds[i];
		double length = (double)(round->ns - (i > 0 ? s->rounds[i - 1].ns : s->from));
		double loops = (double)round->levels[VT_M_loop_native] + (double)round->levels[VT_M_loop_prepare] +
		               (double)round->levels[VT_M_loop_epoll];
		double room = loops >= 1 ? length * loops : length;
		double idle = (double)round->rates[VT_M_loop_idle_time] * 1e-9 * length + more;
		share[i] = isnan(idle) || length <= 0 ? NAN : 100 * (idle < room ? idle : room) / room;
		more = idle > room ? idle - room : 0;
	}
	begin_chart(d, "idle", "steps", "percent");
	put_labels(d, label, 1);
	put_round_times(d);
	vt_json_open(&d->j, "y", '[');
	vt_json_open(&d->j, NULL, '[');
	for (unsigned i = 0; i <= s->round_count; i++)
		put_short(&d->j, share[i < s->round_count ? i : i - 1]);
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, '}');
}

static void put_all_curves(struct data *d)
{
	PUT_CURVES(d, "interp", "rate", 1, { "evaluations", VT_M_interp_evals },
	           { "function calls", VT_M_interp_calls }, { "builtin calls", VT_M_interp_builtins });
	PUT_CURVES(d, "loop", "rate", 1, { "iterations", VT_M_loop_iterations }, { "events", VT_M_loop_events });
	PUT_CURVES(d, "http", "rate", 1, { "2xx", VT_M_http_requests_2xx }, { "3xx", VT_M_http_requests_3xx },
	           { "4xx", VT_M_http_requests_4xx }, { "5xx", VT_M_http_requests_5xx });
	PUT_CURVES(d, "cpu", "percent", 1e-7, { "user", VT_M_process_cpu_user },
	           { "system", VT_M_process_cpu_system });
	PUT_CURVES(d, "memory", "bytes", 1, { "in RAM", VT_M_process_resident, true });
	PUT_CURVES(d, "paging", "bytes/s", 1, { "read", VT_M_vm_paged_in_per_second, true },
	           { "written", VT_M_vm_paged_out_per_second, true },
	           { "swapped in", VT_M_vm_swapped_in_per_second, true },
	           { "swapped out", VT_M_vm_swapped_out_per_second, true });
	PUT_CURVES(d, "faults", "rate", 1e-3, { "all", VT_M_vm_faults_per_second, true },
	           { "major", VT_M_vm_major_faults_per_second, true });
}

/* ---- performance counters, threads, tints -------------------------------------------------------- */

static bool is_perf(const struct vt_metric_desc *m)
{
	return vt_summary_is_told(m, VT_SRC_perf) || vt_summary_is_told(m, VT_SRC_process_perf);
}

static void put_perf(struct data *d)
{
	const struct vt_metric_desc *all = d->r->s->metrics.schema->metrics;
	char key[16];
	bool told = false;

	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		told |= is_perf(&all[i]);
	if (!told)
		return;
	begin_chart(d, "perf", "select", "rate");
	put_round_times(d);
	vt_json_open(&d->j, "series", '{');
	for (unsigned i = 0; i < VT_MAX_METRICS && d->series->round_count > 0; i++) {
		const struct curve c = { "", i, false };
		if (!is_perf(&all[i]) || !vt_history_has_rate(d->series, i))
			continue;
		snprintf(key, sizeof(key), "%u", i);
		vt_json_open(&d->j, key, '{');
		vt_json_put_string(&d->j, "unit", all[i].unit == VT_UNIT_NS ? "cpus" : "rate");
		put_round_values(d, "y", &c, all[i].unit == VT_UNIT_NS ? 1e-9
		                 : all[i].unit == VT_UNIT_MILLI ? 1e-3 : 1);
		vt_json_close(&d->j, '}');
	}
	vt_json_close(&d->j, '}');
	vt_json_close(&d->j, '}');
}

static void put_threads(struct data *d)
{
	const struct vt_history *s = d->series;
	struct vt_sink label;

	if (s->thread_count == 0 || vt_sink_memory(&label))
		return;
	begin_chart(d, "threads", "threads", "count");
	vt_json_open(&d->j, "labels", '[');
	for (unsigned i = 0; i < s->thread_count; i++) {
		const struct vt_ring_info *ring = s->threads[i].ring;
		label.used = 0;
		const char *name = vt_thread_name_of(ring);
		vt_sink_escaped(&label, name, strnlen(name, VT_MAX_NAME), VT_KEEP_BLANKS | VT_KEEP_UTF8);
		if (d->r->s->in->several_processes)
			vt_sink_printf(&label, "/%" PRIu32, ring->process->pid);
		vt_sink_printf(&label, "/%" PRIu32 "%s", ring->tid, ring->is_signal ? " (signals)" : "");
		vt_json_put_string(&d->j, NULL, vt_sink_text(&label));
	}
	vt_sink_discard(&label);
	vt_json_close(&d->j, ']');
	put_width(d);
	put_bucket_times(d);
	vt_json_open(&d->j, "y", '[');
	for (unsigned i = 0; i < s->thread_count; i++) {
		vt_json_open(&d->j, NULL, '[');
		for (unsigned k = 0; k < VT_HISTORY_BUCKETS; k++)
			put_short(&d->j, s->threads[i].buckets[k]);
		put_short(&d->j, 0);
		vt_json_close(&d->j, ']');
	}
	vt_json_close(&d->j, ']');
	vt_json_close(&d->j, '}');
}

static void put_spans(struct data *d, const char *key, const struct vt_time_spans *spans)
{
	vt_json_open(&d->j, key, '[');
	for (unsigned i = 0; i < spans->count; i++) {
		vt_json_open(&d->j, NULL, '[');
		put_seconds(&d->j, spans->items[i].from);
		put_seconds(&d->j, spans->items[i].to);
		vt_json_close(&d->j, ']');
	}
	vt_json_close(&d->j, ']');
}

void vt_report_data(struct vt_report *r)
{
	struct data d = { .j = { .out = r->out, .compact = true }, .series = r->series, .r = r };

	vt_sink_string(r->out, "<script type=\"application/json\" class=\"data\">");
	vt_json_open(&d.j, NULL, '{');
	vt_json_open(&d.j, "range", '[');
	put_seconds(&d.j, r->series->from);
	put_seconds(&d.j, r->series->to);
	vt_json_close(&d.j, ']');
	put_spans(&d, "violated", &r->series->violated);
	put_spans(&d, "lost", &r->series->lost);
	vt_json_open(&d.j, "charts", '[');
	if (r->series->from < r->series->to) {
		put_pauses(&d);
		put_paused(&d);
		put_heap(&d);
		put_idle(&d);
		put_all_curves(&d);
		put_perf(&d);
		put_threads(&d);
	}
	vt_json_close(&d.j, ']');
	vt_json_close(&d.j, '}');
	vt_sink_string(r->out, "</script>\n");
}
