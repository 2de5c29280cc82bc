/* report_counts.c - sections whose cards are counters: interpreter, event loop, HTTP; and the functions. */
#include "decoder/report.h"

#include <stdio.h>

#include "core/metrics_labels.h"
#include "decoder/process_text.h"
#include "decoder/report_html.h"

#define MOST_FUNCTIONS 20u

struct card { const char *name; unsigned metric; };

/* A count and its rate, a time as of the old dashboards, bytes; a dash when nobody told. */
static void put_card(struct vt_report *r, const struct card *card)
{
	const struct vt_metrics *m = &r->s->metrics;
	const struct vt_metric_desc *d = &m->schema->metrics[card->metric];
	uint64_t v = m->values[card->metric];

	if (!m->present[card->metric]) {
		vt_card_none(r->out, card->name);
		return;
	}
	vt_card(r->out, card->name);
	if (d->unit == VT_UNIT_NS)
		vt_html_us(r->out, v);
	else
		vt_html_value(r->out, d->unit == VT_UNIT_BYTES ? VT_HTML_BYTES : VT_HTML_COUNT, v);
	if (d->kind == VT_METRIC_COUNTER && d->unit == VT_UNIT_NONE && r->s->length > 0) {
		vt_card_note(r->out);
		vt_put_grouped(r->out, vt_summary_rate(r->s, v));
		vt_sink_string(r->out, "/s");
	} else if (card->metric == VT_M_loop_idle_time) {
		vt_card_note(r->out);
		vt_html_percent(r->out, v, r->s->length);
		vt_sink_string(r->out, " of the run");
	}
	vt_card_end(r->out);
}

static void put_cards(struct vt_report *r, const struct card *cards, size_t count)
{
	vt_cards_begin(r->out);
	for (size_t i = 0; i < count; i++)
		put_card(r, &cards[i]);
	vt_cards_end(r->out);
}

/* More that a host may tell: a row each, only of what it does tell. */
static void put_more(struct vt_report *r, const char *caption, const struct card *rows, size_t count)
{
	const struct vt_metrics *m = &r->s->metrics;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct vt_metric_desc *d = &m->schema->metrics[rows[i].metric];
		if (!m->present[rows[i].metric])
			continue;
		if (!any)
			vt_table_begin(r->out, caption, "|#Value");
		any = true;
		vt_row(r->out, rows[i].name);
		vt_cell_value(r->out, d->unit == VT_UNIT_NS ? VT_HTML_NS : d->unit == VT_UNIT_BYTES ? VT_HTML_BYTES
		              : VT_HTML_COUNT, m->values[rows[i].metric]);
	}
	if (any)
		vt_table_end(r->out);
}

void vt_report_buckets(struct vt_report *r, const char *caption, const char *counted, unsigned first, unsigned last)
{
	const struct vt_metrics *m = &r->s->metrics;
	uint64_t all = 0, most = 0;
	char columns[64];

	for (unsigned i = first; i <= last; i++) {
		all += m->present[i] ? m->values[i] : 0;
		most = m->present[i] && m->values[i] > most ? m->values[i] : most;
	}
	if (most == 0)
		return;
	while (m->values[first] == 0)
		first++;
	while (m->values[last] == 0)
		last--;
	snprintf(columns, sizeof(columns), "Up to|#%s|#Share|", counted);
	vt_table_begin(r->out, caption, columns);
	for (unsigned i = first; i <= last; i++) {
		const char *labels = m->schema->metrics[i].labels;
		const char *le = labels && vt_labels_valid(labels) ? vt_labels_le(labels) : NULL;
		uint64_t bound = le ? vt_label_bound(le) : 0;
		vt_row(r->out, bound == UINT64_MAX ? "longer" : bound == 0 ? "?" : "");
		if (bound > 0 && bound < UINT64_MAX)
			vt_html_bound(r->out, bound);
		vt_cell_value(r->out, VT_HTML_COUNT, m->values[i]);
		vt_cell_percent(r->out, m->values[i], all);
		vt_cell_bar(r->out, m->values[i], most);
	}
	vt_table_end(r->out);
}

/* ---- interpreter --------------------------------------------------------------------------------- */

