/* report_gc.c - the section on the garbage collector. */
#include "decoder/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/export.h"
#include "decoder/process_text.h"
#include "decoder/report_html.h"
#include "decoder/units.h"

/* What the cards tell: of the events, or, where events were off, of the counters alone. */
struct cards {
	bool any, cycles, pauses, reclaimed, heap, total;
	uint64_t cycle_count, pause_count, pause_time, pause_max, reclaimed_bytes, heap_used, heap_total;
};

static bool has_events(const struct vt_gc_stats *gc)
{
	return gc->cycles + gc->open + gc->pauses->count + gc->refused > 0;
}

static struct cards cards_of_events(const struct vt_gc_stats *gc)
{
	return (struct cards){
		.any = true, .cycles = true, .pauses = gc->pauses->count > 0, .reclaimed = gc->reclaiming > 0,
		.heap = gc->heap_most > 0, .total = gc->heap_total > 0, .cycle_count = gc->cycles,
		.pause_count = gc->pauses->count, .pause_time = gc->pauses->sum, .pause_max = gc->pauses->most,
		.reclaimed_bytes = gc->reclaimed, .heap_used = gc->heap_last, .heap_total = gc->heap_total,
	};
}

static struct cards cards_of_counters(const struct vt_metrics *m)
{
	return (struct cards){
		.any = m->present[VT_M_gc_cycles], .cycles = m->present[VT_M_gc_cycles],
		.pauses = m->present[VT_M_gc_pauses] && m->values[VT_M_gc_pauses] > 0,
		.reclaimed = m->present[VT_M_gc_reclaimed], .heap = m->present[VT_M_gc_heap_used],
		.total = m->present[VT_M_gc_heap_total], .cycle_count = m->values[VT_M_gc_cycles],
		.pause_count = m->values[VT_M_gc_pauses], .pause_time = m->values[VT_M_gc_pause_time],
		.pause_max = m->values[VT_M_gc_pause_max], .reclaimed_bytes = m->values[VT_M_gc_reclaimed],
		.heap_used = m->values[VT_M_gc_heap_used], .heap_total = m->values[VT_M_gc_heap_total],
	};
}

/* A note below a value, only if events tell of it. */
static void note_us(struct vt_report *r, const char *name, uint64_t ns)
{
	vt_sink_string(r->out, name);
	vt_html_value(r->out, VT_HTML_NS, ns);
}

static void put_pause_cards(struct vt_report *r, const struct cards *c, bool events)
{
	const struct vt_gc_stats *gc = &r->s->gc;

	vt_card(r->out, "Total Pause");
	vt_html_us(r->out, c->pause_time);
	if (events) {
		vt_card_note(r->out);
		vt_html_percent(r->out, c->pause_time, gc->wall);
		vt_sink_string(r->out, " of the time");
	}
	vt_card_end(r->out);
	vt_card(r->out, "Max Pause");
	vt_html_us(r->out, c->pause_max);
	if (events) {
		vt_card_note(r->out);
		vt_sink_printf(r->out, "cycle %" PRIu64 ", at ", gc->worst_cycle);
		vt_html_seconds(r->out, gc->worst_at);
	}
	vt_card_end(r->out);
	vt_card(r->out, "Avg Pause");
	vt_html_us(r->out, events ? vt_histogram_mean(gc->pauses) : c->pause_time / c->pause_count);
	if (events) {
		vt_card_note(r->out);
		note_us(r, "p50 ", vt_histogram_percentile(gc->pauses, 50, 100));
		note_us(r, ", p99 ", vt_histogram_percentile(gc->pauses, 99, 100));
	}
	vt_card_end(r->out);
}

