/* metrics_special.c - families that are not one metric: sources, loss, the run itself, calls. */
#include "core/metrics_dump.h"

#include <valktrace/format.h>

#include <string.h>

#include "core/metrics_family.h"

#define TIME_DIGITS 6u

/* Of one reason: over time a source may have several, and each is a series of its own. */
static void put_reason(struct vt_dump *d, struct vt_dump_run *r, unsigned source, const char *reason)
{
	vt_dump_rewind(r);
	vt_dump_want(r, VT_SERIES_SOURCE(source));
	while (vt_dump_next(r)) {
		const char *before = "{";
		if (reason && strcmp(vt_source_reason(r->m, source), reason) != 0)
			continue;
		vt_dump_begin(d, "valk_source_available", "");
		vt_dump_label(d, r, &before, "source", r->m->schema->sources[source].name);
		vt_dump_label(d, r, &before, "reason", vt_source_reason(r->m, source));
		vt_dump_labelled(d, r, before);
		vt_text_string(&d->text, vt_source_there(r->m, source) ? "1" : "0");
		vt_dump_end(d, r);
	}
}

static void put_source(struct vt_dump *d, struct vt_dump_run *r, unsigned source)
{
	if (!r->m->schema->sources[source].name)
		return;
	for (unsigned i = 0; r->series && i < r->series->reason_count[source]; i++)
		put_reason(d, r, source, r->series->reasons[source][i]);
	if (!r->series)
		put_reason(d, r, source, NULL);
}

static void put_complete(struct vt_dump *d, struct vt_dump_run *r, unsigned index)
{
	(void)index;
	vt_dump_rewind(r);
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		vt_dump_want(r, VT_SERIES_LOST(i));
	while (vt_dump_next(r)) {
		uint64_t lost = 0;
		for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
			lost |= r->m->lost[i];
		vt_dump_begin(d, "valk_trace_complete", "");
		vt_dump_labelled(d, r, "{");
		vt_text_string(&d->text, lost == 0 ? "1" : "0");
		vt_dump_end(d, r);
	}
}

static void put_info(struct vt_dump *d, struct vt_dump_run *r, unsigned index)
{
	char hex[17];
	struct vt_text run = { hex, sizeof(hex), 0 };

	(void)index;
	vt_text_hex(&run, r->m->run);
	vt_text_end(&run);
	for (vt_dump_rewind(r); vt_dump_next(r);) {
		const char *before = "{";
		vt_dump_begin(d, "valk_trace_info", "");
		vt_dump_label(d, r, &before, "program", r->m->program);
		vt_dump_label(d, r, &before, "version", r->m->version);
		vt_dump_label(d, r, &before, "run", hex);
		vt_dump_labelled(d, r, before);
		vt_text_string(&d->text, "1");
		vt_dump_end(d, r);
	}
}

/* A category counts when its loss is reported, and in any case when it has one. */
static void put_lost(struct vt_dump *d, struct vt_dump_run *r, unsigned category)
{
	const char *name = r->m->schema->categories[category].name;
	bool wanted = r->m->wanted >> category & 1;
	char spare[8];

	if (!name) {
		struct vt_text number = { spare, sizeof(spare), 0 };
		vt_text_string(&number, "#");
		vt_text_number(&number, category);
		vt_text_end(&number);
	}
	vt_dump_rewind(r);
	vt_dump_want(r, VT_SERIES_LOST(category));
	while (vt_dump_next(r)) {
		const char *before = "{";
		if (!wanted && r->m->lost[category] == 0)
			continue;
		vt_dump_begin(d, "valk_trace_lost_events_total", "");
		vt_dump_label(d, r, &before, "category", name ? name : spare);
		vt_dump_labelled(d, r, before);
		vt_text_number(&d->text, r->m->lost[category]);
		vt_dump_end(d, r);
	}
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* One family of a call, from the first call on. */
static void put_call(struct vt_dump *d, struct vt_dump_run *r, unsigned index, const char *family,
                     enum vt_series_of_call what)
{
	if (index >= r->m->call_count)
		return;
	const struct vt_call_stat *c = &r->m->calls[index];
	vt_dump_rewind(r);
	vt_dump_want(r, VT_SERIES_CALL(index, VT_SERIES_COUNT));
	vt_dump_want(r, VT_SERIES_CALL(index, what));
	while (vt_dump_next(r)) {
		const char *before = "{";
		if (c->count == 0)
			continue;
		vt_dump_begin(d, family, "");
		vt_dump_label(d, r, &before, "call", c->call);
		vt_dump_label(d, r, &before, "category", c->category);
		vt_dump_labelled(d, r, before);
		if (what == VT_SERIES_TIME)
			vt_text_ratio(&d->text, c->time, 1000000000, TIME_DIGITS);
		else
			vt_text_number(&d->text, what == VT_SERIES_COUNT ? c->count : c->errors);
		vt_dump_end(d, r);
	}
}

static void put_call_count(struct vt_dump *d, struct vt_dump_run *r, unsigned i)
{
	put_call(d, r, i, "valk_calls_total", VT_SERIES_COUNT);
}

static void put_call_errors(struct vt_dump *d, struct vt_dump_run *r, unsigned i)
{
	put_call(d, r, i, "valk_call_errors_total", VT_SERIES_ERRORS);
}

static void put_call_time(struct vt_dump *d, struct vt_dump_run *r, unsigned i)
{
	put_call(d, r, i, "valk_call_seconds_total", VT_SERIES_TIME);
}

const struct vt_special vt_specials[VT_SPECIALS] = {
	{ "valk_call_errors_total", "counter", "Calls that failed", VT_MAX_CALL_TOTALS, put_call_errors },
	{ "valk_call_seconds_total", "counter", "Time in calls, failed ones included", VT_MAX_CALL_TOTALS,
	  put_call_time },
	{ "valk_calls_total", "counter", "Calls, failed ones included", VT_MAX_CALL_TOTALS, put_call_count },
	{ "valk_source_available", "gauge", "Whether a source of metrics was there, and why not",
	  VT_MAX_SOURCES, put_source },
	{ "valk_trace_complete", "gauge", "1 if no event was lost", 1, put_complete },
	{ "valk_trace_info", "info", "What was recorded", 1, put_info },
	{ "valk_trace_lost_events_total", "counter", "Events lost by category",
	  VT_MAX_CATEGORIES, put_lost },
};
