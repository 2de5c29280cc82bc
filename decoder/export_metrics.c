/*
 * export_metrics.c - prometheus, metrics-json and kernel: a counter record of the log, printed
 * by the same code as in a running host (core/metrics_*.c), so that the bytes are the same.
 */
#include "decoder/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/metrics_text.h"
#include "decoder/calls.h"
#include "decoder/cmd.h"
#include "decoder/labels.h"
#include "decoder/moments.h"
#include "decoder/process_text.h"
#include "decoder/units.h"
#include "decoder/why.h"

static int find_first(void *user, const struct vt_counters *c)
{
	*(uint64_t *)user = c->ticks;
	return 1;
}

static int nothing_yet(const struct vt_input *in)
{
	uint64_t first = 0;
	char text[VT_NUM_MAX];

	if (vt_reader_counters(in->reader, 0, find_first, &first) <= 0)
		return vt_usage("%s: there is no counter record", in->name);
	*vt_num_seconds(text, vt_reader_ns(in->reader, first), 3) = '\0';
	return vt_usage("%s: there is no counter record before %s s", in->name, text);
}

/* The metrics of one run, and of --at TIME the calls. VT_EXIT_OK, or an exit code after a message. */
static int read_metrics(const struct vt_export_context *context, struct vt_metrics *m,
                        struct vt_call_list *calls)
{
	int records = context->at_time ? vt_metrics_at(m, context->in, context->at_ns, calls)
	                               : vt_metrics_of_run(m, context->in, context->at);

	if (records < 0)
		return vt_input_failed(context->in, records);
	if (records == 0 && context->at > 0)
		return vt_usage("%s: there is no counter record #%lld (valktrace info tells how many)",
		                context->in->name, (long long)context->at);
	if (records == 0 && context->at_time)
		return nothing_yet(context->in);
	if (records == 0)
		vt_message("%s: no counter record: nothing sampled the metrics", context->in->name);
	return VT_EXIT_OK;
}

/* The text of one run, to be freed; NULL after a message, and the exit code. */
static char *render_metrics(const struct vt_export_context *context, int *code,
                            size_t (*render)(const struct vt_metrics *m, char *to, size_t size))
{
	struct vt_metrics *m = calloc(1, sizeof(*m));
	char *text = NULL;

	*code = m ? read_metrics(context, m, NULL) : VT_EXIT_OK;
	if (m && !*code) {
		size_t size = render(m, NULL, 0) + 1;
		text = malloc(size);
		if (text)
			render(m, text, size);
	}
	free(m);
	if (!text && !*code)
		*code = vt_input_failed(context->in, -ENOMEM);
	return text;
}

/* ---- prometheus: all runs in one dump -------------------------------------------------------------- */

struct dump {
	struct vt_metrics *metrics;
	struct vt_call_list *calls;
	struct vt_labelled *runs;
	char **labels;
	unsigned count;
};

static int fill_dump(struct dump *d, const struct vt_export_context *contexts)
{
	for (unsigned i = 0; i < d->count; i++) {
		int code = read_metrics(&contexts[i], &d->metrics[i], &d->calls[i]), err = 0;
		if (code)
			return code;
		if (contexts[i].at > 0)
			err = vt_calls_at(&d->calls[i], contexts[i].in, (uint64_t)contexts[i].at);
		else if (!contexts[i].at_time)
			err = vt_calls_of_run(&d->calls[i], contexts[i].in, false);
		if (err)
			return vt_input_failed(contexts[i].in, err);
		d->metrics[i].calls = d->calls[i].rows;
		d->metrics[i].call_count = d->calls[i].count;
		d->labels[i] = vt_labels_text(contexts[i].labels, contexts[i].in);
		if (!d->labels[i])
			return vt_input_failed(contexts[i].in, -ENOMEM);
		d->runs[i] = (struct vt_labelled){ &d->metrics[i], d->labels[i] };
		for (unsigned k = 0; k < i; k++)
			if (strcmp(d->labels[i], d->labels[k]) == 0)
				return vt_usage("%s and %s are two runs: their samples would be the same; tell "
				                "them apart: --label run=%%r", contexts[k].in->name,
				                contexts[i].in->name);
	}
	return VT_EXIT_OK;
}

