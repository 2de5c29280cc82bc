/* summary_collect.c - the passes over the run, one after another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/coverage.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"
#include "decoder/why.h"

static int collect_coverage(struct vt_summary *s)
{
	struct vt_selection selection;
	struct vt_coverage c;
	int err = vt_selection_make(&selection, vt_reader_log(s->in->reader), s->filter, NULL);

	if (err)
		return err;
	err = vt_coverage_find(&c, s->in, s->filter, &selection);
	s->lived = c.lived;
	s->covered = c.covered;
	vt_coverage_free(&c);
	vt_selection_free(&selection);
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
	int err = s->records < 0 ? s->records : vt_summary_collect_types(s);
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
	vt_summary_free_types(s);
	vt_pointer_map_free(&s->paused, free);
	vt_end_spans_free(&s->open);
	vt_profile_free(&s->profile);
	vt_calls_free(&s->calls);
	free(s->gc.pauses);
	free(s->rows);
	free(s->warned);
	free(s->uses);
}
