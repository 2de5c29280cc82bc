/*
 * export_openmetrics.c - all counter records of a log as series, for backfill into Prometheus:
 * promtool tsdb create-blocks-from openmetrics.
 */
#include "decoder/export.h"

#include <errno.h>
#include <stdlib.h>

#include "core/metrics_text.h"
#include "decoder/cmd.h"
#include "decoder/labels.h"
#include "decoder/moments.h"

struct dump {
	struct vt_series *series;
	struct vt_series_labelled *runs;
	char **labels;
	unsigned count;
	size_t room;
};

static int take_run(struct dump *d, unsigned i, const struct vt_export_context *context)
{
	const struct vt_filter *f = context->filter;
	const struct vt_moments_choice choice = {
		.step = context->step, .since_ns = f->since_ns,
		.until_set = f->until_set, .until_ns = f->until_ns,
	};
	int err = vt_series_of_run(&d->series[i], context->in, &choice, &d->room);

	if (err == -E2BIG) {
		vt_message("%s: its counter records are too many for one call; take fewer: --step 15s, or "
		           "--since and --until", context->in->name);
		return VT_EXIT_LIMIT;
	}
	if (err < 0)
		return vt_input_failed(context->in, err);
	if (d->series[i].moments == 0)
		vt_message("%s: no counter record%s", context->in->name,
		           err > 0 ? " in that time" : ": nothing sampled the metrics");
	return VT_EXIT_OK;
}

/* Several runs are told apart even if nobody says how. */
static const struct vt_list *labels_of(const struct vt_export_context *context)
{
	static char by_run[] = "run=%r";
	static char *items[] = { by_run };
	static const struct vt_list runs = { items, 1 };

	return context->labels->count == 0 && context->runs > 1 ? &runs : context->labels;
}

static int fill_dump(struct dump *d, const struct vt_export_context *contexts)
{
	for (unsigned i = 0; i < d->count; i++) {
		int code = take_run(d, i, &contexts[i]);
		if (code)
			return code;
		d->labels[i] = vt_labels_text(labels_of(&contexts[i]), contexts[i].in);
		if (!d->labels[i])
			return vt_input_failed(contexts[i].in, -ENOMEM);
		d->runs[i] = (struct vt_series_labelled){ &d->series[i], d->labels[i] };
		for (unsigned k = 0; k < i; k++)
			if (strcmp(d->labels[i], d->labels[k]) == 0)
				return vt_usage("%s and %s are two runs: their series would be the same; tell "
				                "them apart: --label run=%%r", contexts[k].in->name,
				                contexts[i].in->name);
	}
	return VT_EXIT_OK;
}

static void write_out(void *user, const char *bytes, size_t length)
{
	vt_sink_bytes(user, bytes, length);
}

static int all_openmetrics(const struct vt_export_context *contexts, unsigned count)
{
	struct dump d = {
		.series = calloc(count, sizeof(*d.series)), .runs = calloc(count, sizeof(*d.runs)),
		.labels = calloc(count, sizeof(*d.labels)), .count = count, .room = VT_MOMENTS_MEMORY,
	};
	bool room = d.series && d.runs && d.labels;
	int code = room ? VT_EXIT_OK : vt_input_failed(contexts->in, -ENOMEM);

	if (!code && (contexts->at > 0 || contexts->at_time))
		code = vt_usage("--at is one moment, openmetrics has all: --since, --until, --step take some");
	if (!code)
		code = fill_dump(&d, contexts);
	if (!code) {
		int err = vt_metrics_open(d.runs, count, write_out, contexts->out);
		code = err < 0 ? vt_input_failed(contexts->in, err) : VT_EXIT_OK;
	}
	for (unsigned i = 0; d.labels && i < count; i++)
		free(d.labels[i]);
	for (unsigned i = 0; d.series && i < count; i++)
		vt_series_free(&d.series[i]);
	free(d.labels);
	free(d.runs);
	free(d.series);
	return code;
}

const struct vt_export vt_export_openmetrics = {
	.name = "openmetrics",
	.summary = "all counters over time, OpenMetrics text 1.0",
	.takes_labels = true,
	.takes_step = true,
	.all = all_openmetrics,
};