static void put_remark(struct vt_report *r, uint64_t count, const char *text)
{
	if (count == 0)
		return;
	vt_sink_string(r->out, " ");
	vt_html_value(r->out, VT_HTML_COUNT, count);
	vt_sink_string(r->out, text);
}

static void put_functions(struct vt_report *r)
{
	const struct vt_profile *p = &r->s->profile;

	if (r->s->unread > 0) {
		vt_sink_string(r->out, "<p class=\"note\">Functions: ");
		vt_html_value(r->out, VT_HTML_COUNT, r->s->unread);
		vt_sink_string(r->out, " events were not read; report --functions reads them.</p>\n");
	}
	if (p->function_count == 0)
		return;
	vt_table_begin(r->out, "Top functions by the time spent in them",
	               "Function|#Calls|#Exclusive|#Share||#Inclusive|#Longest");
	for (size_t i = 0; i < p->function_count && i < MOST_FUNCTIONS; i++) {
		const struct vt_function *f = &p->functions[i];
		vt_row_bytes(r->out, f->name, f->length);
		vt_cell_value(r->out, VT_HTML_COUNT, f->calls);
		vt_cell_value(r->out, VT_HTML_NS, f->exclusive);
		vt_cell_percent(r->out, f->exclusive, p->inside);
		vt_cell_bar(r->out, f->exclusive, p->functions[0].exclusive);
		vt_cell_value(r->out, VT_HTML_NS, f->inclusive);
		if (f->longest > 0)
			vt_cell_value(r->out, VT_HTML_NS, f->longest);
		else
			vt_cell_none(r->out);           /* none has ended */
	}
	vt_table_end(r->out);
	vt_sink_string(r->out, "<p class=\"note\">");
	if (p->function_count > MOST_FUNCTIONS)
		vt_sink_printf(r->out, "And %zu more functions. ", p->function_count - MOST_FUNCTIONS);
	vt_sink_string(r->out, "In all ");
	vt_html_value(r->out, VT_HTML_NS, p->inside);
	vt_sink_string(r->out, " in functions; calls are known for ");
	vt_html_percent(r->out, p->lived - p->missing, p->lived);
	vt_sink_string(r->out, " of the time of their threads.");
	put_remark(r, p->open, " were open at the end.");
	put_remark(r, p->dropped, " have lost their return: their time is at least this.");
	put_remark(r, p->unmatched, " returns have lost their call, and are left out.");
	put_remark(r, p->deeper, " were too deep to follow: their time is their caller's.");
	vt_sink_string(r->out, "</p>\n");
}

void vt_report_interp(struct vt_report *r)
{
	static const struct card cards[] = {
		{ "Evaluations", VT_M_interp_evals }, { "Function Calls", VT_M_interp_calls },
		{ "Builtin Calls", VT_M_interp_builtins }, { "Max Stack", VT_M_interp_depth_max },
		{ "Closures", VT_M_interp_closures }, { "Env Lookups", VT_M_interp_lookups },
	};
	static const struct card more[] = { { "tail calls", VT_M_interp_tail_calls } };

	vt_report_section(r, "interp", "Interpreter");
	put_cards(r, cards, sizeof(cards) / sizeof(*cards));
	if (!vt_report_has(r, VT_SRC_interp) && r->s->profile.function_count == 0)
		vt_report_why(r, VT_SRC_interp);
	else if (!vt_report_has(r, VT_SRC_interp))
		vt_sink_string(r->out, "<p class=\"absent\">No counters were recorded; the functions are from "
		               "events.</p>\n");
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "interp", "Evaluations and calls a second");
	vt_sink_string(r->out, "</div>\n");
	vt_sink_string(r->out, "<div class=\"tables\">\n");
	put_more(r, "More of the interpreter", more, sizeof(more) / sizeof(*more));
	vt_sink_string(r->out, "</div>\n");
	put_functions(r);
	vt_sink_string(r->out, "</section>\n");
}

/* ---- event loop ---------------------------------------------------------------------------------- */

