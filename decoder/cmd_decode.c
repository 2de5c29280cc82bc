/* cmd_decode.c - `valktrace decode`: selects events of a log and hands them to one exporter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/export.h"
#include "decoder/choice.h"
#include "decoder/progress.h"

#define PROGRESS_MASK 1023      /* events between two looks at the clock */

struct settings {
	struct vt_choice choice;
	const char *format, *output, *time;
	uint64_t at, limit;
	bool exact, at_given, limit_given;
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
	{ "at", 0, VT_OPT_NUMBER, "#N", "counter record number N, for prometheus, metrics-json and "
	  "kernel; default: the last", offsetof(struct settings, at),
	  offsetof(struct settings, at_given) },
	{ "limit", 'n', VT_OPT_NUMBER, "N", "stop after N events", offsetof(struct settings, limit),
	  offsetof(struct settings, limit_given) },
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

static int open_output(struct vt_sink *out, const struct settings *set,
                       const struct vt_export *format, const struct vt_input *in)
{
	struct stat input, output;

	if (set->output && stat(set->output, &output) == 0 && S_ISREG(output.st_mode))
		for (unsigned i = 0; i < in->count; i++)
			if (stat(in->paths[i], &input) == 0 && input.st_ino == output.st_ino &&
			    input.st_dev == output.st_dev)
				return vt_usage("-o %s: that is the input", set->output);
	return vt_sink_start(out, set->output, format->replaces);
}

/* Events go by; returns how many there were, or a negative error. */
static int64_t run_events(const struct vt_export *format, void *state, const struct settings *set,
                          const struct vt_export_context *context)
{
	struct vt_reader *reader = context->in->reader;
	const struct vt_event *event;
	int64_t count = 0;
	int err = format->begin(state, context), more = 0;
	uint64_t length = vt_reader_ns(reader, context->in->run->last);

	vt_progress_begin("decoding", context->in->name, context->out->fd == STDOUT_FILENO);

	/* The sink's error is sticky: writing on into a full disk is of no use. */
	while (!err && !context->out->error) {
		if (set->limit_given && (uint64_t)count >= set->limit)
			break;
		more = vt_reader_next(reader, &event);
		if (more <= 0)
			break;
		err = format->event(state, event);
		if (vt_unlikely((++count & PROGRESS_MASK) == 0))
			vt_progress(event->t_ns, length, (uint64_t)count, VT_PROGRESS_EVENTS);
	}
	vt_progress_end();
	if (!err && more >= 0 && format->end)
		err = format->end(state);
	return err ? err : more < 0 ? more : count;
}

static int export_events(const struct vt_export *format, const struct settings *set,
                         const struct vt_export_context *context)
{
	void *state = calloc(1, format->state_size);
	int64_t count = state ? run_events(format, state, set, context) : -ENOMEM;

	if (state && format->destroy)
		format->destroy(state);
	free(state);
	if (count < 0) {
		int code = vt_input_failed(context->in, (int)count);
		return code == VT_EXIT_NOT_A_LOG ? VT_EXIT_DAMAGED : code;
	}
	if (count == 0 && !(set->limit_given && set->limit == 0) && !context->out->error)
		vt_choice_explain_nothing(&set->choice, context->in);
	return VT_EXIT_OK;
}

static int finish_output(struct vt_sink *out, const struct settings *set, int code)
{
	/* Input that ends badly has given output all the same: it is kept, the exit code tells. */
	if (code == VT_EXIT_FAILURE || code == VT_EXIT_USAGE) {
		vt_sink_discard(out);
		return code;
	}
	int err = vt_sink_close(out);
	if (err) {
		vt_message("%s: %s", set->output ? set->output : "standard output", vt_strerror(err));
		return VT_EXIT_FAILURE;
	}
	return code;
}

static int decode(struct settings *set, struct vt_input *in, const struct vt_export *format,
                  enum vt_time_mode mode)
{
	struct vt_sink out;
	struct vt_export_context context = {
		.out = &out, .in = in, .filter = &set->choice.filter, .time = mode,
		.exact = set->exact, .at = set->at_given ? (int64_t)set->at : -1,
	};
	int code = VT_EXIT_OK;

	if (mode == VT_TIME_MONO)
		code = need_mono(&context);
	if (!code)
		code = vt_choice_apply(&set->choice, in);
	if (!code)
		code = open_output(&out, set, format, in);
	if (code)
		return code;
	code = format->whole ? format->whole(&context) : export_events(format, set, &context);
	return finish_output(&out, set, code);
}

static int run(int argc, char **argv)
{
	struct settings set = { .format = NULL };
	const struct vt_export *format;
	struct vt_input in;
	int first = vt_opt_parse(&vt_cmd_decode, argc, argv, &set);
	int code = first >= 0 ? VT_EXIT_OK : first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;

	if (first >= 0) {
		format = vt_export_find(set.format ? set.format : "text");
		if (set.at_given && (set.at == 0 || set.at > INT64_MAX))
			code = vt_usage("--at: records are numbered from 1");
		if (!code)
			code = vt_input_open(&in, argv + first, argc - first);
		if (!code)
			code = vt_input_close(&in, decode(&set, &in, format, time_mode(set.time)));
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
	           "standard input. Events come in order of time; without filters, all of them.\n",
	.examples = "  valktrace decode --category gc\n"
	            "  valktrace decode --event gc.pause_end --min-duration 1ms\n"
	            "  valktrace decode --category gc,loop --since 0.5 --until 1.5s\n"
	            "  valktrace decode --where 'reclaimed >= 1MiB' --format json run.vtrace\n"
	            "  valktrace decode --format prometheus -o node/valktrace.prom\n",
	.opts = options,
	.run = run,
};
