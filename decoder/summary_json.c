/*
 * summary_json.c - the summary as one line of JSON, from what the pages are printed from.
 *
 * Only maps with keys, so that nothing hangs on an order; ns and bytes, in keys that say so. What
 * could come twice under one name (a pid used again, a type of the same name) gets "#" and its
 * number. A key that is not there means that nothing told of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/metrics_labels.h"
#include "decoder/jsonw.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"

#define JSON_VERSION 1u
#define KEY_MOST     (8 * VT_MAX_NAME)

static const char *const states[] = {
	[VT_COMPLETE] = "complete", [VT_COMPLETE_TO_LAST] = "complete_to_last_event",
	[VT_CUT_OFF] = "cut_off", [VT_WITH_LOSS] = "incomplete",
	[VT_PARTS_MISSING] = "parts_missing", [VT_UNTRACED] = "nothing_recorded", [VT_DAMAGED] = "damaged",
};

static const char *category_key(const struct vt_run_info *run, unsigned category, char spare[8])
{
	const char *name = vt_category_name(run, category % VT_MAX_CATEGORIES);

	snprintf(spare, 8, "#%u", category % VT_MAX_CATEGORIES);
	return name ? name : spare;
}

static void process_key(const struct vt_run_info *run, const struct vt_process_info *p,
                        char key[KEY_MOST])
{
	snprintf(key, KEY_MOST, "%" PRIu32, p->pid);
	for (unsigned i = 0; i < run->process_count && run->processes[i] != p; i++)
		if (run->processes[i]->pid == p->pid)
			snprintf(key, KEY_MOST, "%" PRIu32 "#%" PRIu32, p->pid, p->index);
}

static void thread_key(const struct vt_run_info *run, const struct vt_ring_info *ring,
                       char key[KEY_MOST])
{
	char process[KEY_MOST];
	const char *kind = ring->is_signal ? "/signals" : "";
	bool again = false;

	process_key(run, ring->process, process);
	for (unsigned i = 0; i < run->ring_count && run->rings[i] != ring; i++)
		again |= run->rings[i]->process == ring->process && run->rings[i]->tid == ring->tid &&
		         run->rings[i]->is_signal == ring->is_signal;
	if (again)
		snprintf(key, KEY_MOST, "%.100s/%" PRIu32 "%s#%" PRIu32, process, ring->tid, kind,
		         ring->id);
	else
		snprintf(key, KEY_MOST, "%.100s/%" PRIu32 "%s", process, ring->tid, kind);
}

static void put_ns(struct vt_json *j, const struct vt_summary *s, const char *key, uint64_t ticks)
{
	vt_json_put_u64(j, key, vt_reader_ns(s->in->reader, ticks));
}

static void put_ending(struct vt_json *j, const struct vt_process_info *p)
{
	vt_json_put_string(j, "ending", vt_ending_word(p->ending));
	if (p->ending == VT_END_EXIT)
		vt_json_put_u64(j, "exit_code", p->status);
	if (p->ending == VT_END_SIGNAL)
		vt_json_put_u64(j, "signal", p->status);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void put_head(struct vt_json *j, const struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;
	const struct vt_process_info *p = vt_main_process(run);
	char text[20];

	vt_json_put_u64(j, "version", JSON_VERSION);
	snprintf(text, sizeof(text), "%016" PRIx64, run->run);
	vt_json_put_string(j, "run", text);
	vt_json_put_string(j, "file", s->in->name);
	vt_json_put_u64(j, "start_unix_ns", run->realtime);
	vt_json_put_u64(j, "length_ns", s->length);
	if (!p)
		return;
	const char *name = vt_fact_value(p, "program"), *version = vt_fact_value(p, "version");
	vt_json_put_string(j, "program", name ? name : p->program);
	if (version)
		vt_json_put_string(j, "program_version", version);
	vt_json_put_u64(j, "pid", p->pid);
	put_ending(j, p);
}

/* By cause and category: each sum of it is one that the text shows. */
static void put_losses(struct vt_json *j, const struct vt_run_info *run)
{
	char spare[8];

	vt_json_open(j, "lost_by_cause", '{');
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++) {
		uint64_t sum = vt_lost_to(run, cause);
		if (sum == 0)
			continue;
		vt_json_open(j, vt_cause_name(cause), '{');
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			if (run->lost[cause][c] > 0)
				vt_json_put_u64(j, category_key(run, c, spare), run->lost[cause][c]);
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
	vt_json_open(j, "categories", '{');
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t lost = vt_lost_of(run->lost, c);
		if (run->decoded[c] == 0 && lost == 0)
			continue;
		vt_json_open(j, category_key(run, c, spare), '{');
		vt_json_put_u64(j, "events", run->decoded[c]);
		vt_json_put_u64(j, "lost", lost);
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
}

