/*
 * export_perfetto.c - Perfetto's own format: a protobuf Trace of TracePackets, half the size of the
 * chrome JSON and exact whatever the numbers are.
 *
 * One packet sequence a run. Names are interned; each packet that uses interned ones says so, and
 * the first one that there is nothing before it. Tracks are described before their first event.
 * Timestamps are of the trace's default clock, which a snapshot ties to the time of day. A packet
 * is composed in memory and written whole; counters stand behind the events, since the reader sorts
 * by time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "decoder/export.h"
#include "decoder/iids.h"
#include "decoder/protow.h"
#include "decoder/track_counters.h"
#include "decoder/tracks.h"

/* Numbers of fields, by message. */
enum { TRACE_PACKET = 1 };
enum { PACKET_CLOCKS = 6, PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11,
       PACKET_INTERNED = 12, PACKET_FLAGS = 13, PACKET_TRACK = 60, PACKET_FIRST = 87 };
enum { STATE_CLEARED = 1, NEEDS_STATE = 2 };
enum { CLOCKS_CLOCK = 1, CLOCK_ID = 1, CLOCK_TIMESTAMP = 2 };
enum { CLOCK_REALTIME_ID = 1, CLOCK_MONOTONIC_ID = 3, CLOCK_DEFAULT_ID = 6 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PROCESS = 3, TRACK_THREAD = 4, TRACK_PARENT = 5,
       TRACK_COUNTER = 8 };
enum { PROCESS_PID = 1, PROCESS_NAME = 6 };
enum { THREAD_PID = 1, THREAD_TID = 2, THREAD_NAME = 5 };
enum { COUNTER_UNIT = 3, UNIT_TIME = 1, UNIT_COUNT = 2, UNIT_SIZE = 3 };
enum { EVENT_CATEGORY_IID = 3, EVENT_ARG = 4, EVENT_TYPE = 9, EVENT_NAME_IID = 10, EVENT_TRACK = 11,
       EVENT_CATEGORY = 22, EVENT_NAME = 23, EVENT_COUNTER = 30, EVENT_COUNTER_REAL = 44, EVENT_FLOW = 47 };
enum { TYPE_BEGIN = 1, TYPE_END = 2, TYPE_INSTANT = 3, TYPE_COUNTER = 4 };
enum { ARG_NAME_IID = 1, ARG_BOOL = 2, ARG_UNSIGNED = 3, ARG_SIGNED = 4, ARG_REAL = 5, ARG_TEXT = 6,
       ARG_NAME = 10 };
enum { INTERNED_CATEGORIES = 1, INTERNED_NAMES = 2, INTERNED_ARGS = 3, INTERNED_ID = 1, INTERNED_TEXT = 2 };

/* Beside the types of events, whose numbers have 16 bits for each process. */
#define UUID_PROCESS (UINT32_MAX - 2)
#define UUID_LANE    (UINT32_MAX - 3)
#define UUID_COUNTER (UINT32_MAX - 4)

struct shared {
	struct vt_track_names names;
	uint32_t runs;
};

struct perfetto {
	const struct vt_export_context *context;
	struct shared *shared;
	struct vt_tracks tracks;
	struct vt_args args;
	struct vt_iids categories, names, keys;
	struct vt_sink packet, interned;        /* what is composed now, and the texts that are new in it */
	size_t packet_at, event_at;
	uint32_t sequence;
	bool begun, needs_state;
	struct vt_pointer_map counters;         /* numbers of tracks that were described */
};

/* ---- packets --------------------------------------------------------------------------------- */

static void open_packet(struct perfetto *p)
{
	p->packet.used = p->interned.used = 0;
	p->needs_state = false;
	p->packet_at = vt_proto_open(&p->packet, TRACE_PACKET);
	vt_proto_u64(&p->packet, PACKET_SEQUENCE, p->sequence);
}

