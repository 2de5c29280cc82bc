/* summary_warn.c - the page on rules of `record --warn` that were violated: a line each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "decoder/process_text.h"
#include "decoder/summary.h"

#define MOST_ROWS 256u          /* a log of ours has few; one made up may have many */

static bool any_recorder_ring(const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->ring_count; i++)
		if (run->rings[i]->is_recorder)
			return true;
	return false;
}

/* Each rule of a process has a ring of its own. */
static struct vt_warned_rule *row_of(struct vt_summary *s, const struct vt_event *event)
{
	for (size_t i = 0; i < s->warned_count; i++)
		if (s->warned[i].ring == event->ring)
			return &s->warned[i];
	if (s->warned_count == MOST_ROWS)
		return NULL;
	struct vt_warned_rule *grown = realloc(s->warned, (s->warned_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	s->warned = grown;
	struct vt_warned_rule *row = &grown[s->warned_count++];
	*row = (struct vt_warned_rule){ .ring = event->ring, .first_ns = event->t_ns };
	return row;
}

static double number_of(const struct vt_event *event, const char *field)
{
	uint64_t bits = 0;
	double v;

	vt_event_value(event, field, &bits);
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static int add(struct vt_summary *s, const struct vt_event *event)
{
	struct vt_warned_rule *row = row_of(s, event);
	uint64_t time = 0;

	if (!row)
		return s->warned_count == MOST_ROWS ? 0 : -ENOMEM;
	if (!row->rule[0] && event->text) {
		int text = event->desc->text;
		size_t n = text >= 0 ? event->values[text] : 0;
		memcpy(row->rule, event->text, n < sizeof(row->rule) ? n : sizeof(row->rule) - 1);
	}
	row->limit = number_of(event, "limit");
	if (event->desc->id == VT_EV_meta_violation) {
		row->times++;
		row->open++;
		row->worst = row->times == 1 ? number_of(event, "value") : row->worst;
		return 0;
	}
	vt_event_value(event, "time", &time);
	row->open -= row->open > 0;
	row->total_ns = row->total_ns + time < time ? UINT64_MAX : row->total_ns + time;
	double worst = number_of(event, "worst"), from = row->worst - row->limit, to = worst - row->limit;
	if ((to < 0 ? -to : to) > (from < 0 ? -from : from))
		row->worst = worst;
	return 0;
}

int vt_summary_collect_warned(struct vt_summary *s)
{
	static const char *const names[] = { "meta.violation", "meta.violation_end" };
	struct vt_filter filter = *s->filter;
	const struct vt_event *event;
	const char *unknown;

	if (!any_recorder_ring(s->in->run) || filter.event_count > 0)
		return 0;
	filter.events = names;
	filter.event_count = 2;
	int err = vt_reader_select(s->in->reader, &filter, &unknown);
	if (err == -VT_E_UNKNOWN_EVENT)
		return 0;       /* the log's schema is damaged */
	while (!err && (err = vt_reader_next(s->in->reader, &event)) > 0) {
		if (s->watch && s->watch->violation && !event->gap && event->ring->is_recorder)
			s->watch->violation(s->watch->user, event);
		err = event->gap || !event->ring->is_recorder ? 0 : add(s, event);
	}
	return err;
}

static void put_number(struct vt_sink *out, double v, size_t width)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%.4g", v);

	vt_sink_blanks(out, n > 0 && (size_t)n < width ? width - (size_t)n : 1);
	vt_sink_string(out, text);
}

void vt_summary_warned(struct vt_summary *s)
{
	if (s->warned_count == 0)
		return;
	vt_summary_line(s, "\n--- Thresholds ---                   first   times    in all     worst   limit\n");
	for (size_t i = 0; i < s->warned_count; i++) {
		const struct vt_warned_rule *row = &s->warned[i];
		size_t line = s->out->used;
		struct vt_sink text;
		vt_put_name(s->out, row->rule);
		if (s->in->several_processes)
			vt_sink_printf(s->out, " (%u)", row->ring->process->pid);
		if (vt_sink_memory(&text))
			return;
		vt_put_seconds(&text, row->first_ns, 3);
		if (s->out->used - line > 42 - text.used) {
			vt_sink_char(s->out, '\n');
			line = s->out->used;
		}
		vt_put_column(s->out, line, 42 - text.used);
		vt_sink_bytes(s->out, text.buffer, text.used);
		vt_put_right(s->out, row->times, 8);
		text.used = 0;
		if (row->open > 0)
			vt_sink_string(&text, "open");
		else
			vt_put_ns(&text, row->total_ns);
		vt_sink_blanks(s->out, text.used < 10 ? 10 - text.used : 1);
		vt_sink_bytes(s->out, text.buffer, text.used);
		vt_sink_discard(&text);
		put_number(s->out, row->worst, 10);
		put_number(s->out, row->limit, 8);
		vt_sink_char(s->out, '\n');
	}
}

void vt_summary_warned_json(struct vt_json *j, const struct vt_summary *s)
{
	if (s->warned_count == 0)
		return;
	vt_json_open(j, "thresholds", '[');
	for (size_t i = 0; i < s->warned_count; i++) {
		const struct vt_warned_rule *row = &s->warned[i];
		vt_json_open(j, NULL, '{');
		vt_json_put_string(j, "rule", row->rule);
		vt_json_put_u64(j, "pid", row->ring->process->pid);
		vt_json_put_u64(j, "first_ns", row->first_ns);
		vt_json_put_u64(j, "times", row->times);
		vt_json_put_u64(j, "open", row->open);
		vt_json_put_u64(j, "violated_ns", row->total_ns);
		vt_json_put_float(j, "worst", row->worst);
		vt_json_put_float(j, "limit", row->limit);
		vt_json_close(j, '}');
	}
	vt_json_close(j, ']');
}