static void put_completeness(struct vt_json *j, const struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;

	vt_json_open(j, "completeness", '{');
	vt_json_put_string(j, "state", states[s->completeness]);
	vt_json_put_u64(j, "events", vt_decoded_all(run));
	vt_json_put_u64(j, "lost", s->lost);
	vt_json_put_u64(j, "threads", vt_summary_threads_of(run));
	vt_json_put_u64(j, "covered_ns", s->covered);
	vt_json_put_u64(j, "lived_ns", s->lived);
	vt_json_put_bool(j, "closed", run->closed);
	vt_json_put_u64(j, "parts", run->parts);
	vt_json_put_u64(j, "parts_missing", run->parts_missing);
	vt_json_put_bool(j, "damaged", run->damaged);
	vt_json_put_u64(j, "damaged_bytes", run->damaged_bytes);
	if (s->filtered)
		vt_json_put_u64(j, "kept_by_filters", s->events);
	put_losses(j, run);
	vt_json_close(j, '}');
}

/* ---- the collector --------------------------------------------------------------------------- */

static void put_pauses(struct vt_json *j, const struct vt_gc_stats *gc)
{
	const struct vt_histogram *h = gc->pauses;
	char bound[24];

	vt_json_open(j, "pauses", '{');
	vt_json_put_u64(j, "count", h->count);
	if (h->count > 0) {
		vt_json_put_u64(j, "total_ns", h->sum);
		vt_json_put_u64(j, "mean_ns", vt_histogram_mean(h));
		vt_json_put_u64(j, "max_ns", h->most);
		vt_json_put_u64(j, "max_cycle", gc->worst_cycle);
		vt_json_put_u64(j, "max_at_ns", gc->worst_at);
		vt_json_put_u64(j, "p50_ns", vt_histogram_percentile(h, 50, 100));
		vt_json_put_u64(j, "p90_ns", vt_histogram_percentile(h, 90, 100));
		vt_json_put_u64(j, "p99_ns", vt_histogram_percentile(h, 99, 100));
		vt_json_put_u64(j, "p99_9_ns", vt_histogram_percentile(h, 999, 1000));
	}
	/* "1" is the last, "2" the one before it. */
	vt_json_open(j, "last_ns", '{');
	for (unsigned i = 0; i < VT_LAST_PAUSES && i < h->count; i++) {
		snprintf(bound, sizeof(bound), "%u", i + 1);
		vt_json_put_u64(j, bound, gc->last[VT_LAST_PAUSES - 1 - i]);
	}
	vt_json_close(j, '}');
	/* Pauses below the bound and not below the one before it: they add up to the count. */
	vt_json_open(j, "buckets_below_ns", '{');
	for (unsigned i = 0; i <= VT_PAUSE_BOUNDS; i++) {
		if (gc->buckets[i] == 0)
			continue;
		snprintf(bound, sizeof(bound), "%" PRIu64,
		         i < VT_PAUSE_BOUNDS ? vt_pause_bounds[i] : 0);
		vt_json_put_u64(j, i < VT_PAUSE_BOUNDS ? bound : "inf", gc->buckets[i]);
	}
	vt_json_close(j, '}');
	vt_json_close(j, '}');
}

static void put_phases(struct vt_json *j, const struct vt_gc_stats *gc)
{
	uint64_t told = 0;

	vt_json_put_u64(j, "time_ns", gc->time);
	vt_json_open(j, "phases_ns", '{');
	for (unsigned i = 0; i < VT_PHASES; i++) {
		if (gc->phases[i] > 0)
			vt_json_put_u64(j, vt_phase_names[i], gc->phases[i]);
		told += gc->phases[i];
	}
	if (told > 0 && told <= gc->time)
		vt_json_put_u64(j, "other", gc->time - told);
	vt_json_close(j, '}');
}