static void put_heap_cards(struct vt_report *r, const struct cards *c, bool events)
{
	if (c->heap) {
		vt_card(r->out, "Heap Used");
		vt_html_value(r->out, VT_HTML_BYTES, c->heap_used);
		if (events) {
			vt_card_note(r->out);
			vt_html_value(r->out, VT_HTML_BYTES, r->s->gc.heap_least);
			vt_sink_string(r->out, " to ");
			vt_html_value(r->out, VT_HTML_BYTES, r->s->gc.heap_most);
		}
		vt_card_end(r->out);
	} else {
		vt_card_none(r->out, "Heap Used");
	}
	if (c->total) {
		vt_card(r->out, "Heap Total");
		vt_html_value(r->out, VT_HTML_BYTES, c->heap_total);
		vt_card_end(r->out);
	} else {
		vt_card_none(r->out, "Heap Total");
	}
	if (c->heap && c->total && c->heap_total > 0) {
		vt_card(r->out, "Utilization");
		vt_html_percent(r->out, c->heap_used, c->heap_total);
		vt_card_end(r->out);
	} else {
		vt_card_none(r->out, "Utilization");
	}
	if (!c->reclaimed) {
		vt_card_none(r->out, "Reclaimed");
		return;
	}
	vt_card(r->out, "Reclaimed");
	vt_html_value(r->out, VT_HTML_BYTES, c->reclaimed_bytes);
	if (events) {
		vt_card_note(r->out);
		vt_html_value(r->out, VT_HTML_BYTES, r->s->gc.reclaimed / r->s->gc.reclaiming);
		vt_sink_string(r->out, " a cycle");
	}
	vt_card_end(r->out);
}

/* Cycles a second of the processes that collected. */
static void put_cycle_rate(struct vt_report *r)
{
	const struct vt_gc_stats *gc = &r->s->gc;

	if (gc->wall == 0 || gc->cycles == 0)
		return;
	vt_u128 tenths = (vt_u128)gc->cycles * 10000000000u / gc->wall;
	vt_card_note(r->out);
	vt_put_grouped(r->out, tenths / 10 > UINT64_MAX ? UINT64_MAX : (uint64_t)(tenths / 10));
	if (tenths < 100)
		vt_sink_printf(r->out, ".%u", (unsigned)(tenths % 10));
	vt_sink_string(r->out, "/s");
}

static void put_cards(struct vt_report *r, const struct cards *c, bool events)
{
	vt_cards_begin(r->out);
	if (c->cycles) {
		vt_card(r->out, "GC Cycles");
		vt_html_value(r->out, VT_HTML_COUNT, c->cycle_count);
		if (events)
			put_cycle_rate(r);
		vt_card_end(r->out);
	} else {
		vt_card_none(r->out, "GC Cycles");
	}
	if (c->pauses) {
		put_pause_cards(r, c, events);
	} else {
		vt_card_none(r->out, "Total Pause");
		vt_card_none(r->out, "Max Pause");
		vt_card_none(r->out, "Avg Pause");
	}
	put_heap_cards(r, c, events);
	vt_cards_end(r->out);
}

/* ---- tables -------------------------------------------------------------------------------------- */

static void put_histogram(struct vt_report *r)
{
	const struct vt_gc_stats *gc = &r->s->gc;
	unsigned first = 0, last = VT_PAUSE_BOUNDS;
	uint64_t most = 0;

	for (unsigned i = 0; i <= VT_PAUSE_BOUNDS; i++)
		most = gc->buckets[i] > most ? gc->buckets[i] : most;
	if (most == 0)
		return;
	while (gc->buckets[first] == 0)
		first++;
	while (gc->buckets[last] == 0)
		last--;
	vt_table_begin(r->out, "Pauses by length", "Shorter than|#Pauses|#Share|");
	for (unsigned i = first; i <= last; i++) {
		bool above = i == VT_PAUSE_BOUNDS;
		vt_row(r->out, above ? "longer" : "");
		if (!above)
			vt_html_bound(r->out, vt_pause_bounds[i]);
		vt_cell_value(r->out, VT_HTML_COUNT, gc->buckets[i]);
		vt_cell_percent(r->out, gc->buckets[i], gc->pauses->count);
		vt_cell_bar(r->out, gc->buckets[i], most);
	}
	vt_table_end(r->out);
}