static int put_dump(const struct dump *d, const struct vt_export_context *contexts)
{
	size_t size = vt_metrics_prometheus_all(d->runs, d->count, NULL, 0) + 1;
	char *text = size > 1 ? malloc(size) : NULL;

	if (!text || vt_metrics_prometheus_all(d->runs, d->count, text, size) != size - 1) {
		free(text);
		return vt_input_failed(contexts->in, -ENOMEM);
	}
	vt_sink_bytes(contexts->out, text, size - 1);
	free(text);
	return VT_EXIT_OK;
}

static int all_prometheus(const struct vt_export_context *contexts, unsigned count)
{
	struct dump d = {
		.metrics = calloc(count, sizeof(*d.metrics)), .runs = calloc(count, sizeof(*d.runs)),
		.labels = calloc(count, sizeof(*d.labels)), .calls = calloc(count, sizeof(*d.calls)),
		.count = count,
	};
	bool room = d.metrics && d.runs && d.labels && d.calls;
	int code = room ? fill_dump(&d, contexts) : vt_input_failed(contexts->in, -ENOMEM);

	if (!code)
		code = put_dump(&d, contexts);
	for (unsigned i = 0; d.labels && i < count; i++)
		free(d.labels[i]);
	for (unsigned i = 0; d.calls && i < count; i++)
		vt_calls_free(&d.calls[i]);
	free(d.calls);
	free(d.labels);
	free(d.runs);
	free(d.metrics);
	return code;
}

/* ---- the others: one run after another ---------------------------------------------------------------- */

/* The same object on one line: no string in it has a newline, and indentation follows only that. */
static void put_compact(struct vt_sink *out, const char *text)
{
	for (; *text; text++) {
		vt_sink_char(out, *text == '\n' ? ' ' : *text);
		if (*text == '\n')
			text += strspn(text + 1, " ");
	}
}

/* Behind the first brace: which run it is, if there are several, and the labels, if there are any. */
static void put_whose(const struct vt_export_context *context, const char *indent)
{
	const struct vt_run_info *run = context->in->run;
	struct vt_sink *out = context->out;

	if (context->runs > 1)
		vt_sink_printf(out, "%s\"run\": \"%016" PRIx64 "\",", indent, run->run);
	if (context->labels->count == 0)
		return;
	vt_sink_printf(out, "%s\"labels\": ", indent);
	vt_labels_json(out, context->labels, context->in);
	vt_sink_char(out, ',');
}

static int whole_json(const struct vt_export_context *context)
{
	int code;
	char *text = render_metrics(context, &code, vt_metrics_json);

	if (!text)
		return code;
	bool several = context->runs > 1;
	vt_sink_char(context->out, '{');
	put_whose(context, several ? " " : "\n  ");
	if (several) {
		put_compact(context->out, text + 1);
		vt_sink_char(context->out, '\n');
	} else {
		vt_sink_string(context->out, text + 1);
	}
	free(text);
	return VT_EXIT_OK;
}

/* The block has no room for a name: with several runs a line before each says whose it is. */
static int whole_kernel(const struct vt_export_context *context)
{
	const struct vt_process_info *p = vt_main_process(context->in->run);
	int code;
	char *text = render_metrics(context, &code, vt_metrics_kernel);

	if (!text)
		return code;
	if (context->in->index > 0)
		vt_sink_char(context->out, '\n');
	if (context->runs > 1) {
		vt_sink_string(context->out, "run ");
		vt_run_column(context->out, context->in);
		if (p)
			vt_program_text(context->out, p);
		vt_sink_char(context->out, '\n');
	}
	vt_sink_string(context->out, text);
	free(text);
	return VT_EXIT_OK;
}

const struct vt_export vt_export_prometheus = {
	.name = "prometheus",
	.summary = "the last counters, text format 0.0.4",
	.replaces = true,
	.takes_labels = true,
	.all = all_prometheus,
};

const struct vt_export vt_export_metrics_json = {
	.name = "metrics-json",
	.summary = "the last counters as one JSON object",
	.takes_labels = true,
	.whole = whole_json,
};

const struct vt_export vt_export_kernel = {
	.name = "kernel",
	.summary = "the kernel-style statistics block",
	.whole = whole_kernel,
};
