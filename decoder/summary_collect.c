/* summary_collect.c - a pass over the columns, one over the gaps if there are any, one over gc. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/process_text.h"
#include "decoder/progress.h"
#include "decoder/summary.h"
#include "decoder/why.h"

static struct vt_type_stats *stats_of(struct vt_summary *s, const struct vt_batch *batch,
                                      const struct vt_event_desc *desc)
{
	struct vt_type_stats *stats = vt_pointer_map_get(&s->types, desc);

	if (stats)
		return stats;
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return NULL;
	stats->desc = desc;
	stats->process = batch->ring->process;
	if (desc->time >= 0)
		stats->time = calloc(1, sizeof(*stats->time));
	if ((desc->time >= 0 && !stats->time) || vt_pointer_map_add(&s->types, desc, stats)) {
		free(stats->time);
		free(stats);
		return NULL;
	}
	return stats;
}

static void free_stats(void *value)
{
	struct vt_type_stats *stats = value;

	free(stats->time);
	free(stats);
}

/* A batch at the edge of the time filter holds events on both sides of it. */
static bool straddles(const struct vt_summary *s, const struct vt_batch *batch)
{
	const struct vt_filter *f = s->filter;

	return (f->since_set && vt_reader_ns(s->in->reader, batch->t_min) < f->since_ns) ||
	       (f->until_set && vt_reader_ns(s->in->reader, batch->t_max) >= f->until_ns);
}

/* Marks the events of one type that the time filter keeps; true for a type means in order of it. */
static int add_straddling(struct vt_summary *s, const struct vt_batch *batch, unsigned type,
                          struct vt_type_stats *stats, const uint64_t *column)
{
	const struct vt_filter *f = s->filter;
	const uint64_t *ticks = vt_batch_ticks(s->in->reader);
	const uint8_t *types = ticks ? vt_batch_types(s->in->reader) : NULL;
	unsigned at = 0;

	for (unsigned i = 0; types && i < batch->events; i++) {
		if (types[i] != type)
			continue;
		uint64_t ns = vt_reader_ns(s->in->reader, ticks[i]);
		unsigned row = at++;
		if ((f->since_set && ns < f->since_ns) || (f->until_set && ns >= f->until_ns))
			continue;
		stats->count++;
		s->events++;
		if (column && stats->time)
			vt_histogram_add(stats->time, column[row]);
	}
	return 0;
}

static int add_type(struct vt_summary *s, const struct vt_batch *batch, unsigned type,
                    bool straddling)
{
	const struct vt_event_desc *desc = batch->desc[type];
	struct vt_type_stats *stats = stats_of(s, batch, desc);
	const uint64_t *column = NULL;

	if (!stats)
		return -ENOMEM;
	if (stats->time)
		column = vt_batch_column(s->in->reader, type, (unsigned)desc->time);
	if (straddling)
		return add_straddling(s, batch, type, stats, column);
	stats->count += batch->counts[type];
	s->events += batch->counts[type];
	for (uint32_t i = 0; column && i < batch->counts[type]; i++)
		vt_histogram_add(stats->time, column[i]);
	return 0;
}

static int collect_types(struct vt_summary *s)
{
	const struct vt_batch *batch;
	int err;

	vt_progress_begin("counting", s->in->name, false);
	while ((err = vt_reader_next_batch(s->in->reader, &batch)) > 0) {
		vt_progress(vt_reader_ns(s->in->reader, batch->t_min), s->length, s->events,
		            VT_PROGRESS_EVENTS);
		if (s->watch && s->watch->batch)
			s->watch->batch(s->watch->user, batch);
		bool straddling = straddles(s, batch);
		for (unsigned type = 0; type < batch->types; type++) {
			err = add_type(s, batch, type, straddling);
			if (err)
				return err;
		}
	}
	return err;
}

/* ---- coverage ------------------------------------------------------------------------------ */

/* Gaps of one ring may overlap (one a cause): only what is beyond the last one's end counts. */
struct ring_gaps {
	uint64_t until, missing;
};

static int add_gap(struct vt_summary *s, struct vt_pointer_map *rings, const struct vt_event *event)
{
	struct ring_gaps *g = vt_pointer_map_get(rings, event->ring);
	uint64_t from = vt_reader_ns(s->in->reader, event->gap->t_before);
	uint64_t to = vt_reader_ns(s->in->reader, event->gap->t_after);

	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g || vt_pointer_map_add(rings, event->ring, g)) {
			free(g);
			return -ENOMEM;
		}
	}
	if (s->watch && s->watch->gap)
		s->watch->gap(s->watch->user, from, to);
	from = from > g->until ? from : g->until;
	if (to > from) {
		g->missing += to - from;
		g->until = to;
	}
	return 0;
}