static void put_percentiles(struct vt_report *r)
{
	static const struct { const char *name; uint64_t parts, of; } rows[] = {
		{ "p50", 50, 100 }, { "p90", 90, 100 }, { "p99", 99, 100 }, { "p99.9", 999, 1000 },
	};
	const struct vt_histogram *h = r->s->gc.pauses;

	if (h->count == 0)
		return;
	vt_table_begin(r->out, "Pause percentiles (\xc2\xb1" "0.8 %)", "|#Length");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		vt_row(r->out, rows[i].name);
		vt_cell_value(r->out, VT_HTML_NS, vt_histogram_percentile(h, rows[i].parts, rows[i].of));
	}
	vt_row(r->out, "longest");
	vt_cell_value(r->out, VT_HTML_NS, h->most);
	vt_row(r->out, "mean");
	vt_cell_value(r->out, VT_HTML_NS, vt_histogram_mean(h));
	vt_row(r->out, "count");
	vt_cell_value(r->out, VT_HTML_COUNT, h->count);
	vt_table_end(r->out);
}

static void put_worst(struct vt_report *r)
{
	if (r->series->worst_count == 0)
		return;
	vt_table_begin(r->out, "Longest pauses", "Ended at|#Length|#Cycle|Thread");
	for (unsigned i = 0; i < r->series->worst_count; i++) {
		const struct vt_worst_pause *w = &r->series->worst[i];
		vt_row(r->out, "");
		vt_html_seconds(r->out, w->at);
		vt_cell_value(r->out, VT_HTML_NS, w->time);
		vt_cell_value(r->out, VT_HTML_COUNT, w->cycle);
		vt_cell_text(r->out, vt_thread_name_of(w->ring));
		vt_sink_printf(r->out, "/%" PRIu32, w->ring->tid);
	}
	vt_table_end(r->out);
}

static void put_phase(struct vt_report *r, const char *name, uint64_t part, uint64_t whole)
{
	vt_row(r->out, name);
	vt_cell_value(r->out, VT_HTML_NS, part);
	vt_cell_percent(r->out, part, whole);
	vt_cell_bar(r->out, part, whole);
}

/* Phases and `other` add up to the time of the cycles; those of a cycle that is open would not. */
static void put_phases(struct vt_report *r)
{
	const struct vt_gc_stats *gc = &r->s->gc;
	uint64_t told = 0;

	for (unsigned i = 0; i < VT_PHASES; i++)
		told += gc->phases[i];
	if (gc->cycles == 0 || told == 0)
		return;
	vt_table_begin(r->out, "Time in cycles", "Phase|#Time|#Share|");
	for (unsigned i = 0; i < VT_PHASES; i++)
		if (gc->phases[i] > 0)
			put_phase(r, vt_phase_names[i], gc->phases[i], told <= gc->time ? gc->time : told);
	if (told <= gc->time)
		put_phase(r, "other", gc->time - told, gc->time);
	put_phase(r, told <= gc->time ? "all" : "cycles that ended", gc->time, gc->time);
	vt_table_end(r->out);
}

static void put_kind(struct vt_report *r, const char *name, uint64_t count)
{
	if (count == 0)
		return;
	vt_row(r->out, name);
	vt_cell_value(r->out, VT_HTML_COUNT, count);
}

static void put_kinds(struct vt_report *r)
{
	static const char *const reasons[] = { NULL, "fell back: dirty pages", "fell back: late slice",
	                                       "fell back: worklist", "fell back: barrier" };
	const struct vt_gc_stats *gc = &r->s->gc;

	vt_table_begin(r->out, "Cycles by kind", "Kind|#Count");
	put_kind(r, "minor", gc->types[VT_gc_type_minor]);
	put_kind(r, "major", gc->types[VT_gc_type_major]);
	put_kind(r, "incremental", gc->types[VT_gc_type_incremental_major]);
	put_kind(r, "type unknown", gc->types[VT_gc_type_none]);
	put_kind(r, "open at the end", gc->open);
	put_kind(r, "without their begin", gc->unmatched);
	put_kind(r, "slices", gc->slices);
	for (unsigned i = 1; i < sizeof(reasons) / sizeof(*reasons); i++)
		put_kind(r, reasons[i], gc->fallbacks[i]);
	put_kind(r, "asked for, did not happen", gc->refused);
	vt_table_end(r->out);
}

