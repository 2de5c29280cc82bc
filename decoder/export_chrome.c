/*
 * export_chrome.c - Trace Event JSON, which ui.perfetto.dev, chrome://tracing, speedscope and many
 * others open: B and E are slices, X whole ones, i points in time, C counters, s t f arrows, M
 * names.
 *
 * One event a line. Times are microseconds with ns behind the point. Counters stand behind the
 * events of their run; readers sort by time.
 */
#include <errno.h>
#include <inttypes.h>

#include "decoder/common.h"
#include "decoder/export.h"
#include "decoder/jsonw.h"
#include "decoder/track_counters.h"
#include "decoder/tracks.h"
#include "decoder/units.h"

#define FLOWS 4096u             /* that are under way at once; of two in one place the first is ended */

struct shared {
	struct vt_track_names names;
	uint64_t flows;
	bool begun, filled;
};

/*
 * Arrows through the slices of one thing: of the last one it is not known yet whether it is the
 * end.
 */
struct flow {
	uint64_t link, id, ns;
	const struct vt_lane *lane;
	const struct vt_event_desc *desc;
	unsigned count;
};

struct chrome {
	const struct vt_export_context *context;
	struct vt_sink *out;
	struct shared *shared;
	struct vt_tracks tracks;
	struct vt_args args;
	bool args_filled;
	struct flow flows[FLOWS];
};

/* ---- one event ------------------------------------------------------------------------------- */

static void put_header(struct chrome *c)
{
	const struct vt_run_info *run = c->context->in->run;
	const char *program = run->process_count > 0 ? run->processes[0]->program : "";
	char utc[VT_NUM_MAX];

	*vt_num_utc(utc, run->realtime, 9) = 0;
	vt_sink_printf(c->out, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"tool\":\"valktrace " VT_VERSION
	               "\",\"run\":\"%016" PRIx64 "\",\"program\":", run->run);
	vt_json_string(c->out, program, strlen(program));
	vt_sink_printf(c->out, ",\"start\":\"%s\",\"runs\":%u,\"lost\":", utc, c->context->runs);
	vt_json_u64(c->out, vt_lost_all(run));
	vt_sink_string(c->out, "},\n\"traceEvents\":[");
	c->shared->begun = true;
}

static void put_number(struct vt_sink *out, const char *key, uint64_t v)
{
	vt_sink_string(out, key);
	vt_sink_upto(out, vt_num_u64(vt_sink_room(out, VT_NUM_MAX), v));
}

static void put_us(struct vt_sink *out, const char *key, uint64_t ns)
{
	char *p;

	vt_sink_string(out, key);
	p = vt_num_u64(vt_sink_room(out, VT_NUM_MAX), ns / 1000);
	*p++ = '.';
	*p++ = (char)('0' + ns % 1000 / 100);
	vt_sink_upto(out, vt_num_pair(p, (unsigned)(ns % 100)));
}

static void put_event(struct chrome *c, const char *phase, uint32_t pid, uint32_t tid)
{
	if (!c->shared->begun)
		put_header(c);
	vt_sink_string(c->out, c->shared->filled ? ",\n{\"ph\":\"" : "\n{\"ph\":\"");
	c->shared->filled = true;
	vt_sink_string(c->out, phase);
	put_number(c->out, "\",\"pid\":", pid);
	put_number(c->out, ",\"tid\":", tid);
}

static void put_name(struct chrome *c, const struct vt_ring_info *ring, const struct vt_event_desc *desc,
                     const char *name, size_t length)
{
	const struct vt_event event = { .ring = ring, .desc = desc };
	const char *category = vt_event_category(&event);

	vt_sink_string(c->out, ",\"cat\":");
	vt_json_string(c->out, category, strlen(category));
	vt_sink_string(c->out, ",\"name\":");
	vt_json_string(c->out, name, length);
}

static void put_arg(void *user, const char *key, size_t length, const struct vt_arg *arg)
{
	struct chrome *c = user;

	vt_sink_string(c->out, c->args_filled ? "," : ",\"args\":{");
	c->args_filled = true;
	vt_json_string(c->out, key, length);
	vt_sink_char(c->out, ':');
	switch (arg->kind) {
	case VT_ARG_UNSIGNED:
		vt_json_u64(c->out, arg->number);
		break;
	case VT_ARG_SIGNED:
		vt_json_i64(c->out, (int64_t)arg->number);
		break;
	case VT_ARG_REAL:
		vt_json_float(c->out, arg->real);
		break;
	case VT_ARG_BOOL:
		vt_sink_string(c->out, arg->number ? "true" : "false");
		break;
	case VT_ARG_TEXT:
		vt_json_string(c->out, arg->text, arg->length);
	}
}

static void close_args(struct chrome *c)
{
	vt_sink_string(c->out, c->args_filled ? "}}" : "}");
	c->args_filled = false;
}