static void put_heap(struct vt_json *j, const struct vt_gc_stats *gc)
{
	if (gc->heap_most > 0) {
		vt_json_open(j, "heap", '{');
		vt_json_put_u64(j, "used_least_bytes", gc->heap_least);
		vt_json_put_u64(j, "used_most_bytes", gc->heap_most);
		vt_json_put_u64(j, "used_last_bytes", gc->heap_last);
		if (gc->heap_total > 0)
			vt_json_put_u64(j, "total_bytes", gc->heap_total);
		vt_json_close(j, '}');
	}
	if (gc->reclaiming > 0) {
		vt_json_put_u64(j, "reclaimed_bytes", gc->reclaimed);
		vt_json_put_u64(j, "reclaimed_cycles", gc->reclaiming);
	}
}

static void put_fallbacks(struct vt_json *j, const struct vt_gc_stats *gc)
{
	static const char *const reasons[] = { NULL, "dirty_pages_exceeded", "slice_timeout",
	                                       "worklist_unbounded", "satb_buffer_overflow" };

	vt_json_open(j, "fallbacks", '{');
	for (unsigned i = 1; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (gc->fallbacks[i] > 0)
			vt_json_put_u64(j, reasons[i], gc->fallbacks[i]);
	vt_json_close(j, '}');
}

static void put_gc(struct vt_json *j, const struct vt_summary *s)
{
	static const char *const types[4] = { "unknown", "minor", "major", "incremental" };
	const struct vt_gc_stats *gc = &s->gc;
	const struct vt_process_info *p = vt_main_process(s->in->run);
	const char *probe = p ? vt_fact_value(p, "probe") : NULL;

	if (gc->cycles + gc->open + gc->pauses->count + gc->refused == 0)
		return;
	vt_json_open(j, "gc", '{');
	if (probe)
		vt_json_put_string(j, "probe", probe);
	vt_json_put_u64(j, "wall_ns", gc->wall);
	vt_json_put_u64(j, "cycles", gc->cycles);
	vt_json_put_u64(j, "cycles_open", gc->open);
	vt_json_put_u64(j, "cycles_without_begin", gc->unmatched);
	vt_json_put_u64(j, "refused", gc->refused);
	vt_json_open(j, "types", '{');
	for (unsigned i = 0; i < 4; i++)
		if (gc->types[i] > 0)
			vt_json_put_u64(j, types[i], gc->types[i]);
	vt_json_close(j, '}');
	put_pauses(j, gc);
	vt_json_put_u64(j, "slices", gc->slices);
	put_fallbacks(j, gc);
	put_phases(j, gc);
	put_heap(j, gc);
	vt_json_close(j, '}');
}

/* ---- counters and events --------------------------------------------------------------------- */

/* The name says what it counts, its end in what: loop_idle_time_ns. */
static void put_counters(struct vt_json *j, const struct vt_summary *s)
{
	char key[KEY_MOST];

	vt_json_open(j, "counters", '{');
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *m = &s->metrics.schema->metrics[i];
		if (!s->metrics.present[i] || !m->name || m->kind == VT_METRIC_BUCKET)
			continue;
		snprintf(key, sizeof(key), "%.*s%s", (int)VT_MAX_NAME, m->name,
		         m->unit == VT_UNIT_NS ? "_ns" : m->unit == VT_UNIT_BYTES ? "_bytes" :
		         m->unit == VT_UNIT_MILLI ? "_milli" : m->unit == VT_UNIT_PPM ? "_ppm" : "");
		vt_json_put_u64(j, key, s->metrics.values[i]);
	}
	vt_json_close(j, '}');
}

/* le="0.001" alone is "0.001"; with labels before it, all of them. */
static void bucket_key(const char *labels, char key[VT_MAX_HELP + 1])
{
	const char *le = vt_labels_le(labels);
	size_t length = strlen(labels);

	if (le == labels && length > 5)
		snprintf(key, VT_MAX_HELP + 1, "%.*s", (int)(length - 5), labels + 4);
	else
		snprintf(key, VT_MAX_HELP + 1, "%s", labels);
}

/* Of each bucket those above the bound of the one before it: they add up to the count. */
static void put_histogram(struct vt_json *j, const struct vt_summary *s, const char *family)
{
	char key[VT_MAX_HELP + 1];
	uint64_t count = 0;

	vt_json_open(j, family, '{');
	vt_json_open(j, "buckets_up_to", '{');
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_metric_desc *m = &s->metrics.schema->metrics[i];
		if (!m->name || m->kind != VT_METRIC_BUCKET || strcmp(m->family, family) != 0 ||
		    s->metrics.values[i] == 0)
			continue;
		bucket_key(m->labels, key);
		vt_json_put_u64(j, key, s->metrics.values[i]);
		count += s->metrics.values[i];
	}
	vt_json_close(j, '}');
	vt_json_put_u64(j, "count", count);
	vt_json_close(j, '}');
}

