/* cmd_decode.c - `valktrace decode`: selects events of a log and hands them to one exporter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/export.h"
#include "decoder/inputs.h"
#include "decoder/labels.h"
#include "decoder/choice.h"

struct settings {
	struct vt_choice choice;
	struct vt_list labels;
	const char *format, *output, *time, *at;
	uint64_t step, limit;
	int64_t record;                 /* of --at '#N'; 0: it is a time */
	bool exact, step_given, limit_given;
};

static const char *format_name(size_t i)
{
	return vt_exports[i] ? vt_exports[i]->name : NULL;
}

static const char *const time_names[] = {
	[VT_TIME_REL] = "rel", [VT_TIME_UTC] = "utc", [VT_TIME_MONO] = "mono",
	[VT_TIME_TICKS] = "ticks", NULL
};

static const struct vt_opt options[] = {
	VT_CHOICE_ROWS(struct settings),
	{ "format", 'F', VT_OPT_NAME, "FORMAT", "default text; one of",
	  offsetof(struct settings, format), 0, .names = format_name },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output), 0 },
	{ "time", 0, VT_OPT_NAME, "HOW", "default rel, seconds since the start; one of",
	  offsetof(struct settings, time), 0, .values = time_names },
	{ "exact", 0, VT_OPT_FLAG, NULL, "plain ns and bytes instead of short numbers",
	  offsetof(struct settings, exact), 0 },
	{ "at", 0, VT_OPT_STRING, "WHEN", "for prometheus, metrics-json and kernel: counter record #N, or the "
	  "last one up to a TIME as of --since; default: the last", offsetof(struct settings, at), 0 },
	{ "step", 0, VT_OPT_DURATION, "TIME", "for openmetrics: one sample in each TIME, the last; default: all",
	  offsetof(struct settings, step), offsetof(struct settings, step_given) },
	{ "limit", 'n', VT_OPT_NUMBER, "N", "stop after N events", offsetof(struct settings, limit),
	  offsetof(struct settings, limit_given) },
	{ "label", 0, VT_OPT_LIST_WHOLE, "NAME=VALUE", "a label for every sample of prometheus, "
	  "openmetrics and metrics-json; in VALUE %r is the run id, %p the program, %f the file; repeat for more",
	  offsetof(struct settings, labels), 0 },
	VT_OPT_END
};

static enum vt_time_mode time_mode(const char *name)
{
	unsigned mode = VT_TIME_REL;

	while (name && time_names[mode] && strcmp(name, time_names[mode]) != 0)
		mode++;
	return (enum vt_time_mode)mode;
}

/* The first counter record carries CLOCK_MONOTONIC beside its ticks. */
static int find_mono(void *user, const struct vt_counters *c)
{
	struct vt_export_context *context = user;
	uint64_t ns = vt_reader_ns(context->in->reader, c->ticks);

	context->mono_start = c->monotonic > ns ? c->monotonic - ns : 0;
	return 1;
}

static int need_mono(struct vt_export_context *context)
{
	context->mono_start = 0;
	vt_reader_counters(context->in->reader, 0, find_mono, context);
	if (context->mono_start > 0)
		return VT_EXIT_OK;
	vt_message("%s: no counter record relates it to the monotonic clock; use --time utc or rel",
	           context->in->name);
	return VT_EXIT_FAILURE;
}

/* The runs of one call: one output, one exporter, and what is left of --limit. */
struct job {
	struct settings *set;
	const struct vt_inputs *all;
	const struct vt_export *format;
	enum vt_time_mode mode;
	struct vt_sink out;
	bool opened;                    /* `out` */
	void *shared;
	uint64_t printed;
	unsigned unknown;               /* runs that lack a name that was asked for */
};

static int open_output(struct job *job)
{
	const char *output = job->set->output;

	if (job->opened)
		return VT_EXIT_OK;
	if (job->format->binary && (!output || strcmp(output, "-") == 0) && isatty(STDOUT_FILENO))
		return vt_usage("--format %s is binary, and standard output a terminal: give -o FILE",
		                job->format->name);
	int code = vt_inputs_spare(job->all, output);
	if (!code)
		code = vt_sink_start(&job->out, output, job->format->replaces);
	job->opened = code == VT_EXIT_OK;
	return code;
}

static int reading_failed(const struct vt_input *in, int err)
{
	int code = vt_input_failed(in, err);

	return code == VT_EXIT_NOT_A_LOG ? VT_EXIT_DAMAGED : code;
}

