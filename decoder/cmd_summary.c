/* cmd_summary.c - `valktrace summary`: what happened in a run, on one page. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decoder/choice.h"
#include "decoder/cmd.h"
#include "decoder/export.h"
#include "decoder/inputs.h"
#include "decoder/summary.h"

static void (*const pages[])(struct vt_summary *s) = {
	vt_summary_head,
	vt_summary_kernel,
	vt_summary_end,
	vt_summary_gc,
	vt_summary_interp,
	vt_summary_loop,
	vt_summary_events,
	vt_summary_threads,
	vt_summary_absent,
};

static int summarize(struct vt_sink *out, const struct vt_input *in, const struct vt_filter *filter)
{
	struct vt_summary s = { .in = in, .filter = filter, .out = out };
	int err = vt_summary_collect(&s);

	for (size_t i = 0; !err && i < sizeof(pages) / sizeof(*pages); i++)
		pages[i](&s);
	vt_summary_free(&s);
	return err;
}

static int whole_summary(const struct vt_export_context *context)
{
	struct vt_sink text;
	int err = vt_sink_memory(&text);

	if (!err)
		err = summarize(&text, context->in, context->filter);
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

static const struct vt_opt options[] = { VT_OPT_END };

/* One page a run. */
static int print_run(void *user, struct vt_input *in)
{
	struct vt_filter filter = { .size = sizeof(filter) };
	const struct vt_inputs *all = user;
	struct vt_sink text;
	const char *unknown;
	int err = vt_sink_memory(&text);

	if (err)
		return vt_input_failed(in, err);
	if (in->index > 0)
		vt_sink_char(&text, '\n');
	err = vt_reader_select(in->reader, &filter, &unknown);
	if (!err)
		err = summarize(&text, in, &filter);
	if (err) {
		vt_sink_discard(&text);
		return vt_input_failed(in, err);
	}
	if (in->index + 1 < all->count)
		return vt_sink_print_more(&text);
	if (isatty(STDOUT_FILENO))
		vt_sink_string(&text, "\nnext: valktrace decode --category gc | less\n");
	return vt_sink_print(&text);
}

static int run(int argc, char **argv)
{
	struct vt_inputs all;
	int first = vt_opt_parse(&vt_cmd_summary, argc, argv, NULL);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	int code = vt_inputs_sort(&all, argv + first, argc - first);
	if (code)
		return code;
	code = vt_inputs_each(&all, print_run, &all);
	vt_inputs_free(&all);
	return code;
}

const struct vt_command vt_cmd_summary = {
	.name = "summary",
	.args = "[FILE...|-]",
	.summary = "what happened, on one page",
	.examples = "  valktrace summary\n"
	            "  valktrace summary run.vtrace\n"
	            "  valktrace decode --format summary --since 1s --until 2s\n",
	.opts = options,
	.run = run,
};
