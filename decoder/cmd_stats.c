/*
 * cmd_stats.c - `valktrace stats`: events counted and timed, by type, thread, field or stretch of
 * time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/choice.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/pages.h"
#include "decoder/process_text.h"
#include "decoder/stats.h"
#include "decoder/units.h"

#define DEFAULT_TOP 20u

struct settings {
	struct vt_choice choice;
	struct vt_list by;
	const char *sort, *output;
	uint64_t step, top;
	bool step_given, top_given, json;
};

static const char *word(size_t i)
{
	return i < VT_BY_FIELD ? vt_stats_words[i] : NULL;
}

static const struct vt_opt options[] = {
	VT_CHOICE_ROWS(struct settings),
	{ "by", 'b', VT_OPT_LIST, "KEYS", "default event; or category, thread, process, or any "
	  "field: function, type ...; up to three",
	  offsetof(struct settings, by), 0, .names = word },
	{ "step", 0, VT_OPT_DURATION, "TIME", "by stretches of time this long: 100ms; with --by, "
	  "each split",
	  offsetof(struct settings, step), offsetof(struct settings, step_given) },
	{ "sort", 's', VT_OPT_NAME, "WHAT", "default total; one of",
	  offsetof(struct settings, sort), 0, .values = vt_stats_sorts },
	{ "top", 'n', VT_OPT_NUMBER, "N", "at most N rows, of each stretch of time if it is "
	  "split; 0: all; default 20, of --step alone and in JSON all",
	  offsetof(struct settings, top), offsetof(struct settings, top_given) },
	{ "json", 0, VT_OPT_FLAG, NULL, "one line of JSON a run: raw ns, null for what is not "
	  "known",
	  offsetof(struct settings, json), 0 },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output), 0 },
	VT_OPT_END
};

struct job {
	struct settings *set;
	struct vt_stats_key keys[VT_STATS_KEYS];
	unsigned key_count;
	enum vt_stats_sort sort;
	unsigned runs, unknown;         /* those that lack a name that was asked for */
};

static int understand_keys(struct job *job)
{
	static char event[] = "event";
	const struct settings *set = job->set;
	char *by_default[] = { event };
	const struct vt_list fallback = { by_default, 1 };
	const struct vt_list *list = set->by.count > 0 || set->step_given ? &set->by : &fallback;

	if (list->count > VT_STATS_KEYS)
		return vt_usage("--by: at most %u keys", VT_STATS_KEYS);
	for (unsigned i = 0; i < list->count; i++) {
		unsigned by = 0;
		while (by < VT_BY_FIELD && strcmp(vt_stats_words[by], list->items[i]) != 0)
			by++;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(job->keys[k].name, list->items[i]) == 0)
				return vt_usage("--by: '%s' comes twice", list->items[i]);
		job->keys[i].by = (enum vt_stats_by)by;
		job->keys[i].name = by < VT_BY_FIELD ? vt_stats_words[by] : list->items[i];
	}
	job->key_count = list->count;
	return VT_EXIT_OK;
}

static int understand(struct job *job)
{
	const struct settings *set = job->set;

	while (set->sort && strcmp(vt_stats_sorts[job->sort], set->sort) != 0)
		job->sort++;
	if (set->step_given && set->step == 0)
		return vt_usage("--step: a time longer than 0");
	return understand_keys(job);
}

/* ---- one run --------------------------------------------------------------------------------- */

/* What is looked at: to the end of the run, or of the times asked for. */
static void window_of(const struct vt_stats_plan *plan, struct vt_stats_view *v)
{
	const struct vt_filter *f = plan->filter;
	uint64_t length = vt_run_length(plan->in);

	v->from = f->since_set ? f->since_ns : 0;
	v->until = f->until_set && f->until_ns < length ? f->until_ns : length;
	v->until = v->until > v->from ? v->until : v->from;
}

static int check_steps(const struct vt_stats_plan *plan, const struct vt_stats_view *v)
{
	uint64_t length = v->until - v->from, least = length / VT_STATS_STEPS + 1;
	char text[VT_NUM_MAX];

	if (plan->step == 0 || length / plan->step < VT_STATS_STEPS)
		return VT_EXIT_OK;
	*vt_num_ns(text, least + least / 100) = '\0';        /* three digits, not rounded down */
	return vt_usage("--step: that makes more than %u rows; make it %s or longer, or choose a "
	                "time by --since and --until", VT_STATS_STEPS, text);
}

