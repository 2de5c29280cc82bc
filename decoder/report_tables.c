/* report_tables.c - calls, threads and types of events. */
#include "decoder/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "decoder/export.h"
#include "decoder/process_text.h"
#include "decoder/report_html.h"

#define MOST_CALLS   40u
#define MOST_TYPES   60u
#define MOST_THREADS 32u

/* ---- calls --------------------------------------------------------------------------------------- */

static void put_kernel_block(struct vt_report *r)
{
	if (!r->s->metrics.sources[VT_SRC_kernel].available)
		return;
	size_t size = vt_metrics_kernel(&r->s->metrics, NULL, 0) + 1;
	char *text = malloc(size);
	if (!text)
		return;
	vt_metrics_kernel(&r->s->metrics, text, size);
	vt_sink_string(r->out, "<details><summary>Kernel-style statistics, as text</summary><pre>");
	vt_sink_string(r->out, text);   /* labels of ours, and numbers */
	vt_sink_string(r->out, "</pre></details>\n");
	free(text);
}

void vt_report_calls(struct vt_report *r)
{
	const struct vt_call_list *list = &r->s->calls;

	vt_report_section(r, "calls", "Calls");
	if (list->count == 0)
		vt_report_why(r, VT_SRC_kernel);
	if (list->count > 0) {
		vt_table_begin(r->out, "System and library calls, most time first",
		               "Call|Category|#Calls|#Errors|#Total||#Mean|#Least|#Most");
		for (unsigned i = 0; i < list->count && i < MOST_CALLS; i++) {
			const struct vt_call_stat *c = &list->rows[i];
			vt_row(r->out, c->call);
			vt_cell_text(r->out, c->category);
			vt_cell_value(r->out, VT_HTML_COUNT, c->count);
			vt_cell_value(r->out, VT_HTML_COUNT, c->errors);
			vt_cell_value(r->out, VT_HTML_NS, c->time);
			vt_cell_bar(r->out, c->time, list->rows[0].time);
			vt_cell_value(r->out, VT_HTML_NS, c->time / c->count);
			vt_cell_value(r->out, VT_HTML_NS, c->least);
			vt_cell_value(r->out, VT_HTML_NS, c->most);
		}
		vt_table_end(r->out);
	}
	if (list->count > MOST_CALLS)
		vt_sink_printf(r->out, "<p class=\"note\">And %u more.</p>\n", list->count - MOST_CALLS);
	if (list->missed > 0) {
		vt_sink_string(r->out, "<p class=\"note\">And ");
		vt_html_value(r->out, VT_HTML_COUNT, list->missed);
		vt_sink_string(r->out, " calls by threads that had no memory to count them.</p>\n");
	}
	put_kernel_block(r);
	vt_sink_string(r->out, "</section>\n");
}

/* ---- threads ------------------------------------------------------------------------------------- */

static void put_thread(struct vt_report *r, const struct vt_ring_info *ring, uint64_t most)
{
	const uint64_t *paused = vt_pointer_map_get(&r->s->paused, ring->process);
	const struct vt_reader *reader = r->s->in->reader;
	uint64_t events = 0, lost = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		events += ring->decoded[c];
		lost += vt_lost_of(ring->lost, c);
	}
	vt_row(r->out, vt_thread_name_of(ring));
	if (r->s->in->several_processes)
		vt_sink_printf(r->out, "/%" PRIu32, ring->process->pid);
	vt_sink_printf(r->out, "/%" PRIu32 "%s", ring->tid, ring->is_signal ? " (signals)" : "");
	vt_cell_value(r->out, VT_HTML_COUNT, events);
	vt_cell_bar(r->out, events, most);
	vt_cell_value(r->out, VT_HTML_COUNT, lost);
	for (unsigned i = 0; i < 2; i++) {
		if (ring->last == 0) {
			vt_cell_none(r->out);
			continue;
		}
		vt_cell_number(r->out);
		vt_html_seconds(r->out, vt_reader_ns(reader, i == 0 ? ring->first : ring->last));
	}
	if (paused && !ring->is_recorder)
		vt_cell_percent(r->out, *paused, vt_process_length(r->s->in, ring->process));
	else
		vt_cell_none(r->out);
}

void vt_report_threads(struct vt_report *r)
{
	const struct vt_run_info *run = r->s->in->run;
	uint64_t most = 0;

	vt_report_section(r, "threads", "Threads");
	if (run->ring_count == 0)
		vt_sink_string(r->out, "<p class=\"absent\">Not recorded: no thread has told anything.</p>\n");
	vt_report_chart(r, "threads", "Events of each thread over time");
	for (unsigned i = 0; i < run->ring_count; i++) {
		uint64_t events = 0;
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			events += run->rings[i]->decoded[c];
		most = events > most ? events : most;
	}
	if (run->ring_count > 0) {
		vt_table_begin(r->out, "Threads", "Thread|#Events||#Lost|#First|#Last|#Paused");
		for (unsigned i = 0; i < run->ring_count && i < MOST_THREADS; i++)
			put_thread(r, run->rings[i], most);
		vt_table_end(r->out);
	}
	if (run->ring_count > MOST_THREADS)
		vt_sink_printf(r->out, "<p class=\"note\">And %u more: valktrace info --json.</p>\n",
		               run->ring_count - MOST_THREADS);
	vt_sink_string(r->out, "</section>\n");
}

/* ---- types of events ----------------------------------------------------------------------------- */

static void put_type(struct vt_report *r, const struct vt_type_stats *t, uint64_t most)
{
	const char *category = t->process->schema->categories[t->desc->category % VT_MAX_CATEGORIES].name;

	vt_row(r->out, category ? category : "?");
	vt_sink_char(r->out, '.');
	vt_html_text(r->out, t->desc->name);
	vt_cell_value(r->out, VT_HTML_COUNT, t->count);
	vt_cell_bar(r->out, t->count, most);
	if (!t->time || t->time->count == 0) {
		for (unsigned i = 0; i < 4; i++)
			vt_cell_none(r->out);
		return;
	}
	vt_cell_value(r->out, VT_HTML_NS, t->time->sum);
	vt_cell_value(r->out, VT_HTML_NS, vt_histogram_percentile(t->time, 50, 100));
	vt_cell_value(r->out, VT_HTML_NS, vt_histogram_percentile(t->time, 99, 100));
	vt_cell_value(r->out, VT_HTML_NS, t->time->most);
}

void vt_report_events(struct vt_report *r)
{
	uint64_t most = 0;

	vt_report_section(r, "events", "Events");
	if (r->s->row_count == 0)
		vt_sink_string(r->out, "<p class=\"absent\">No events, or none that the filters keep.</p>\n");
	for (size_t i = 0; i < r->s->row_count; i++)
		most = r->s->rows[i]->count > most ? r->s->rows[i]->count : most;
	if (r->s->row_count > 0) {
		vt_table_begin(r->out, "Events by type", "Event|#Count||#Total|#p50|#p99|#Longest");
		for (size_t i = 0; i < r->s->row_count && i < MOST_TYPES; i++)
			put_type(r, r->s->rows[i], most);
		vt_table_end(r->out);
	}
	if (r->s->row_count > MOST_TYPES)
		vt_sink_printf(r->out, "<p class=\"note\">And %zu more types.</p>\n", r->s->row_count - MOST_TYPES);
	vt_sink_string(r->out, "</section>\n");
}
