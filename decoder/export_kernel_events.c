/*
 * export_kernel_events.c - the event line of the kernel-style tracer:
 *
 *   [12.34] FILE open: /etc/passwd
 *
 * Milliseconds since the start of the run, the category as that tracer calls it, the event, and what is
 * told of it: a note's name and detail, of any other event its fields as the text format has them.
 */
#include "decoder/export.h"

#include <string.h>

#include "decoder/cmd.h"
#include "decoder/units.h"

struct state {
	const struct vt_export_context *context;
};

static int begin(void *state, const struct vt_export_context *context)
{
	((struct state *)state)->context = context;
	return 0;
}

static void put_category(struct vt_sink *out, const char *category)
{
	static const struct { const char *name, *text; } others[] = {
		{ "scheduler", "SCHED" }, { "compositor", "COMP" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(category, others[i].name) == 0) {
			vt_sink_string(out, others[i].text);
			return;
		}
	char upper[VT_MAX_NAME + 1];
	size_t n = strnlen(category, VT_MAX_NAME);
	for (size_t i = 0; i < n; i++) {
		bool lower = category[i] >= 'a' && category[i] <= 'z';
		upper[i] = lower ? (char)(category[i] - 'a' + 'A') : category[i];
	}
	vt_sink_escaped(out, upper, n, VT_ESCAPE_ALL);
}

/* Rounded down, as all times of events are. */
static void put_time(struct vt_sink *out, uint64_t ns)
{
	vt_sink_printf(out, "[%llu.%02u] ", (unsigned long long)(ns / 1000000),
	               (unsigned)(ns / 10000 % 100));
}

/* A name and a text: then the name is what happened. */
static bool is_note(const struct vt_event_desc *desc)
{
	return strcmp(desc->name, "note") == 0 && desc->count == 2 &&
	       desc->fields[0].kind == VT_KIND_STRING && desc->fields[1].kind == VT_KIND_TEXT;
}

static void put_note(const struct vt_export_context *c, const struct vt_event *event)
{
	size_t length = 0;
	const char *name = vt_reader_string(c->in->reader, event->ring->process, event->values[0], &length);

	vt_sink_escaped(c->out, name ? name : "?", name ? length : 1, VT_ESCAPE_ALL);
	vt_sink_string(c->out, ": ");
	vt_sink_escaped(c->out, event->text, event->text ? (size_t)event->values[1] : 0, VT_ESCAPE_ALL);
}

static int put_event(void *state, const struct vt_event *event)
{
	const struct vt_export_context *c = ((struct state *)state)->context;

	vt_run_column(c->out, c->in);
	put_time(c->out, event->t_ns);
	if (event->gap) {
		vt_sink_printf(c->out, "LOST %s: %llu events\n", vt_cause_name(event->gap->cause),
		               (unsigned long long)event->gap->total);
		return 0;
	}
	put_category(c->out, vt_event_category(event));
	vt_sink_char(c->out, ' ');
	if (is_note(event->desc)) {
		put_note(c, event);
	} else {
		vt_sink_escaped(c->out, event->desc->name, strnlen(event->desc->name, VT_MAX_NAME),
		                VT_ESCAPE_ALL);
		vt_sink_char(c->out, ':');
		if (!vt_text_fields(c->out, c->in, event, c->exact))
			vt_sink_char(c->out, ' ');
	}
	vt_sink_char(c->out, '\n');
	return 0;
}

const struct vt_export vt_export_kernel_events = {
	.name = "kernel-events",
	.summary = "one event a line, as the kernel-style tracer has it",
	.state_size = sizeof(struct state),
	.begin = begin,
	.event = put_event,
};