static int close_packet(struct perfetto *p)
{
	unsigned flags = (p->begun ? 0 : STATE_CLEARED) | (p->needs_state ? NEEDS_STATE : 0);

	if (p->interned.used > 0)
		vt_proto_bytes(&p->packet, PACKET_INTERNED, p->interned.buffer, p->interned.used);
	if (flags)
		vt_proto_u64(&p->packet, PACKET_FLAGS, flags);
	if (!p->begun)
		vt_proto_bool(&p->packet, PACKET_FIRST, true);
	p->begun = true;
	vt_proto_close(&p->packet, p->packet_at);
	if (p->packet.error || p->interned.error)
		return -(p->packet.error ? p->packet.error : p->interned.error);
	vt_sink_bytes(p->context->out, p->packet.buffer, p->packet.used);
	return 0;
}

/* A text by its number, which is introduced with its first use, or as it stands. */
static void put_name(struct perfetto *p, struct vt_iids *table, unsigned kind, unsigned by_number,
                     unsigned plain, const char *text, size_t length)
{
	bool added;
	uint32_t id = vt_iid(table, text, length, &added);

	if (id == 0) {
		vt_proto_string(&p->packet, plain, text, length);
		return;
	}
	p->needs_state = true;
	vt_proto_u64(&p->packet, by_number, id);
	if (!added)
		return;
	size_t at = vt_proto_open(&p->interned, kind);
	vt_proto_u64(&p->interned, INTERNED_ID, id);
	vt_proto_string(&p->interned, INTERNED_TEXT, text, length);
	vt_proto_close(&p->interned, at);
}

static void put_arg(void *user, const char *key, size_t length, const struct vt_arg *arg)
{
	struct perfetto *p = user;
	size_t at = vt_proto_open(&p->packet, EVENT_ARG);

	put_name(p, &p->keys, INTERNED_ARGS, ARG_NAME_IID, ARG_NAME, key, length);
	switch (arg->kind) {
	case VT_ARG_UNSIGNED:
		vt_proto_u64(&p->packet, ARG_UNSIGNED, arg->number);
		break;
	case VT_ARG_SIGNED:
		vt_proto_u64(&p->packet, ARG_SIGNED, arg->number);
		break;
	case VT_ARG_REAL:
		vt_proto_double(&p->packet, ARG_REAL, arg->real);
		break;
	case VT_ARG_BOOL:
		vt_proto_bool(&p->packet, ARG_BOOL, arg->number != 0);
		break;
	case VT_ARG_TEXT:
		vt_proto_string(&p->packet, ARG_TEXT, arg->text, arg->length);
	}
	vt_proto_close(&p->packet, at);
}

/* ---- tracks ---------------------------------------------------------------------------------- */

static uint64_t process_uuid(const struct perfetto *p, const struct vt_viewed_process *process)
{
	return vt_track_uuid(&p->tracks, UUID_PROCESS, process->number);
}

static uint64_t lane_uuid(const struct perfetto *p, const struct vt_lane *lane)
{
	return vt_track_uuid(&p->tracks, UUID_LANE, lane->number);
}

static int tell_process(struct perfetto *p, struct vt_viewed_process *process)
{
	struct vt_sink name;

	if (process->told)
		return 0;
	process->told = true;
	if (vt_sink_memory(&name))
		return -ENOMEM;
	vt_track_process_name(&name, &p->tracks, process);
	open_packet(p);
	size_t track = vt_proto_open(&p->packet, PACKET_TRACK);
	vt_proto_u64(&p->packet, TRACK_UUID, process_uuid(p, process));
	size_t at = vt_proto_open(&p->packet, TRACK_PROCESS);
	vt_proto_u64(&p->packet, PROCESS_PID, process->pid);
	vt_proto_string(&p->packet, PROCESS_NAME, name.buffer, name.used);
	vt_proto_close(&p->packet, at);
	vt_proto_close(&p->packet, track);
	vt_sink_discard(&name);
	return close_packet(p);
}