void vt_report_loop(struct vt_report *r)
{
	static const struct card cards[] = {
		{ "Iterations", VT_M_loop_iterations }, { "Events", VT_M_loop_events },
		{ "Idle Time", VT_M_loop_idle_time },
	};
	static const struct card more[] = {
		{ "longest lag", VT_M_loop_lag_max }, { "busy between waits", VT_M_loop_busy_time },
		{ "events found ready", VT_M_loop_events_waiting }, { "active handles", VT_M_loop_handles },
		{ "pool jobs done", VT_M_loop_work }, { "pool jobs cancelled", VT_M_loop_work_cancelled },
		{ "time of pool jobs", VT_M_loop_work_time }, { "longest in the queue", VT_M_loop_work_queue_max },
	};

	vt_report_section(r, "loop", "Event Loop");
	put_cards(r, cards, sizeof(cards) / sizeof(*cards));
	if (!vt_report_has(r, VT_SRC_loop))
		vt_report_why(r, VT_SRC_loop);
	else if (!r->s->metrics.present[VT_M_loop_events])
		vt_sink_string(r->out, "<p class=\"absent\">Events: not counted by the loop's libuv, which does so "
		               "from 1.45 on.</p>\n");
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "loop", "Iterations and events a second");
	vt_report_chart(r, "idle", "Share of the time idle");
	vt_sink_string(r->out, "</div>\n");
	vt_sink_string(r->out, "<div class=\"tables\">\n");
	put_more(r, "More of the event loop", more, sizeof(more) / sizeof(*more));
	vt_sink_string(r->out, "</div>\n</section>\n");
}

/* ---- HTTP ---------------------------------------------------------------------------------------- */

static void put_statuses(struct vt_report *r)
{
	static const char *const names[] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
	const struct vt_metrics *m = &r->s->metrics;
	uint64_t all = 0, most = 0;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t v = m->present[VT_M_http_requests_1xx + i] ? m->values[VT_M_http_requests_1xx + i] : 0;
		all += v;
		most = v > most ? v : most;
	}
	vt_table_begin(r->out, "Requests by status", "Status|#Requests|#Share|");
	for (unsigned i = 0; i < 5; i++) {
		uint64_t v = m->values[VT_M_http_requests_1xx + i];
		if (!m->present[VT_M_http_requests_1xx + i] || v == 0)
			continue;
		vt_row(r->out, names[i]);
		vt_cell_value(r->out, VT_HTML_COUNT, v);
		vt_cell_percent(r->out, v, all);
		vt_cell_bar(r->out, v, most);
	}
	vt_table_end(r->out);
}

void vt_report_http(struct vt_report *r)
{
	static const struct card cards[] = {
		{ "Errors", VT_M_http_errors }, { "Under way", VT_M_http_active },
		{ "Connections", VT_M_http_connections }, { "Received", VT_M_http_received },
		{ "Sent", VT_M_http_sent }, { "Longest request", VT_M_http_duration_max },
	};
	static const struct card more[] = {
		{ "connections that failed", VT_M_http_connections_failed },
		{ "connections open", VT_M_http_connections_active },
		{ "connections refused at the limit", VT_M_http_rejected_limit },
		{ "connections refused under load", VT_M_http_rejected_load },
		{ "streams", VT_M_http_streams }, { "time of all requests", VT_M_http_duration_sum },
	};
	const struct vt_metrics *m = &r->s->metrics;
	uint64_t requests = 0;

	if (!vt_report_has(r, VT_SRC_http))
		return;
	for (unsigned i = VT_M_http_requests_1xx; i <= VT_M_http_requests_5xx; i++)
		requests += m->present[i] ? m->values[i] : 0;
	vt_report_section(r, "http", "HTTP");
	vt_cards_begin(r->out);
	vt_card(r->out, "Requests");
	vt_html_value(r->out, VT_HTML_COUNT, requests);
	vt_card_note(r->out);
	vt_put_grouped(r->out, vt_summary_rate(r->s, requests));
	vt_sink_string(r->out, "/s");
	vt_card_end(r->out);
	for (size_t i = 0; i < sizeof(cards) / sizeof(*cards); i++)
		put_card(r, &cards[i]);
	vt_cards_end(r->out);
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "http", "Requests a second");
	vt_sink_string(r->out, "</div>\n<div class=\"tables\">\n");
	put_statuses(r);
	vt_report_buckets(r, "Requests by duration", "Requests", VT_M_http_duration_500us, VT_M_http_duration_inf);
	put_more(r, "More of HTTP", more, sizeof(more) / sizeof(*more));
	vt_sink_string(r->out, "</div>\n</section>\n");
}
