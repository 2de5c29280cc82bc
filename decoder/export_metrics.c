/*
 * export_metrics.c - prometheus, metrics-json and kernel: a counter record of the log, printed
 * by the same code as in a running host (core/metrics_*.c), so that the bytes are the same.
 */
#include "decoder/export.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/cmd.h"
#include "decoder/why.h"

static int print_metrics(const struct vt_export_context *context, const struct vt_metrics *m,
                         size_t (*render)(const struct vt_metrics *m, char *to, size_t size))
{
	size_t size = render(m, NULL, 0) + 1;
	char *text = malloc(size);

	if (!text)
		return vt_input_failed(context->in, -ENOMEM);
	size_t length = render(m, text, size);
	vt_sink_bytes(context->out, text, length < size ? length : size - 1);
	free(text);
	return VT_EXIT_OK;
}

static int export_metrics(const struct vt_export_context *context,
                          size_t (*render)(const struct vt_metrics *m, char *to, size_t size))
{
	struct vt_metrics *m = calloc(1, sizeof(*m));
	int records = m ? vt_metrics_of_run(m, context->in, context->at) : -ENOMEM;
	int code;

	if (records < 0)
		code = vt_input_failed(context->in, records);
	else if (records == 0 && context->at > 0)
		code = vt_usage("%s: there is no counter record #%lld (valktrace info tells how many)",
		                context->in->name, (long long)context->at);
	else
		code = print_metrics(context, m, render);
	if (records == 0 && context->at < 0)
		vt_message("%s: no counter record: nothing sampled the metrics", context->in->name);
	free(m);
	return code;
}

static int whole_prometheus(const struct vt_export_context *context)
{
	return export_metrics(context, vt_metrics_prometheus);
}

static int whole_json(const struct vt_export_context *context)
{
	return export_metrics(context, vt_metrics_json);
}

static int whole_kernel(const struct vt_export_context *context)
{
	return export_metrics(context, vt_metrics_kernel);
}

const struct vt_export vt_export_prometheus = {
	.name = "prometheus",
	.summary = "the last counters, text format 0.0.4",
	.replaces = true,
	.whole = whole_prometheus,
};

const struct vt_export vt_export_metrics_json = {
	.name = "metrics-json",
	.summary = "the last counters as one JSON object",
	.whole = whole_json,
};

const struct vt_export vt_export_kernel = {
	.name = "kernel",
	.summary = "the kernel-style statistics block",
	.whole = whole_kernel,
};