static void put_histograms(struct vt_json *j, const struct vt_summary *s)
{
	const struct vt_metric_desc *metrics = s->metrics.schema->metrics;

	vt_json_open(j, "histograms", '{');
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		bool again = !metrics[i].name || metrics[i].kind != VT_METRIC_BUCKET ||
		             !s->metrics.present[i];
		for (unsigned k = 0; k < i && !again; k++)
			again = metrics[k].name && metrics[k].kind == VT_METRIC_BUCKET &&
			        s->metrics.present[k] && strcmp(metrics[k].family, metrics[i].family) == 0;
		if (!again)
			put_histogram(j, s, metrics[i].family);
	}
	vt_json_close(j, '}');
}

/* A name that two categories have gets the second one behind it: "close#ipc". */
static void put_calls(struct vt_json *j, const struct vt_summary *s)
{
	char key[KEY_MOST];

	if (s->calls.count == 0)
		return;
	vt_json_open(j, "calls", '{');
	for (unsigned i = 0; i < s->calls.count; i++) {
		const struct vt_call_stat *c = &s->calls.rows[i];
		bool again = false;
		for (unsigned k = 0; k < i && !again; k++)
			again = strcmp(s->calls.rows[k].call, c->call) == 0;
		snprintf(key, sizeof(key), again ? "%.64s#%.64s" : "%.64s", c->call, c->category);
		vt_json_open(j, key, '{');
		vt_json_put_string(j, "category", c->category);
		vt_json_put_u64(j, "count", c->count);
		vt_json_put_u64(j, "errors", c->errors);
		vt_json_put_u64(j, "total_ns", c->time);
		vt_json_put_u64(j, "errors_ns", c->error_time);
		vt_json_put_u64(j, "mean_ns", c->time / c->count);
		vt_json_put_u64(j, "min_ns", c->least);
		vt_json_put_u64(j, "max_ns", c->most);
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
	if (s->calls.missed > 0)
		vt_json_put_u64(j, "calls_missed", s->calls.missed);
}

static void type_key(const struct vt_process_info *p, const struct vt_event_desc *desc,
                     char key[KEY_MOST])
{
	const char *category = p->schema->categories[desc->category % VT_MAX_CATEGORIES].name;
	char spare[8];

	snprintf(spare, sizeof(spare), "#%u", desc->category % VT_MAX_CATEGORIES);
	snprintf(key, KEY_MOST, "%.64s.%.64s", category ? category : spare, desc->name);
}

static void put_type(struct vt_json *j, const struct vt_summary *s, size_t row)
{
	const struct vt_type_stats *t = s->rows[row];
	char key[KEY_MOST], other[KEY_MOST];

	type_key(t->process, t->desc, key);
	for (size_t i = 0; i < row; i++) {
		type_key(s->rows[i]->process, s->rows[i]->desc, other);
		if (strcmp(key, other) != 0)
			continue;
		snprintf(key + strlen(key), 16, "#%u", t->desc->id);
		break;
	}
	vt_json_open(j, key, '{');
	vt_json_put_u64(j, "count", t->count);
	if (t->time && t->time->count > 0) {
		vt_json_put_u64(j, "total_ns", t->time->sum);
		vt_json_put_u64(j, "p50_ns", vt_histogram_percentile(t->time, 50, 100));
		vt_json_put_u64(j, "p99_ns", vt_histogram_percentile(t->time, 99, 100));
		vt_json_put_u64(j, "max_ns", t->time->most);
	}
	vt_json_close(j, '}');
}

/* ---- processes and threads ------------------------------------------------------------------- */

/* Of a process that did not end by itself: the event as the text has it. */
static void put_last_event(struct vt_json *j, struct vt_summary *s, const struct vt_process_info *p)
{
	const struct vt_ring_info *ring = vt_summary_last_ring(s->in->run, p);
	struct vt_sink text, *out = s->out;
	char key[KEY_MOST];

	if (!ring || !vt_ending_is_abrupt(p) || vt_sink_memory(&text))
		return;
	s->out = &text;
	vt_summary_event_at(s, ring, ring->last);
	s->out = out;
	thread_key(s->in->run, ring, key);
	vt_json_open(j, "last_event", '{');
	vt_json_put_string(j, "thread", key);
	put_ns(j, s, "at_ns", ring->last);
	vt_json_put_string(j, "event", vt_sink_text(&text));
	vt_json_close(j, '}');
	vt_sink_discard(&text);
}

static void put_process(struct vt_json *j, struct vt_summary *s, const struct vt_process_info *p)
{
	const uint64_t *paused = vt_pointer_map_get(&s->paused, p);
	char key[KEY_MOST];

	process_key(s->in->run, p, key);
	vt_json_open(j, key, '{');
	vt_json_put_string(j, "program", p->program);
	put_ending(j, p);
	vt_json_put_bool(j, "recovered", p->recovered);
	put_ns(j, s, "start_ns", p->start);
	if (p->end > 0)
		put_ns(j, s, "end_ns", p->end);
	vt_json_put_u64(j, "length_ns", vt_process_length(s->in, p));
	if (paused)
		vt_json_put_u64(j, "paused_ns", *paused);
	vt_summary_json_use(j, s, p);
	put_last_event(j, s, p);
	vt_json_close(j, '}');
}

/* What was open when the thread's process died, by how deep it was. */
static void put_open_spans(struct vt_json *j, const struct vt_summary *s,
                           const struct vt_ring_info *ring)
{
	const struct vt_process_info *p = ring->process;
	uint64_t end = vt_reader_ns(s->in->reader, p->end > 0 ? p->end : s->in->run->last);
	unsigned depth = 0;
	char key[KEY_MOST], number[16];

	for (size_t i = 0; i < s->open.count; i++) {
		const struct vt_end_span *e = &s->open.items[i];
		if (e->ring != ring)
			continue;
		uint64_t since = vt_reader_ns(s->in->reader, e->span.ticks);
		if (depth == 0)
			vt_json_open(j, "open_at_end", '{');
		snprintf(number, sizeof(number), "%u", depth++);
		vt_json_open(j, number, '{');
		type_key(p, e->span.desc, key);
		vt_json_put_string(j, "event", key);
		vt_json_put_u64(j, "since_ns", since);
		vt_json_put_u64(j, "at_most_ns", end > since ? end - since : 0);
		vt_json_close(j, '}');
	}
	if (depth > 0)
		vt_json_close(j, '}');
}

static void put_thread(struct vt_json *j, const struct vt_summary *s,
                       const struct vt_ring_info *ring)
{
	uint64_t events = 0, lost = 0;
	char key[KEY_MOST];

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		events += ring->decoded[c];
		lost += vt_lost_of(ring->lost, c);
	}
	thread_key(s->in->run, ring, key);
	vt_json_open(j, key, '{');
	vt_json_put_string(j, "name", *ring->name ? ring->name : ring->process->program);
	vt_json_put_u64(j, "events", events);
	vt_json_put_u64(j, "lost", lost);
	if (ring->last > 0) {
		put_ns(j, s, "first_ns", ring->first);
		put_ns(j, s, "last_ns", ring->last);
	}
	put_open_spans(j, s, ring);
	vt_json_close(j, '}');
}

