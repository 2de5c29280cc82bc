/* cmd_summary.c - `valktrace summary`: what happened in a run, on one page. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decoder/choice.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/export.h"
#include "decoder/pages.h"
#include "decoder/summary.h"

static void (*const sections[])(struct vt_summary *s) = {
	vt_summary_head,
	vt_summary_kernel,
	vt_summary_end,
	vt_summary_warned,
	vt_summary_gc,
	vt_summary_interp,
	vt_summary_functions,
	vt_summary_loop,
	vt_summary_http,
	vt_summary_process,
	vt_summary_paging,
	vt_summary_perf,
	vt_summary_calls,
	vt_summary_events,
	vt_summary_threads,
	vt_summary_absent,
};

static int summarize(struct vt_sink *out, const struct vt_input *in, const struct vt_filter *filter,
                     bool json, bool functions)
{
	struct vt_summary s = { .in = in, .filter = filter, .out = out, .functions = functions };
	int err = vt_summary_collect(&s);

	if (!err && json)
		vt_summary_json(&s);
	for (size_t i = 0; !err && !json && i < sizeof(sections) / sizeof(*sections); i++)
		sections[i](&s);
	vt_summary_free(&s);
	return err;
}

static int whole_summary(const struct vt_export_context *context)
{
	struct vt_sink text;
	int err = vt_sink_memory(&text);

	text.colour = context->out->colour;
	if (!err)
		err = summarize(&text, context->in, context->filter, false, false);
	if (err) {
		vt_sink_discard(&text);
		return vt_input_failed(context->in, err);
	}
	if (context->in->index > 0)
		vt_sink_char(context->out, '\n');
	vt_sink_bytes(context->out, text.buffer, text.used);
	vt_sink_discard(&text);
	return VT_EXIT_OK;
}

const struct vt_export vt_export_summary = {
	.name = "summary",
	.summary = "one page: completeness, collector, threads, what is missing",
	.whole = whole_summary,
};

struct settings {
	const char *output;
	bool json, functions;
};

static const struct vt_opt options[] = {
	{ "functions", 0, VT_OPT_FLAG, NULL, "time by function also of more than 1,000,000 events",
	  offsetof(struct settings, functions) },
	{ "json", 0, VT_OPT_FLAG, NULL, "one line of JSON: maps with keys, ns and bytes",
	  offsetof(struct settings, json) },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE, which appears when it is complete",
	  offsetof(struct settings, output) },
	VT_OPT_END
};

static int print_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	struct vt_filter filter = { .size = sizeof(filter) };
	const struct settings *set = user;
	const char *unknown;
	int err = vt_reader_select(in->reader, &filter, &unknown);

	return err ? err : summarize(text, in, &filter, set->json, set->functions);
}

/* On a terminal the last line offers the next command. */
static int offer(struct vt_pages *pages)
{
	struct vt_sink text;

	if (vt_pages_text(pages, &text))
		return VT_EXIT_FAILURE;
	vt_sink_string(&text, "\nnext: valktrace decode --category gc | less\n");
	return vt_pages_add(pages, &text);
}

static int run(int argc, char **argv)
{
	struct settings set = { .json = false };
	int first = vt_opt_parse(&vt_cmd_summary, argc, argv, &set);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	struct vt_pages pages = { .path = set.output, .apart = !set.json };
	int code = vt_pages_of_runs(&pages, argv + first, argc - first, print_run, &set);
	if (pages.opened && isatty(STDOUT_FILENO) && !set.output && !set.json && !vt_common.quiet)
		code = vt_exit_worse(code, offer(&pages));
	return vt_pages_close(&pages, code);
}

const struct vt_command vt_cmd_summary = {
	.name = "summary",
	.args = "[FILE...|-]",
	.summary = "what happened, on one page",
	.details = "How complete the log is, how the run ended, its collector, functions, counters,\n"
	           "events and threads, and what was not recorded and why.\n",
	.exits = vt_exits_of_readers,
	.examples = "  valktrace summary\n"
	            "  valktrace summary run.vtrace\n"
	            "  valktrace summary --functions\n"
	            "  valktrace summary --json | jq .gc.pauses.p99_ns\n"
	            "  valktrace decode --format summary --since 1s --until 2s\n",
	.opts = options,
	.run = run,
};