static int export_events(struct job *job, const struct vt_export_context *context)
{
	const struct settings *set = job->set;
	uint64_t most = set->limit_given ? set->limit - job->printed : UINT64_MAX;
	int64_t count = vt_export_events(job->format, context, most);

	if (count < 0)
		return reading_failed(context->in, (int)count);
	job->printed += (uint64_t)count;
	if (count == 0 && most > 0 && !context->out->error)
		vt_choice_explain_nothing(&set->choice, context->in);
	return VT_EXIT_OK;
}

static int finish_output(struct job *job, int code)
{
	const struct settings *set = job->set;
	struct vt_sink *out = &job->out;

	/* Input that ends badly has given output all the same: it is kept, the exit code tells. */
	if (code == VT_EXIT_FAILURE || code == VT_EXIT_USAGE) {
		vt_sink_discard(out);
		return code;
	}
	if (job->format->finish)
		job->format->finish(out, job->shared);
	int err = vt_sink_close(out);
	if (err) {
		vt_message("%s: %s", set->output ? set->output : "standard output", vt_strerror(err));
		return VT_EXIT_FAILURE;
	}
	return code;
}

/* What a run is printed from; the selection is made. *unknown as of vt_choice_apply_known. */
static int prepare(struct job *job, struct vt_input *in, struct vt_export_context *context,
                   bool *unknown)
{
	struct settings *set = job->set;
	int code = VT_EXIT_OK;

	*context = (struct vt_export_context){
		.out = &job->out, .in = in, .filter = &set->choice.filter, .time = job->mode,
		.exact = set->exact, .at = set->record > 0 ? set->record : -1,
		.at_time = set->at && set->record == 0, .step = set->step,
		.labels = &set->labels, .runs = job->all->count, .shared = job->shared,
	};
	if (job->mode == VT_TIME_MONO)
		code = need_mono(context);
	if (!code && context->at_time)
		code = vt_choice_time(in, "at", set->at, &context->at_ns);
	if (!code)
		code = vt_choice_apply_known(&set->choice, in, unknown);
	/* A name that no run has is a mistake; the last one says so. */
	if (!code && *unknown && ++job->unknown == job->all->count)
		code = vt_choice_apply(&set->choice, in);
	return code;
}

static int survey(struct job *job, const struct vt_export_context *context)
{
	int err = job->format->survey ? job->format->survey(context) : 0;
	struct vt_input in = *context->in;

	in.quiet = false;
	return err ? reading_failed(&in, err) : VT_EXIT_OK;
}

static int decode_run(void *user, struct vt_input *in)
{
	struct job *job = user;
	struct vt_export_context context;
	bool unknown = false, last = in->index + 1 == job->all->count;
	int code = prepare(job, in, &context, &unknown);

	if (!code)
		code = open_output(job);
	if (!code && unknown)
		vt_message("%s: has none of what is asked for", in->name);
	/* With several runs all were surveyed before the first. */
	if (!code && !unknown && job->all->count == 1)
		code = survey(job, &context);
	if (!code && !unknown)
		code = job->format->whole ? job->format->whole(&context) : export_events(job, &context);
	/* What is said of this run comes behind it. */
	if (job->opened && (last || code == VT_EXIT_FAILURE || code == VT_EXIT_USAGE)) {
		code = finish_output(job, code);
		job->opened = false;
	} else if (job->opened) {
		vt_sink_flush(&job->out);
	}
	return code;
}

/* Opens each run in turn only to look at it. What fails will say so when it is read for good. */
static int survey_runs(struct job *job)
{
	int code = VT_EXIT_OK;

	for (unsigned i = 0; i < job->all->count && !code; i++) {
		struct vt_export_context context;
		struct vt_input in;
		bool unknown = false;
		if (vt_inputs_open(job->all, i, true, &in))
			continue;
		code = prepare(job, &in, &context, &unknown);
		if (!code && !unknown)
			code = survey(job, &context);
		vt_input_close(&in, code);
	}
	job->unknown = 0;
	return code;
}