static void put_absent(struct vt_json *j, const struct vt_summary *s)
{
	vt_json_open(j, "not_recorded", '{');
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		const char *reason = s->metrics.sources[i].reason;
		if (!vt_summary_is_absent(s, i))
			continue;
		vt_json_put_string(j, s->metrics.schema->sources[i].name,
		                   s->metrics.sources[i].known && reason && *reason
		                   ? reason : "nothing in this run told of it");
	}
	vt_json_close(j, '}');
}

void vt_summary_json(struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;
	struct vt_json j = { .out = s->out, .compact = true };

	vt_json_open(&j, NULL, '{');
	put_head(&j, s);
	put_completeness(&j, s);
	put_gc(&j, s);
	vt_summary_warned_json(&j, s);
	put_counters(&j, s);
	vt_summary_functions_json(&j, s);
	put_histograms(&j, s);
	vt_summary_json_kernel(&j, s);
	vt_summary_json_states(&j, s);
	put_calls(&j, s);
	vt_json_open(&j, "events", '{');
	for (size_t i = 0; i < s->row_count; i++)
		put_type(&j, s, i);
	vt_json_close(&j, '}');
	vt_json_open(&j, "processes", '{');
	for (unsigned i = 0; i < run->process_count; i++)
		put_process(&j, s, run->processes[i]);
	vt_json_close(&j, '}');
	vt_json_open(&j, "threads", '{');
	for (unsigned i = 0; i < run->ring_count; i++)
		put_thread(&j, s, run->rings[i]);
	vt_json_close(&j, '}');
	put_absent(&j, s);
	vt_json_close(&j, '}');
	vt_sink_char(s->out, '\n');
}
