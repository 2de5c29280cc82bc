/*
 * export_speedscope.c - https://www.speedscope.app/file-format-schema.json: one evented profile a
 * thread, of its functions, or, where a run has none, of all its spans.
 *
 * The format wants every frame closed and nothing else open when one is: what a gap or the end of
 * the log left open is closed there, and the profile's name says how often. A coroutine's frames
 * are closed while others run, and opened again. One thread after another is read, so that nothing
 * has to be kept; events that are whole spans cannot be told of in order of time and are left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/export.h"
#include "decoder/jsonw.h"
#include "decoder/profile.h"
#include "decoder/profile_work.h"
#include "decoder/progress.h"
#include "decoder/spans.h"
#include "decoder/units.h"

struct speedscope {
	struct vt_sink *out;
	struct vt_profile frames;               /* for the names alone: its functions are the frames */
	const char *categories[VT_MAX_CATEGORIES];
	unsigned category_count;                /* 0: all */
	unsigned profiles;
	/* of the thread that is read */
	const struct vt_export_context *context;
	const struct vt_ring_info *ring;
	struct vt_spans spans;
	uint32_t open[VT_SPAN_DEPTH];           /* frames as they were told, outermost first */
	unsigned depth;
	uint64_t at, first, gaps, cut;
	bool begun, filled, in_window;
};

/* ---- one profile ----------------------------------------------------------------------------- */

static void put_header(struct speedscope *s, const struct vt_run_info *run)
{
	const char *program = run->process_count > 0 ? run->processes[0]->program : "";

	vt_sink_string(s->out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
	               "\"exporter\":\"valktrace " VT_VERSION "\",\"name\":");
	vt_json_string(s->out, program, strlen(program));
	vt_sink_string(s->out, ",\"activeProfileIndex\":0,\"profiles\":[");
}

static void put_number(struct vt_sink *out, const char *key, uint64_t v)
{
	vt_sink_string(out, key);
	vt_sink_upto(out, vt_num_u64(vt_sink_room(out, VT_NUM_MAX), v));
}

static void put_frame(struct speedscope *s, char type, uint32_t frame)
{
	if (!s->begun) {
		if (s->profiles++ == 0)
			put_header(s, s->context->in->run);
		else
			vt_sink_char(s->out, ',');
		vt_sink_string(s->out, "\n{\"type\":\"evented\",\"unit\":\"nanoseconds\",\"events\":[");
		s->begun = true;
		s->first = s->at;
	}
	vt_sink_string(s->out, s->filled ? ",\n{\"type\":\"" : "\n{\"type\":\"");
	s->filled = true;
	vt_sink_char(s->out, type);
	put_number(s->out, "\",\"frame\":", frame);
	put_number(s->out, ",\"at\":", s->at);
	vt_sink_char(s->out, '}');
}

/* Makes what was told what is so, at this time. */
static void tell(struct speedscope *s, uint64_t ns)
{
	unsigned same = 0;

	s->at = ns > s->at ? ns : s->at;
	while (same < s->depth && same < s->spans.depth && s->open[same] == s->spans.open[same].frame)
		same++;
	while (s->depth > same)
		put_frame(s, 'C', s->open[--s->depth]);
	for (; s->depth < s->spans.depth; s->depth++) {
		s->open[s->depth] = s->spans.open[s->depth].frame;
		put_frame(s, 'O', s->open[s->depth]);
	}
}

static void put_name(struct speedscope *s)
{
	struct vt_sink name;

	if (vt_sink_memory(&name))
		return;
	if (s->context->in->run_digits > 0)
		vt_sink_printf(&name, "%0*" PRIx64 " ", (int)s->context->in->run_digits,
		               s->context->in->run->run >> (64 - 4 * s->context->in->run_digits));
	vt_sink_string(&name, vt_thread_name_of(s->ring));
	if (s->context->in->several_processes)
		vt_sink_printf(&name, "/%" PRIu32, s->ring->process->pid);
	vt_sink_printf(&name, "/%" PRIu32, s->ring->tid);
	if (s->gaps > 0)
		vt_sink_printf(&name, " (events were lost %" PRIu64 " times: open frames closed there)",
		               s->gaps);
	if (s->cut > 0)
		vt_sink_printf(&name, " (%" PRIu64 " frames open at the end: closed there)", s->cut);
	vt_sink_string(s->out, ",\"name\":");
	vt_json_string(s->out, name.buffer, name.used);
	vt_sink_discard(&name);
}