/* All runs open at once, for one dump of all. */
static int decode_together(struct job *job)
{
	unsigned count = 0, most = job->all->count;
	struct vt_input *in = calloc(most, sizeof(*in));
	struct vt_export_context *contexts = calloc(most, sizeof(*contexts));
	int code = in && contexts ? job->all->code
	                          : vt_input_failed(&(struct vt_input){ .name = "" }, -ENOMEM);

	for (unsigned i = 0; in && contexts && i < most; i++) {
		bool unknown;
		int one = vt_inputs_open(job->all, i, false, &in[count]);
		if (!one && (one = prepare(job, &in[count], &contexts[count], &unknown)))
			one = vt_input_close(&in[count], one);
		else if (!one)
			count++;
		code = vt_exit_worse(code, one);
		if (one == VT_EXIT_USAGE || one == VT_EXIT_FAILURE)
			break;
	}
	if (count > 0 && code != VT_EXIT_USAGE && code != VT_EXIT_FAILURE) {
		int one = open_output(job);
		code = vt_exit_worse(code, one ? one : job->format->all(contexts, count));
	}
	if (job->opened)
		code = finish_output(job, code);
	for (unsigned i = 0; i < count; i++)
		code = vt_exit_worse(code, vt_input_close(&in[i], VT_EXIT_OK));
	free(in);
	free(contexts);
	return code;
}

static int decode(struct settings *set, const struct vt_inputs *all, const struct vt_export *format,
                  enum vt_time_mode mode)
{
	struct job job = { .set = set, .all = all, .format = format, .mode = mode };
	int code = VT_EXIT_OK;

	if (format->all)
		return decode_together(&job);
	job.shared = calloc(1, format->shared_size + 1);
	if (!job.shared)
		return vt_input_failed(&(struct vt_input){ .name = "" }, -ENOMEM);
	if (format->survey && all->count > 1)
		code = survey_runs(&job);
	if (!code)
		code = vt_inputs_each(all, decode_run, &job);
	if (job.opened)
		code = finish_output(&job, code);
	if (format->forget)
		format->forget(job.shared);
	free(job.shared);
	return code;
}

static int run(int argc, char **argv)
{
	struct settings set = { .format = NULL };
	const struct vt_export *format;
	struct vt_inputs all;
	int first = vt_opt_parse(&vt_cmd_decode, argc, argv, &set);
	int code = first >= 0 ? VT_EXIT_OK : first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;

	if (first >= 0) {
		format = vt_export_find(set.format ? set.format : "text");
		if (set.at)
			code = vt_choice_at(set.at, &set.record);
		if (!code)
			code = vt_labels_check(&set.labels);
		if (!code && set.labels.count > 0 && !format->takes_labels)
			code = vt_usage("--label is for --format prometheus, openmetrics and metrics-json");
		if (!code && set.step_given && (!format->takes_step || set.step == 0))
			code = vt_usage(format->takes_step ? "--step 0 is no step" : "--step is for --format openmetrics");
		if (!code && format->in_ns && time_mode(set.time) == VT_TIME_TICKS)
			code = vt_usage("--time ticks: %s has ns; it takes rel, utc and mono", format->name);
		if (!code)
			code = vt_inputs_sort(&all, argv + first, argc - first);
		if (!code) {
			code = decode(&set, &all, format, time_mode(set.time));
			vt_inputs_free(&all);
		}
	}
	vt_opt_free(options, &set);
	return code;
}

const struct vt_command vt_cmd_decode = {
	.name = "decode",
	.args = "[FILE...|-]",
	.summary = "print the events of a log or its counters, as text, JSON, CSV ...",
	.exits = vt_exits_of_readers,
	.details = "Without a FILE, valktrace.vtrace in the current directory is read; '-' is\n"
	           "standard input. Events come in order of time; without filters, all of them.\n"
	           "A FILE is a log, a part of one, or a ring file (.vring). Files of one run are\n"
	           "read together; runs are printed one after another, the earliest first, with\n"
	           "their run id in each line. metrics-json is then one object a line,\n"
	           "chrome and perfetto have them all on one line of time.\n",
	.examples = "  valktrace decode --category gc\n"
	            "  valktrace decode --event gc.pause_end --min-duration 1ms\n"
	            "  valktrace decode --category gc,loop --since 0.5 --until 1.5s\n"
	            "  valktrace decode --where 'reclaimed >= 1MiB' --format json run.vtrace\n"
	            "  valktrace decode --format prometheus -o node/valktrace.prom\n"
	            "  valktrace decode --format perfetto -o run.pftrace   # ui.perfetto.dev\n"
	            "  valktrace decode --format prometheus --label run=%r a.vtrace b.vtrace\n"
	            "  valktrace decode --format openmetrics --step 15s -o run.om\n",
	.opts = options,
	.run = run,
};