/* Where events were off: what the collector's counters know, of which there is more than the cards tell. */
static void put_counted(struct vt_report *r)
{
	static const struct { const char *name; unsigned metric; } phases[] = {
		{ "clear", VT_M_gc_clear_time }, { "mark", VT_M_gc_mark_time }, { "sweep", VT_M_gc_sweep_time },
		{ "mark_sweep", VT_M_gc_mark_sweep_time }, { "other", VT_M_gc_other_time },
	};
	const struct vt_metrics *m = &r->s->metrics;

	vt_report_buckets(r, "Pauses by length", "Pauses", VT_M_gc_pause_10us, VT_M_gc_pause_inf);
	if (m->present[VT_M_gc_time] && m->values[VT_M_gc_time] > 0) {
		vt_table_begin(r->out, "Time in cycles", "Phase|#Time|#Share|");
		for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++)
			if (m->present[phases[i].metric] && m->values[phases[i].metric] > 0)
				put_phase(r, phases[i].name, m->values[phases[i].metric], m->values[VT_M_gc_time]);
		put_phase(r, "all", m->values[VT_M_gc_time], m->values[VT_M_gc_time]);
		vt_table_end(r->out);
	}
	vt_table_begin(r->out, "Cycles by kind", "Kind|#Count");
	put_kind(r, "minor", m->values[VT_M_gc_minor]);
	put_kind(r, "major", m->values[VT_M_gc_major]);
	put_kind(r, "incremental", m->values[VT_M_gc_incremental]);
	put_kind(r, "slices", m->values[VT_M_gc_slices]);
	put_kind(r, "asked for, did not happen", m->values[VT_M_gc_refused]);
	vt_table_end(r->out);
}

/* Counters lose nothing: beside a loss of events they say how much of it the cards know. */
static void put_loss(struct vt_report *r)
{
	const struct vt_metrics *m = &r->s->metrics;
	uint64_t lost = vt_lost_of(r->s->in->run->lost, VT_CAT_gc);

	if (lost == 0)
		return;
	vt_sink_string(r->out, "<p class=\"status bad\">");
	vt_html_value(r->out, VT_HTML_COUNT, lost);
	vt_sink_string(r->out, " events of the collector were lost: counts are at least these, the longest pause at "
	               "least this.");
	if (m->present[VT_M_gc_cycles] && m->present[VT_M_gc_pause_max]) {
		vt_sink_string(r->out, " Its counters, which lose nothing, say ");
		vt_html_value(r->out, VT_HTML_COUNT, m->values[VT_M_gc_cycles]);
		vt_sink_string(r->out, " cycles, longest pause ");
		vt_html_value(r->out, VT_HTML_NS, m->values[VT_M_gc_pause_max]);
		vt_sink_char(r->out, '.');
	}
	vt_sink_string(r->out, "</p>\n");
}

void vt_report_gc(struct vt_report *r)
{
	bool events = has_events(&r->s->gc);
	struct cards c = events ? cards_of_events(&r->s->gc) : cards_of_counters(&r->s->metrics);

	vt_report_section(r, "gc", "Garbage Collector");
	put_loss(r);
	put_cards(r, &c, events);
	if (!c.any) {
		vt_report_why(r, VT_SRC_gc);
	} else if (!events) {
		vt_sink_string(r->out, "<p class=\"note\">From counters: no events of the collector were recorded."
		               "</p>\n");
	}
	vt_sink_string(r->out, "<div class=\"charts\">\n");
	vt_report_chart(r, "pauses", "Pauses");
	vt_report_chart(r, "paused", "Share of the time paused");
	vt_report_chart(r, "heap", "Heap in use");
	vt_sink_string(r->out, "</div>\n");
	vt_sink_string(r->out, "<div class=\"tables\">\n");
	if (events) {
		put_histogram(r);
		put_percentiles(r);
		put_worst(r);
		put_phases(r);
		put_kinds(r);
	} else if (c.cycles && c.cycle_count > 0) {
		put_counted(r);
	}
	vt_sink_string(r->out, "</div>\n</section>\n");
}