static int collect_gaps(struct vt_summary *s, struct vt_pointer_map *rings)
{
	/* No event is this long, so that only gaps are delivered. */
	struct vt_filter filter = *s->filter;
	const struct vt_event *event;
	const char *unknown;

	filter.min_duration_ns = UINT64_MAX;
	int err = vt_reader_select(s->in->reader, &filter, &unknown);
	while (!err && (err = vt_reader_next(s->in->reader, &event)) > 0)
		err = event->gap ? add_gap(s, rings, event) : 0;
	return err;
}

static int collect_coverage(struct vt_summary *s)
{
	struct vt_pointer_map rings = { NULL, 0, 0 };
	int err = s->lost > 0 ? collect_gaps(s, &rings) : 0;

	for (unsigned i = 0; i < s->in->run->ring_count && !err; i++) {
		const struct vt_ring_info *ring = s->in->run->rings[i];
		const struct ring_gaps *g = vt_pointer_map_get(&rings, ring);
		uint64_t first = vt_reader_ns(s->in->reader, ring->first);
		uint64_t last = vt_reader_ns(s->in->reader, ring->last);
		uint64_t lived = ring->last > 0 && last > first ? last - first : 0;
		/* A gap before the first event that is left makes the thread's life longer. */
		uint64_t missing = g ? g->missing : 0;
		lived = lived > missing ? lived : missing;
		s->lived += lived;
		s->covered += lived - missing;
	}
	vt_pointer_map_free(&rings, free);
	return err;
}

uint64_t vt_process_length(const struct vt_input *in, const struct vt_process_info *p)
{
	uint64_t start = vt_reader_ns(in->reader, p->start);
	uint64_t end = vt_reader_ns(in->reader, p->end > 0 ? p->end : in->run->last);

	return end > start ? end - start : 0;
}

static bool any_abrupt(const struct vt_run_info *run)
{
	for (unsigned i = 0; i < run->process_count; i++)
		if (vt_ending_is_abrupt(run->processes[i]))
			return true;
	return false;
}

static enum vt_completeness completeness_of(const struct vt_summary *s)
{
	const struct vt_run_info *run = s->in->run;
	const struct vt_process_info *p = vt_main_process(run);
	bool recovered = false;

	for (unsigned i = 0; i < run->process_count; i++)
		recovered |= run->processes[i]->recovered;
	if (run->damaged)
		return VT_DAMAGED;
	if (p && vt_fact_value(p, "untraced"))
		return VT_UNTRACED;
	if (run->parts_missing > 0)
		return VT_PARTS_MISSING;
	if (s->lost > 0)
		return VT_WITH_LOSS;
	if (!run->closed && !recovered)
		return VT_CUT_OFF;
	return p && vt_ending_is_abrupt(p) && p->ending != VT_END_RUNNING ? VT_COMPLETE_TO_LAST
	                                                                  : VT_COMPLETE;
}

int vt_summary_collect(struct vt_summary *s)
{
	const struct vt_filter *f = s->filter;

	s->length = vt_run_length(s->in);
	s->lost = vt_lost_all(s->in->run);
	s->filtered = f->category_count || f->event_count || f->tid_count || f->pid_count || f->thread ||
	              f->since_set || f->until_set || f->min_duration_ns || f->where_count;
	s->records = vt_metrics_of_run(&s->metrics, s->in, -1);
	int err = s->records < 0 ? s->records : collect_types(s);
	/* Damage inside sections is found, and counted as loss, when they are decoded. */
	s->lost = vt_lost_all(s->in->run);
	if (!err)
		err = vt_summary_collect_rows(s);
	if (!err)
		err = vt_summary_collect_process(s);
	if (!err)
		err = vt_calls_of_run(&s->calls, s->in, true);
	if (!err)
		err = collect_coverage(s);
	if (!err && any_abrupt(s->in->run))
		err = vt_end_spans_find(s->in->reader, s->filter, &s->open);
	if (!err)
		err = vt_summary_collect_gc(s);
	if (!err)
		err = vt_summary_collect_functions(s);
	if (!err)
		err = vt_summary_collect_warned(s);
	s->completeness = completeness_of(s);
	return err;
}

void vt_summary_free(struct vt_summary *s)
{
	vt_pointer_map_free(&s->types, free_stats);
	vt_pointer_map_free(&s->paused, free);
	vt_end_spans_free(&s->open);
	vt_profile_free(&s->profile);
	vt_calls_free(&s->calls);
	free(s->gc.pauses);
	free(s->rows);
	free(s->warned);
	free(s->uses);
}