/* ---- names of processes and threads ---------------------------------------------------------- */

static void put_meta(struct chrome *c, const char *what, uint32_t pid, uint32_t tid, struct vt_sink *name)
{
	put_event(c, "M", pid, tid);
	vt_sink_printf(c->out, ",\"name\":\"%s_name\",\"args\":{\"name\":", what);
	vt_json_string(c->out, name->buffer, name->used);
	vt_sink_string(c->out, "}}");
}

static void put_place(struct chrome *c, const char *what, uint32_t pid, uint32_t tid, uint64_t index)
{
	put_event(c, "M", pid, tid);
	vt_sink_printf(c->out, ",\"name\":\"%s_sort_index\",\"args\":{\"sort_index\":%" PRIu64 "}}",
	               what, index);
}

static int tell_process(struct chrome *c, struct vt_viewed_process *p)
{
	struct vt_sink name;

	if (p->told)
		return 0;
	p->told = true;
	if (vt_sink_memory(&name))
		return -ENOMEM;
	vt_track_process_name(&name, &c->tracks, p);
	put_meta(c, "process", p->pid, 0, &name);
	put_place(c, "process", p->pid, 0, p->number);
	vt_sink_discard(&name);
	return 0;
}

static int tell_lane(struct chrome *c, struct vt_lane *lane)
{
	struct vt_sink name;
	int err = lane->told ? 0 : tell_process(c, lane->process);

	if (lane->told || err)
		return err;
	lane->told = true;
	if (vt_sink_memory(&name))
		return -ENOMEM;
	vt_track_lane_name(&name, &c->tracks, lane);
	put_meta(c, "thread", lane->process->pid, lane->tid, &name);
	put_place(c, "thread", lane->process->pid, lane->tid, 2ull * lane->ring->id + (lane->home != NULL));
	vt_sink_discard(&name);
	return 0;
}

/* ---- arrows ---------------------------------------------------------------------------------- */

static void put_flow(struct chrome *c, const char *phase, const struct flow *f)
{
	char room[VT_ARGS_NAME];
	size_t length;
	const char *name = vt_args_type_name(f->lane->ring, f->desc, room, &length);

	put_event(c, phase, f->lane->process->pid, f->lane->tid);
	put_us(c->out, ",\"ts\":", f->ns);
	put_number(c->out, ",\"bp\":\"e\",\"id\":", f->id);
	put_name(c, f->lane->ring, f->desc, name, length);
	vt_sink_char(c->out, '}');
}

static void end_flow(struct chrome *c, struct flow *f)
{
	if (f->count > 1)
		put_flow(c, "f", f);
	f->count = 0;
}

