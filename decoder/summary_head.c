/* summary_head.c - the first lines: which run, how complete; and the last: what is not in it. */
#include <stdlib.h>
#include <string.h>

#include "decoder/export.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"

#define MOST_THREADS 32u
#define TITLE_END    78u

void vt_summary_title(struct vt_summary *s, const char *title, const char *right)
{
	size_t line, n = strlen(right);

	vt_sink_char(s->out, '\n');
	vt_sink_role(s->out, VT_ROLE_HEADING);
	line = s->out->used;
	vt_sink_printf(s->out, "--- %s ---", title);
	if (n > 0) {
		vt_sink_blanks(s->out, 2);
		vt_put_column(s->out, line, n < TITLE_END ? TITLE_END - n : 0);
		vt_sink_string(s->out, right);
	}
	vt_sink_role(s->out, VT_ROLE_END);
	vt_sink_char(s->out, '\n');
}

void vt_summary_line(struct vt_summary *s, const char *heading)
{
	vt_sink_char(s->out, '\n');
	vt_sink_role(s->out, VT_ROLE_HEADING);
	vt_sink_bytes(s->out, heading + 1, strlen(heading) - 2);
	vt_sink_role(s->out, VT_ROLE_END);
	vt_sink_char(s->out, '\n');
}

unsigned vt_summary_threads_of(const struct vt_run_info *run)
{
	unsigned threads = 0;

	for (unsigned i = 0; i < run->ring_count; i++)
		threads += !run->rings[i]->is_signal && !run->rings[i]->is_recorder;
	return threads;
}

/* What stands before the first colon: nothing below it is to be read without it. */
static const char *const states[] = {
	[VT_COMPLETE] = "complete", [VT_COMPLETE_TO_LAST] = "complete to the last event",
	[VT_CUT_OFF] = "INCOMPLETE, cut off before its end", [VT_WITH_LOSS] = "INCOMPLETE",
	[VT_PARTS_MISSING] = "INCOMPLETE, parts of it are missing", [VT_UNTRACED] = "NOTHING RECORDED",
	[VT_DAMAGED] = "DAMAGED",
};

void vt_summary_completeness(struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;
	const struct vt_process_info *p = vt_main_process(run);
	unsigned threads = vt_summary_threads_of(run);

	vt_sink_role(s->out, s->completeness > VT_COMPLETE_TO_LAST ? VT_ROLE_BAD : VT_ROLE_GOOD);
	vt_sink_string(s->out, states[s->completeness]);
	vt_sink_role(s->out, VT_ROLE_END);
	vt_sink_string(s->out, ": ");
	vt_put_grouped(s->out, vt_decoded_all(run));
	vt_sink_string(s->out, " events, ");
	vt_put_grouped(s->out, s->lost);
	vt_sink_string(s->out, " lost");
	if (s->lost > 0) {
		vt_sink_string(s->out, " (");
		vt_put_percent(s->out, s->lost, vt_decoded_all(run) + s->lost);
		vt_sink_char(s->out, ')');
	}
	vt_sink_printf(s->out, ", %u thread%s, coverage ", threads, threads == 1 ? "" : "s");
	bool nothing = s->lost > 0 || (p && vt_fact_value(p, "untraced"));
	if (s->lived > 0)
		vt_put_percent(s->out, s->covered, s->lived);
	else
		vt_sink_string(s->out, nothing ? "0 %" : "100 %");
	vt_sink_char(s->out, '\n');
}

void vt_summary_head(struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;
	const struct vt_process_info *p = vt_main_process(run);
	size_t line = s->out->used;

	const char *slash = strrchr(s->in->name, '/');
	vt_put_name(s->out, slash && slash[1] ? slash + 1 : s->in->name);
	vt_sink_blanks(s->out, 2);
	vt_put_column(s->out, line, 19);
	if (p) {
		vt_program_text(s->out, p);
		vt_sink_string(s->out, ", ");
		line += vt_sink_role(s->out, p->ending == VT_END_SIGNAL ? VT_ROLE_BAD : VT_ROLE_PLAIN);
		vt_ending_text(s->out, p);
		line += vt_sink_role(s->out, VT_ROLE_END);
	}
	if (run->process_count > 1)
		vt_sink_printf(s->out, ", %u processes", run->process_count);
	if (s->out->used - line > 43) {
		vt_sink_char(s->out, '\n');
		line = s->out->used;
	}
	vt_sink_blanks(s->out, 2);
	vt_put_column(s->out, line, 45);
	vt_put_utc(s->out, run->realtime, 0);
	vt_sink_string(s->out, ", ");
	vt_put_seconds(s->out, s->length, 3);
	vt_sink_string(s->out, " s\n");

	vt_summary_completeness(s);
	if (s->filtered) {
		vt_sink_string(s->out, "of these the filters keep ");
		vt_put_grouped(s->out, s->events);
		vt_sink_string(s->out, "; filters by event and value do not apply here\n");
	}
}