static int show(struct job *job, struct vt_stats *s, struct vt_stats_view *v, struct vt_sink *text)
{
	bool alone = s->plan->step > 0 && s->plan->key_count == 0;
	struct vt_coverage coverage;

	int err = vt_coverage_find(&coverage, s->plan->in, s->plan->filter, &s->plan->selection);
	v->coverage = &coverage;
	v->sort = job->sort;
	v->sort_given = job->set->sort != NULL;
	v->top = job->set->top_given ? job->set->top : alone || job->set->json ? 0 : DEFAULT_TOP;
	if (!err)
		err = vt_stats_view_make(v);
	if (!err && job->set->json)
		vt_stats_json(v, text);
	else if (!err && s->events > 0)
		vt_stats_print(v, text);
	vt_stats_view_free(v);
	vt_coverage_free(&coverage);
	return err;
}

static int count_run(struct job *job, struct vt_stats_plan *plan, struct vt_stats_view *v,
                     struct vt_sink *text)
{
	struct vt_stats s;
	int err = vt_stats_plan_make(plan);

	if (err)
		return err;
	v->stats = &s;
	err = vt_stats_run(&s, plan);
	if (!err)
		err = show(job, &s, v, text);
	bool nothing = s.events == 0;
	vt_stats_free(&s);
	if (!err && nothing && !job->set->json)
		text->used = 0;
	if (!err && nothing)
		vt_choice_explain_nothing(&job->set->choice, plan->in);
	return err;
}

/* Fields have to be in one run at least; of the last one it is said. */
static int check_fields(struct job *job, const struct vt_input *in, bool *unknown)
{
	const char *missing = NULL;

	for (unsigned i = 0; i < job->key_count && !missing; i++)
		if (job->keys[i].by == VT_BY_FIELD && !vt_choice_has_field(in, job->keys[i].name))
			missing = job->keys[i].name;
	*unknown |= missing != NULL;
	if (!missing || in->run_digits > 0)
		return VT_EXIT_OK;
	return vt_choice_unknown_key(in, missing, vt_stats_words);
}

static int stats_of_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	struct job *job = user;
	bool unknown = false;
	int code = in->run_digits ? vt_choice_apply_known(&job->set->choice, in, &unknown)
	                          : vt_choice_apply(&job->set->choice, in);

	if (!code && !unknown)
		code = check_fields(job, in, &unknown);
	if (code)
		return code;
	job->runs++;
	job->unknown += unknown;
	if (unknown) {
		vt_message("%s: has none of what is asked for", in->name);
		text->used = 0;
		return VT_EXIT_OK;
	}
	struct vt_stats_plan plan = {
		.in = in, .filter = &job->set->choice.filter,
		.keys = job->keys, .key_count = job->key_count,
		.step = job->set->step_given ? job->set->step : 0,
	};
	struct vt_stats_view view = { .top = 0 };
	window_of(&plan, &view);
	plan.origin = view.from;
	code = check_steps(&plan, &view);
	if (!code)
		code = count_run(job, &plan, &view, text);
	vt_stats_plan_free(&plan);
	return code;
}

static int run(int argc, char **argv)
{
	struct settings set = { .json = false };
	struct job job = { .set = &set };
	int first = vt_opt_parse(&vt_cmd_stats, argc, argv, &set);
	int code = first >= 0 || first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;

	if (first >= 0)
		code = understand(&job);
	if (first >= 0 && !code) {
		struct vt_pages pages = { .path = set.output, .apart = !set.json };
		code = vt_pages_of_runs(&pages, argv + first, argc - first, stats_of_run, &job);
		/* A name that no run has is a mistake. */
		if (job.unknown > 0 && job.unknown == job.runs)
			code = vt_exit_worse(code, VT_EXIT_USAGE);
		code = vt_pages_close(&pages, code);
	}
	vt_opt_free(options, &set);
	return code;
}

const struct vt_command vt_cmd_stats = {
	.name = "stats",
	.args = "[FILE...|-]",
	.summary = "count and time events, by type, thread, function, field or time",
	.details = "A row for each group: how many events, how often, and of their durations\n"
	           "total, mean, smallest, largest and percentiles. A duration is what the event\n"
	           "says it took, else the time from a span's begin to its end; nested spans count\n"
	           "each. What began and has no end in the log is counted and not timed. '-' is\n"
	           "what nobody knows. Percentiles are off by at most 0.8 %, the rest is exact.\n",
	.exits = vt_exits_of_readers,
	.examples = "  valktrace stats\n"
	            "  valktrace stats --category file --by function --sort count\n"
	            "  valktrace stats --event gc.begin --by type\n"
	            "  valktrace stats --event gc.pause_end --step 100ms\n"
	            "  valktrace stats --by thread,category --top 0 --since 1s run.vtrace\n"
	            "  valktrace stats --by function --json | jq '.rows[0]'\n",
	.opts = options,
	.run = run,
};
