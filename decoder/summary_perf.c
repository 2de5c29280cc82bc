/* summary_perf.c - performance counters: what was counted of the machine and of processes, and what not. */
#include <string.h>

#include "decoder/jsonw.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"
#include "decoder/units.h"

enum { NAME = 26, TOTAL = 20, RATE = 15, WIDTH = 79 };

bool vt_summary_is_told(const struct vt_metric_desc *d, unsigned source)
{
	return d->name && d->labels && d->source == source && d->state != VT_METRIC_UNTOLD;
}

static bool any_told(const struct vt_summary *s, unsigned source)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (vt_summary_is_told(&s->metrics.schema->metrics[i], source))
			return true;
	return false;
}

/* The value of its first label: what the metric is called among those of its family. */
void vt_summary_put_label(struct vt_sink *out, const struct vt_metric_desc *d)
{
	const char *value = strchr(d->labels, '"');
	const char *end = value ? strchr(value + 1, '"') : NULL;

	if (end)
		vt_sink_escaped(out, value + 1, (size_t)(end - value - 1), VT_ESCAPE_ALL);
	else
		vt_put_name(out, d->name);
}

/* The gauge of the same labels that says how long of the time there was a counter; 0: there is none. */
uint64_t vt_summary_share_of(const struct vt_summary *s, const struct vt_metric_desc *d)
{
	static const char end[] = "_running_ratio";

	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *m = &s->metrics.schema->metrics[i];
		size_t n = m->name && m->family ? strlen(m->family) : 0;
		if (n > strlen(end) && strcmp(m->family + n - strlen(end), end) == 0 && s->metrics.present[i] &&
		    m->source == d->source && m->labels && strcmp(m->labels, d->labels) == 0)
			return s->metrics.values[i];
	}
	return 0;
}

/* Numbers of the machine are of the time that was counted; others of the run. */
uint64_t vt_summary_counted_time(const struct vt_summary *s, unsigned source)
{
	return source == VT_SRC_perf && s->metrics.present[VT_M_perf_time]
	       ? s->metrics.values[VT_M_perf_time] : s->length;
}

static void put_rate(struct vt_summary *s, const struct vt_metric_desc *d, uint64_t value)
{
	uint64_t time = vt_summary_counted_time(s, d->source);

	if (time == 0)
		return;
	if (d->unit == VT_UNIT_NS) {
		uint64_t hundredths = (uint64_t)((vt_u128)value * 100 / time);
		vt_sink_blanks(s->out, RATE - 11);
		vt_sink_printf(s->out, "%3llu.%02llu CPUs", (unsigned long long)(hundredths / 100),
		               (unsigned long long)(hundredths % 100));
		return;
	}
	vt_u128 rate = (vt_u128)value * 1000000000u / time;
	vt_put_right(s->out, rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate, RATE - 2);
	vt_sink_string(s->out, "/s");
}

static void put_total(struct vt_summary *s, const struct vt_metric_desc *d, uint64_t value)
{
	char text[VT_NUM_MAX + 2];
	char *end = text;

	if (d->unit == VT_UNIT_NS)
		end = vt_num_ns(text, value);
	else if (d->unit == VT_UNIT_MILLI)
		end = vt_num_grouped(text, value / 1000);
	else
		end = vt_num_grouped(text, value);
	size_t n = (size_t)(end - text);
	vt_sink_blanks(s->out, n < TOTAL ? TOTAL - n : 1);
	vt_sink_bytes(s->out, text, n);
}

static void print_counter(struct vt_summary *s, unsigned metric)
{
	const struct vt_metric_desc *d = &s->metrics.schema->metrics[metric];
	size_t line = s->out->used;
	uint64_t share = vt_summary_share_of(s, d);

	vt_summary_put_label(s->out, d);
	vt_sink_blanks(s->out, 1);
	vt_put_column(s->out, line, NAME);
	if (!s->metrics.present[metric]) {
		vt_sink_string(s->out, "not counted in the last interval\n");
		return;
	}
	put_total(s, d, s->metrics.values[metric]);
	put_rate(s, d, s->metrics.values[metric]);
	if (share > 0) {
		vt_sink_string(s->out, "    ");
		vt_put_percent(s->out, share, 1000000);
	}
	if (d->reason && strncmp(d->reason, "in user mode", 12) == 0)
		vt_sink_string(s->out, share > 0 ? " user" : "    user mode");
	vt_sink_char(s->out, '\n');
}