void vt_summary_kernel(struct vt_summary *s)
{
	if (!s->metrics.sources[VT_SRC_kernel].available)
		return;
	size_t size = vt_metrics_kernel(&s->metrics, NULL, 0) + 1;
	char *text = malloc(size);
	if (!text)
		return;
	vt_metrics_kernel(&s->metrics, text, size);
	vt_sink_char(s->out, '\n');
	vt_sink_string(s->out, text);
	free(text);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void put_moment(struct vt_summary *s, uint64_t ticks)
{
	struct vt_sink text;

	if (vt_sink_memory(&text))
		return;
	vt_put_seconds(&text, vt_reader_ns(s->in->reader, ticks), 3);
	vt_sink_blanks(s->out, text.used < 9 ? 9 - text.used : 1);
	vt_sink_bytes(s->out, text.buffer, text.used);
	vt_sink_discard(&text);
}

static void print_thread(struct vt_summary *s, const struct vt_ring_info *ring)
{
	size_t line = s->out->used;
	uint64_t events = 0, lost = 0;
	const uint64_t *paused = vt_pointer_map_get(&s->paused, ring->process);

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		events += ring->decoded[c];
		lost += vt_lost_of(ring->lost, c);
	}
	vt_thread_label(s->out, s->in, ring);
	if (ring->is_signal)
		vt_sink_string(s->out, " (signals)");
	vt_put_column(s->out, line, 20);
	vt_put_right(s->out, events, 13);
	vt_put_right(s->out, lost, 10);
	if (ring->last > 0) {
		put_moment(s, ring->first);
		put_moment(s, ring->last);
	} else {
		vt_sink_string(s->out, "        -        -");
	}
	if (paused && !ring->is_recorder) {
		vt_sink_blanks(s->out, 3);
		vt_put_percent(s->out, *paused, vt_process_length(s->in, ring->process));
	}
	vt_sink_char(s->out, '\n');
}

void vt_summary_threads(struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;

	if (run->ring_count == 0)
		return;
	vt_summary_line(s, "\n--- Threads ---             events      lost    first     last   "
	                   "paused\n");
	for (unsigned i = 0; i < run->ring_count && i < MOST_THREADS; i++)
		print_thread(s, run->rings[i]);
	if (run->ring_count > MOST_THREADS) {
		vt_sink_string(s->out, "and ");
		vt_put_grouped(s->out, run->ring_count - MOST_THREADS);
		vt_sink_string(s->out, " more: valktrace info --json\n");
	}
}

/* ---- not recorded -------------------------------------------------------------------------- */

static bool has_events(const struct vt_summary *s, const char *source)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *name = s->metrics.schema->categories[c].name;
		if (name && s->in->run->decoded[c] > 0 && strcmp(name, source) == 0)
			return true;
	}
	return false;
}

static bool has_writer(const struct vt_summary *s, unsigned source)
{
	if (s->metrics.sources[source].known)
		return s->metrics.sources[source].available;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (s->metrics.present[i] && s->metrics.schema->metrics[i].source == source)
			return true;
	return false;
}

bool vt_summary_is_absent(const struct vt_summary *s, unsigned source)
{
	const char *name = s->metrics.schema->sources[source].name;

	return name && !has_writer(s, source) && !has_events(s, name);
}

static void print_absent(struct vt_summary *s, const char *what, const char *reason)
{
	size_t line = s->out->used;

	vt_put_name(s->out, what);
	vt_sink_blanks(s->out, 1);
	vt_put_column(s->out, line, 11);
	vt_put_name(s->out, reason);
	vt_sink_char(s->out, '\n');
}

void vt_summary_absent(struct vt_summary *s)
{
	const struct vt_schema *schema = s->metrics.schema;
	const struct vt_process_info *p = vt_main_process(s->in->run);
	const char *untraced = p ? vt_fact_value(p, "untraced") : NULL;
	bool any = false;

	if (untraced && vt_decoded_all(s->in->run) == 0) {
		const char *advice = vt_fact_value(p, "try");
		vt_summary_title(s, "Not recorded", "");
		print_absent(s, "all of it", untraced);
		if (advice)
			print_absent(s, "try", advice);
		return;
	}
	const char *missing = p ? vt_fact_value(p, "missing") : NULL;
	if (missing) {
		vt_summary_title(s, "Not recorded", "");
		print_absent(s, "processes", missing);
		any = true;
	}
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		const char *reason = s->metrics.sources[i].reason;
		/* What is off by default is no news; --json and Prometheus have it. */
		if (!vt_summary_is_absent(s, i) || (reason && strncmp(reason, "not asked for", 13) == 0))
			continue;
		if (!any)
			vt_summary_title(s, "Not recorded", "");
		any = true;
		bool told = s->metrics.sources[i].known && reason && *reason;
		print_absent(s, schema->sources[i].name, told ? reason : "nothing in this run told of it");
	}
}