static int describe_lane(struct perfetto *p, struct vt_lane *lane)
{
	const struct vt_lane *home = lane->home;
	struct vt_sink name;

	lane->told = true;
	if (vt_sink_memory(&name))
		return -ENOMEM;
	vt_track_lane_name(&name, &p->tracks, lane);
	open_packet(p);
	size_t track = vt_proto_open(&p->packet, PACKET_TRACK);
	vt_proto_u64(&p->packet, TRACK_UUID, lane_uuid(p, lane));
	vt_proto_u64(&p->packet, TRACK_PARENT, home ? lane_uuid(p, home) : process_uuid(p, lane->process));
	if (home) {
		vt_proto_string(&p->packet, TRACK_NAME, name.buffer, name.used);
	} else {
		size_t at = vt_proto_open(&p->packet, TRACK_THREAD);
		vt_proto_u64(&p->packet, THREAD_PID, lane->process->pid);
		vt_proto_u64(&p->packet, THREAD_TID, lane->tid);
		vt_proto_string(&p->packet, THREAD_NAME, name.buffer, name.used);
		vt_proto_close(&p->packet, at);
	}
	vt_proto_close(&p->packet, track);
	vt_sink_discard(&name);
	return close_packet(p);
}

/* A thread's own lane is that of the ring; another one is told of as its child. */
static int tell_lane(struct perfetto *p, struct vt_lane *lane)
{
	struct vt_lane *home = lane->home ? lane->home : lane;
	int err = lane->told ? 0 : tell_process(p, lane->process);

	if (!err && !home->told)
		err = describe_lane(p, home);
	if (!err && !lane->told)
		err = describe_lane(p, lane);
	return err;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void open_event(struct perfetto *p, unsigned type, uint64_t track, uint64_t ns)
{
	open_packet(p);
	vt_proto_u64(&p->packet, PACKET_TIMESTAMP, ns);
	p->event_at = vt_proto_open(&p->packet, PACKET_EVENT);
	vt_proto_u64(&p->packet, EVENT_TYPE, type);
	vt_proto_u64(&p->packet, EVENT_TRACK, track);
}

static int close_event(struct perfetto *p)
{
	vt_proto_close(&p->packet, p->event_at);
	return close_packet(p);
}

static void put_title(struct perfetto *p, const struct vt_event *event, const char *name, size_t length)
{
	const char *category = vt_event_category(event);

	put_name(p, &p->categories, INTERNED_CATEGORIES, EVENT_CATEGORY_IID, EVENT_CATEGORY, category,
	         strlen(category));
	put_name(p, &p->names, INTERNED_NAMES, EVENT_NAME_IID, EVENT_NAME, name, length);
}

static int on_begin(void *user, const struct vt_slice *slice)
{
	struct perfetto *p = user;
	int err = tell_lane(p, slice->lane);

	if (err)
		return err;
	open_event(p, TYPE_BEGIN, lane_uuid(p, slice->lane), slice->from);
	put_title(p, slice->event, slice->name, slice->length);
	if (slice->link)
		vt_proto_fixed64(&p->packet, EVENT_FLOW, slice->link);
	vt_args_of_event(&p->args, slice->event);
	if (slice->open)
		vt_args_note(&p->args, "open", "at the end of the log");
	return close_event(p);
}

static int on_end(void *user, const struct vt_slice *slice)
{
	struct perfetto *p = user;

	open_event(p, TYPE_END, lane_uuid(p, slice->lane), slice->to);
	if (slice->event)
		vt_args_of_end(&p->args, slice->event);
	if (slice->ended)
		vt_args_note(&p->args, "ended", slice->ended);
	return close_event(p);
}

/* There is no event with a duration: its begin is told of late. */
static int on_whole(void *user, const struct vt_slice *slice)
{
	struct vt_slice end = { .lane = slice->lane, .to = slice->to };
	int err = on_begin(user, slice);

	return err ? err : on_end(user, &end);
}

static int on_instant(void *user, struct vt_lane *lane, uint64_t ns, const struct vt_event *event)
{
	struct perfetto *p = user;
	char room[VT_ARGS_NAME];
	const char *title;
	size_t length;
	int err = tell_lane(p, lane);

	if (err)
		return err;
	open_event(p, TYPE_INSTANT, lane_uuid(p, lane), ns);
	if (event->gap) {
		snprintf(room, sizeof(room), "lost %" PRIu64 " events", event->gap->total);
		vt_proto_string(&p->packet, EVENT_CATEGORY, "lost", 4);
		vt_proto_string(&p->packet, EVENT_NAME, room, strlen(room));
		vt_args_of_gap(&p->args, event);
	} else {
		title = vt_args_name(p->context->in, event, room, &length);
		put_title(p, event, title, length);
		vt_args_of_event(&p->args, event);
	}
	return close_event(p);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void put_clock(struct perfetto *p, unsigned clock, uint64_t ns)
{
	size_t at = vt_proto_open(&p->packet, CLOCKS_CLOCK);

	vt_proto_u64(&p->packet, CLOCK_ID, clock);
	vt_proto_u64(&p->packet, CLOCK_TIMESTAMP, ns);
	vt_proto_close(&p->packet, at);
}

/*
 * The first packet: what the clocks said when the run began. When nothing is selected there is
 * none.
 */
static int put_clocks(struct perfetto *p)
{
	if (p->begun)
		return 0;
	open_packet(p);
	size_t at = vt_proto_open(&p->packet, PACKET_CLOCKS);
	put_clock(p, CLOCK_DEFAULT_ID, p->tracks.shift);
	put_clock(p, CLOCK_REALTIME_ID, p->context->in->run->realtime);
	if (p->context->time == VT_TIME_MONO)
		put_clock(p, CLOCK_MONOTONIC_ID, p->tracks.shift);
	vt_proto_close(&p->packet, at);
	return close_packet(p);
}

/* ---- counters -------------------------------------------------------------------------------- */

/* The series of a process by its name; the same track whoever tells of it. */
static uint64_t counter_uuid(const struct perfetto *p, const struct vt_viewed_process *process,
                             const char *name, size_t length)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
	return vt_track_uuid(&p->tracks, UUID_COUNTER, h + process->number);
}

/* Seconds are told as the ns they are. */
static unsigned unit_of(unsigned unit)
{
	return unit == VT_UNIT_NS ? UNIT_TIME : unit == VT_UNIT_BYTES ? UNIT_SIZE :
	       unit == VT_UNIT_NONE ? UNIT_COUNT : 0;
}

/* Describes a counter's track before its first value. */
static int tell_counter(struct perfetto *p, const struct vt_viewed_process *process, const char *name,
                        size_t length, unsigned unit, uint64_t uuid)
{
	const void *key = (const void *)(uintptr_t)uuid;

	if (vt_pointer_map_get(&p->counters, key))
		return 0;
	if (vt_pointer_map_add(&p->counters, key, p))
		return -ENOMEM;
	open_packet(p);
	size_t track = vt_proto_open(&p->packet, PACKET_TRACK);
	vt_proto_u64(&p->packet, TRACK_UUID, uuid);
	vt_proto_u64(&p->packet, TRACK_PARENT, process_uuid(p, process));
	vt_proto_string(&p->packet, TRACK_NAME, name, length);
	size_t at = vt_proto_open(&p->packet, TRACK_COUNTER);
	if (unit)
		vt_proto_u64(&p->packet, COUNTER_UNIT, unit);
	vt_proto_close(&p->packet, at);
	vt_proto_close(&p->packet, track);
	return close_packet(p);
}

static int on_level(void *user, struct vt_viewed_process *process, uint64_t ns, const char *name,
                    uint64_t value)
{
	struct perfetto *p = user;
	uint64_t uuid = counter_uuid(p, process, name, strlen(name));
	int err = tell_process(p, process);

	if (!err)
		err = tell_counter(p, process, name, strlen(name), UNIT_SIZE, uuid);
	if (err)
		return err;
	open_event(p, TYPE_COUNTER, uuid, ns);
	vt_proto_u64(&p->packet, EVENT_COUNTER, value > INT64_MAX ? INT64_MAX : value);
	return close_event(p);
}

static int put_value(struct perfetto *p, const struct vt_viewed_process *process,
                     const struct vt_series *series, const struct vt_series_value *v,
                     struct vt_sink *name)
{
	unsigned unit = unit_of(v->desc->unit);

	name->used = 0;
	vt_sink_string(name, series->family);
	vt_sink_string(name, v->desc->labels && *v->desc->labels ? " " : "");
	vt_series_label(name, v->desc);
	uint64_t uuid = counter_uuid(p, process, name->buffer, name->used);
	int err = tell_counter(p, process, name->buffer, name->used, unit, uuid);
	if (err)
		return err;
	open_event(p, TYPE_COUNTER, uuid, series->ns + p->tracks.shift);
	if (unit && v->number <= INT64_MAX)
		vt_proto_u64(&p->packet, EVENT_COUNTER, v->number);
	else
		vt_proto_double(&p->packet, EVENT_COUNTER_REAL, v->real);
	return close_event(p);
}

static int on_series(void *user, const struct vt_series *series)
{
	struct perfetto *p = user;
	struct vt_viewed_process *process = vt_tracks_process(&p->tracks, series->process);
	struct vt_sink name;
	int err = process ? put_clocks(p) : -ENOMEM;

	if (!err)
		err = tell_process(p, process);
	if (err || (err = vt_sink_memory(&name)))
		return err;
	for (unsigned i = 0; i < series->count && !err; i++)
		err = put_value(p, process, series, &series->values[i], &name);
	vt_sink_discard(&name);
	return err;
}

/* ---- the exporter ---------------------------------------------------------------------------- */

static int perfetto_begin(void *state, const struct vt_export_context *context)
{
	static const struct vt_track_ops ops = { on_begin, on_end, on_whole, on_instant, on_level };
	struct perfetto *p = state;
	int err;

	p->context = context;
	p->shared = context->shared;
	p->sequence = ++p->shared->runs;
	p->args.put = put_arg;
	p->args.user = p;
	err = vt_args_init(&p->args, context->in);
	err = err ? err : vt_sink_memory(&p->packet);
	err = err ? err : vt_sink_memory(&p->interned);
	return err ? err : vt_tracks_begin(&p->tracks, context, &p->shared->names, &ops, p);
}

static int perfetto_event(void *state, const struct vt_event *event)
{
	struct perfetto *p = state;
	int err = put_clocks(p);

	return err ? err : vt_tracks_event(&p->tracks, event);
}

static int perfetto_end(void *state)
{
	struct perfetto *p = state;

	vt_tracks_say_hidden(&p->tracks);
	return vt_series_each(p->context, on_series, p);
}

static void keep(void *value)
{
	(void)value;
}

static void perfetto_destroy(void *state)
{
	struct perfetto *p = state;

	vt_tracks_free(&p->tracks);
	vt_args_free(&p->args);
	vt_iids_free(&p->categories);
	vt_iids_free(&p->names);
	vt_iids_free(&p->keys);
	vt_pointer_map_free(&p->counters, keep);
	vt_sink_discard(&p->packet);
	vt_sink_discard(&p->interned);
}

static void perfetto_forget(void *shared)
{
	vt_track_names_free(&((struct shared *)shared)->names);
}

const struct vt_export vt_export_perfetto = {
	.name = "perfetto",
	.summary = "Perfetto's protobuf, for ui.perfetto.dev and trace_processor",
	.binary = true,
	.in_ns = true,
	.state_size = sizeof(struct perfetto),
	.begin = perfetto_begin,
	.event = perfetto_event,
	.end = perfetto_end,
	.destroy = perfetto_destroy,
	.shared_size = sizeof(struct shared),
	.forget = perfetto_forget,
};