/* Those that lack for the same reason, as one paragraph: the reason, and names up to the edge. */
static void print_lacking(struct vt_summary *s, unsigned source, unsigned first, bool done[VT_MAX_METRICS])
{
	const struct vt_metric_desc *all = s->metrics.schema->metrics;
	const char *reason = all[first].reason ? all[first].reason : "";
	size_t line = s->out->used;

	vt_put_name(s->out, *reason ? reason : "not available");
	vt_sink_string(s->out, ":\n");
	line = s->out->used;
	for (unsigned i = first; i < VT_MAX_METRICS; i++) {
		struct vt_sink name;
		if (!vt_summary_is_told(&all[i], source) || all[i].state != VT_METRIC_UNAVAILABLE || done[i] ||
		    strcmp(all[i].reason ? all[i].reason : "", reason) != 0 || vt_sink_memory(&name))
			continue;
		done[i] = true;
		vt_summary_put_label(&name, &all[i]);
		if (s->out->used > line && s->out->used - line + name.used + 2 > WIDTH) {
			vt_sink_char(s->out, '\n');
			line = s->out->used;
		}
		vt_sink_string(s->out, s->out->used == line ? "  " : " ");
		vt_sink_bytes(s->out, name.buffer, name.used);
		vt_sink_discard(&name);
	}
	vt_sink_char(s->out, '\n');
}

static void print_source(struct vt_summary *s, unsigned source, const char *title)
{
	const struct vt_metric_desc *all = s->metrics.schema->metrics;
	bool done[VT_MAX_METRICS] = { false };

	if (!any_told(s, source))
		return;
	vt_sink_printf(s->out, "\n--- Performance counters: %-14s%6s%15s    running\n", title, "total", "rate");
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (vt_summary_is_told(&all[i], source) && all[i].state == VT_METRIC_AVAILABLE)
			print_counter(s, i);
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (vt_summary_is_told(&all[i], source) && all[i].state == VT_METRIC_UNAVAILABLE && !done[i])
			print_lacking(s, source, i, done);
}

void vt_summary_perf(struct vt_summary *s)
{
	print_source(s, VT_SRC_process_perf, "processes ---");
	print_source(s, VT_SRC_perf, "machine ---");
}

/* By source and label, whether it can be had and what its collector said: totals are among the counters. */
void vt_summary_json_states(struct vt_json *j, const struct vt_summary *s)
{
	vt_json_open(j, "available", '{');
	for (unsigned source = 0; source < VT_MAX_SOURCES; source++) {
		const char *name = s->metrics.schema->sources[source].name;
		if (!name || !any_told(s, source))
			continue;
		vt_json_open(j, name, '{');
		for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
			const struct vt_metric_desc *d = &s->metrics.schema->metrics[i];
			if (!vt_summary_is_told(d, source))
				continue;
			vt_json_open(j, d->name, '{');
			vt_json_put_bool(j, "available", d->state == VT_METRIC_AVAILABLE);
			if (s->metrics.present[i])
				vt_json_put_u64(j, d->unit == VT_UNIT_NS ? "total_ns" : "total", s->metrics.values[i]);
			if (s->metrics.present[i] && vt_summary_counted_time(s, source) > 0)
				vt_json_put_u64(j, "counted_ns", vt_summary_counted_time(s, source));
			if (vt_summary_share_of(s, d) > 0)
				vt_json_put_u64(j, "running_ppm", vt_summary_share_of(s, d));
			if (d->reason && *d->reason)
				vt_json_put_string(j, "reason", d->reason);
			vt_json_close(j, '}');
		}
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
}