static void end_profile(struct speedscope *s, uint64_t end)
{
	s->cut = s->spans.depth + s->spans.beyond + vt_spans_aside(&s->spans);
	vt_spans_free(&s->spans);
	if (s->in_window)
		tell(s, end);
	if (!s->begun)
		return;
	vt_sink_char(s->out, ']');
	put_number(s->out, ",\"startValue\":", s->first);
	put_number(s->out, ",\"endValue\":", s->at);
	put_name(s);
	vt_sink_char(s->out, '}');
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The frame of a BEGIN or REPLACE; VT_NO_NODE: no memory. */
static uint32_t frame_of(struct speedscope *s, const struct vt_event *event)
{
	const struct vt_event_desc *desc = event->desc;
	const uint64_t *id = NULL;

	for (unsigned i = desc->count; i-- > 0;)
		if (desc->fields[i].kind == VT_KIND_STRING)
			id = &event->values[i];
	return vt_profile_function(&s->frames, event->ring, desc, id);
}

static int on_named(struct speedscope *s, const struct vt_event *event)
{
	unsigned depth = s->spans.depth;
	uint32_t frame = frame_of(s, event);
	struct vt_open_span *span;

	if (frame == VT_NO_NODE)
		return -ENOMEM;
	if (event->desc->flags & VT_EVENT_BEGIN) {
		if (vt_spans_begin(&s->spans, event->desc, event->ticks))
			return -ENOMEM;
		span = s->spans.depth > depth ? &s->spans.open[depth] : NULL;
	} else {
		span = s->spans.beyond ? NULL : vt_spans_innermost(&s->spans, event->desc->category);
	}
	if (span)
		span->frame = frame;
	return 0;
}

static int on_event(struct speedscope *s, const struct vt_event *event)
{
	const struct vt_filter *f = s->context->filter;
	uint64_t ns = event->t_ns;
	struct vt_open_span ended;
	int err = 0;

	if (!s->in_window && (!f->since_set || ns >= f->since_ns)) {
		s->in_window = true;
		tell(s, f->since_set ? f->since_ns : 0);
	}
	if (event->gap) {
		ns = vt_reader_ns(s->context->in->reader, event->gap->t_before);
		vt_spans_gap(&s->spans, event->gap);
		s->gaps += s->in_window;
	} else if (event->desc->flags & (VT_EVENT_BEGIN | VT_EVENT_REPLACE)) {
		err = on_named(s, event);
	} else if (event->desc->flags & VT_EVENT_END) {
		vt_spans_end(&s->spans, event->desc, &ended);
	} else {
		err = vt_spans_instant(&s->spans, event->desc, event->values);
	}
	if (!err && s->in_window)
		tell(s, ns);
	return err;
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool among(const uint32_t *ids, unsigned count, uint32_t id)
{
	for (unsigned i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return count == 0;
}

static int read_ring(struct speedscope *s, const struct vt_export_context *context,
                     const struct vt_ring_info *ring)
{
	const struct vt_filter *asked = context->filter;
	struct vt_filter one = *asked;
	struct vt_reader *reader = context->in->reader;
	uint64_t end = vt_reader_ns(reader, ring->last), seen = 0;
	const struct vt_event *event;
	const char *unknown;

	if (!among(asked->tids, asked->tid_count, ring->tid) || ring->last == 0 ||
	    !among(asked->pids, asked->pid_count, ring->process->pid))
		return 0;
	s->context = context;
	s->ring = ring;
	s->depth = 0;
	s->at = s->gaps = s->cut = 0;
	s->begun = s->filled = s->in_window = false;
	one.tids = &ring->tid;
	one.pids = &ring->process->pid;
	one.tid_count = one.pid_count = 1;
	one.no_bulk = one.since_set = false;    /* what is open then is known only from the events before */
	if (one.category_count == 0) {
		one.categories = s->categories;
		one.category_count = s->category_count;
	}
	int err = vt_reader_select(reader, &one, &unknown), more = 0;
	while (!err && !context->out->error && (more = vt_reader_next(reader, &event)) > 0) {
		if (event->ring != ring)
			continue;
		err = on_event(s, event);
		if ((++seen & 1023) == 0)
			vt_progress(event->t_ns, end, seen, VT_PROGRESS_EVENTS);
	}
	if (asked->until_set && end > asked->until_ns)
		end = asked->until_ns;
	end_profile(s, end);
	return err ? err : more < 0 ? more : 0;
}

/* Categories whose spans are functions, if the run has events of any; else none are named. */
static void find_categories(struct speedscope *s, const struct vt_run_info *run)
{
	s->category_count = 0;
	for (unsigned i = 0; i < run->process_count; i++) {
		const struct vt_schema *schema = run->processes[i]->schema;
		for (unsigned c = 0; c < VT_MAX_CATEGORIES && s->category_count < VT_MAX_CATEGORIES; c++) {
			const char *name = schema->categories[c].name;
			unsigned known = 0;
			if (!name || run->decoded[c] == 0 || !vt_profile_has_functions(schema, c))
				continue;
			while (known < s->category_count && strcmp(s->categories[known], name) != 0)
				known++;
			if (known == s->category_count)
				s->categories[s->category_count++] = name;
		}
	}
}

static int read_run(struct speedscope *s, const struct vt_export_context *context)
{
	const struct vt_run_info *run = context->in->run;
	unsigned before = s->profiles;
	int err = 0;

	s->frames.in = context->in;
	find_categories(s, run);
	vt_progress_begin("profiling", context->in->name, context->out->fd == 1);
	for (unsigned i = 0; i < run->ring_count && !err; i++)
		err = read_ring(s, context, run->rings[i]);
	vt_progress_end();
	if (!err && s->profiles == before)
		vt_message("%s: no calls in it; record --category interp records them", context->in->name);
	return err;
}

static void put_frames(struct speedscope *s)
{
	vt_sink_string(s->out, "],\n\"shared\":{\"frames\":[");
	for (size_t i = 0; i < s->frames.function_count; i++) {
		vt_sink_string(s->out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
		vt_json_string(s->out, s->frames.functions[i].name, s->frames.functions[i].length);
		vt_sink_char(s->out, '}');
	}
	vt_sink_string(s->out, "]}}\n");
}

static int all_speedscope(const struct vt_export_context *contexts, unsigned count)
{
	const struct vt_filter *f = contexts[0].filter;
	struct speedscope *s = calloc(1, sizeof(*s));
	struct vt_profile_work *w = calloc(1, sizeof(*w));
	int code = VT_EXIT_OK;

	if (f->event_count || f->where_count || f->min_duration_ns)
		code = vt_usage("--format speedscope needs all events of a category; it takes "
		                "--category, --tid, --thread, --pid, --since, --until");
	if (s)
		s->frames.work = w;
	if (s && w) {
		w->by_name_size = 2 * VT_PROFILE_FUNCTIONS;
		w->by_name = calloc(w->by_name_size, sizeof(*w->by_name));
		s->out = contexts[0].out;
	}
	if (!code && (!s || !w || !w->by_name))
		code = vt_input_failed(contexts[0].in, -ENOMEM);
	for (unsigned i = 0; i < count && !code; i++) {
		int err = read_run(s, &contexts[i]);
		code = err ? vt_input_failed(contexts[i].in, err) : VT_EXIT_OK;
	}
	if (s && s->profiles > 0)
		put_frames(s);
	if (s)
		vt_profile_free(&s->frames);
	else
		free(w);
	free(s);
	return code;
}

const struct vt_export vt_export_speedscope = {
	.name = "speedscope",
	.summary = "profiles of threads, for speedscope.app",
	.in_ns = true,
	.all = all_speedscope,
};