static void add_to_flow(struct chrome *c, const struct vt_slice *slice)
{
	struct flow *f = &c->flows[(slice->link >> 32) % FLOWS];

	if (slice->link == 0)
		return;
	if (f->count > 0 && f->link != slice->link)
		end_flow(c, f);
	if (f->count == 1)
		f->id = ++c->shared->flows;
	if (f->count > 0)
		put_flow(c, f->count == 1 ? "s" : "t", f);
	f->link = slice->link;
	f->ns = slice->from;
	f->lane = slice->lane;
	f->desc = slice->desc;
	f->count++;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static int on_begin(void *user, const struct vt_slice *slice)
{
	struct chrome *c = user;
	int err = tell_lane(c, slice->lane);

	put_event(c, "B", slice->lane->process->pid, slice->lane->tid);
	put_us(c->out, ",\"ts\":", slice->from);
	put_name(c, slice->lane->ring, slice->desc, slice->name, slice->length);
	vt_args_of_event(&c->args, slice->event);
	if (slice->open)
		vt_args_note(&c->args, "open", "at the end of the log");
	close_args(c);
	add_to_flow(c, slice);
	return err;
}

static int on_end(void *user, const struct vt_slice *slice)
{
	struct chrome *c = user;

	put_event(c, "E", slice->lane->process->pid, slice->lane->tid);
	put_us(c->out, ",\"ts\":", slice->to);
	put_name(c, slice->lane->ring, slice->desc, slice->name, slice->length);
	if (slice->event)
		vt_args_of_end(&c->args, slice->event);
	if (slice->ended)
		vt_args_note(&c->args, "ended", slice->ended);
	close_args(c);
	return 0;
}

static int on_whole(void *user, const struct vt_slice *slice)
{
	struct chrome *c = user;
	int err = tell_lane(c, slice->lane);

	put_event(c, "X", slice->lane->process->pid, slice->lane->tid);
	put_us(c->out, ",\"ts\":", slice->from);
	put_us(c->out, ",\"dur\":", slice->to - slice->from);
	put_name(c, slice->lane->ring, slice->desc, slice->name, slice->length);
	vt_args_of_event(&c->args, slice->event);
	close_args(c);
	add_to_flow(c, slice);
	return err;
}

static int on_instant(void *user, struct vt_lane *lane, uint64_t ns, const struct vt_event *event)
{
	struct chrome *c = user;
	char room[VT_ARGS_NAME];
	const char *name;
	size_t length;
	int err = tell_lane(c, lane);

	put_event(c, "i", lane->process->pid, lane->tid);
	put_us(c->out, ",\"s\":\"t\",\"ts\":", ns);
	if (event->gap) {
		vt_sink_printf(c->out, ",\"cat\":\"lost\",\"name\":\"lost %" PRIu64 " events\"",
		               event->gap->total);
	} else {
		name = vt_args_name(c->context->in, event, room, &length);
		put_name(c, event->ring, event->desc, name, length);
	}
	if (event->gap)
		vt_args_of_gap(&c->args, event);
	else
		vt_args_of_event(&c->args, event);
	close_args(c);
	return err;
}

static void put_counter(struct chrome *c, const struct vt_viewed_process *p, uint64_t ns,
                        const char *name)
{
	put_event(c, "C", p->pid, 0);
	put_us(c->out, ",\"ts\":", ns);
	vt_sink_string(c->out, ",\"name\":");
	vt_json_string(c->out, name, strlen(name));
}

/* A number that a double cannot hold would be text, which no chart takes. */
static struct vt_arg exact_arg(uint64_t number)
{
	if (number < 1ull << 53)
		return (struct vt_arg){ .kind = VT_ARG_UNSIGNED, .number = number };
	return (struct vt_arg){ .kind = VT_ARG_REAL, .real = (double)number };
}

static int on_level(void *user, struct vt_viewed_process *process, uint64_t ns, const char *name,
                    uint64_t value)
{
	struct chrome *c = user;
	struct vt_arg arg = exact_arg(value);
	int err = tell_process(c, process);

	put_counter(c, process, ns, name);
	put_arg(c, "value", 5, &arg);
	close_args(c);
	return err;
}

static int on_series(void *user, const struct vt_series *series)
{
	struct chrome *c = user;
	struct vt_viewed_process *p = vt_tracks_process(&c->tracks, series->process);
	struct vt_sink label;
	int err = p ? tell_process(c, p) : -ENOMEM;

	if (err || (err = vt_sink_memory(&label)))
		return err;
	put_counter(c, p, series->ns + c->tracks.shift, series->family);
	for (unsigned i = 0; i < series->count; i++) {
		const struct vt_series_value *v = &series->values[i];
		struct vt_arg arg = { .kind = VT_ARG_REAL, .real = v->real };
		if (v->whole)
			arg = exact_arg(v->number);
		label.used = 0;
		vt_series_label(&label, v->desc);
		put_arg(c, label.used ? label.buffer : "value", label.used ? label.used : 5, &arg);
	}
	close_args(c);
	vt_sink_discard(&label);
	return 0;
}

/* ---- the exporter ---------------------------------------------------------------------------- */

static int chrome_begin(void *state, const struct vt_export_context *context)
{
	static const struct vt_track_ops ops = { on_begin, on_end, on_whole, on_instant, on_level };
	struct chrome *c = state;
	int err;

	c->context = context;
	c->out = context->out;
	c->shared = context->shared;
	c->args.put = put_arg;
	c->args.user = c;
	err = vt_args_init(&c->args, context->in);
	return err ? err : vt_tracks_begin(&c->tracks, context, &c->shared->names, &ops, c);
}

static int chrome_event(void *state, const struct vt_event *event)
{
	struct chrome *c = state;

	return vt_tracks_event(&c->tracks, event);
}

static int chrome_end(void *state)
{
	struct chrome *c = state;

	for (unsigned i = 0; i < FLOWS; i++)
		end_flow(c, &c->flows[i]);
	vt_tracks_say_hidden(&c->tracks);
	return vt_series_each(c->context, on_series, c);
}

static void chrome_destroy(void *state)
{
	struct chrome *c = state;

	vt_tracks_free(&c->tracks);
	vt_args_free(&c->args);
}

static void chrome_finish(struct vt_sink *out, void *shared)
{
	if (((const struct shared *)shared)->begun)
		vt_sink_string(out, "\n]}\n");
}

static void chrome_forget(void *shared)
{
	vt_track_names_free(&((struct shared *)shared)->names);
}

const struct vt_export vt_export_chrome = {
	.name = "chrome",
	.summary = "Trace Event JSON, for ui.perfetto.dev and chrome://tracing",
	.in_ns = true,
	.state_size = sizeof(struct chrome),
	.begin = chrome_begin,
	.event = chrome_event,
	.end = chrome_end,
	.destroy = chrome_destroy,
	.shared_size = sizeof(struct shared),
	.finish = chrome_finish,
	.forget = chrome_forget,
};
