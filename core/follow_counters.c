/* follow_counters.c - counter records of a followed process: samples, what was said of sources, snapshots of the host. */
#include <stdlib.h>
#include <string.h>

#include "core/follow_tables.h"
#include "core/sample.h"

/* Statistics of calls, if there are any new ones. */
static void put_calls(struct vt_followed *p, const struct vt_counter_sample *s, struct vt_out *payload)
{
	struct vt_call_sample calls;
	uint64_t sum = 0;

	vt_sample_calls(&p->view, &calls);
	sum += calls.missed;
	for (unsigned i = 0; i < calls.count; i++)
		sum += calls.totals[i].count;
	if (sum == p->calls && !(s->flags & VT_COUNTERS_FINAL && sum > 0))
		return;
	p->calls = sum;
	vt_rec_calls_encode(payload, &(struct vt_rec_calls){
		.process = p->index, .count = (uint16_t)calls.count, .sequence = s->sequence,
		.missed = calls.missed, .totals = calls.totals,
	});
}

static int write_sample(struct vt_followed *p, const struct vt_counter_sample *s,
                        const struct vt_follow_out *out)
{
	struct vt_out payload = { 0 };

	vt_rec_counters_encode(&payload, s);
	if (!(s->flags & VT_COUNTERS_LIVE))
		put_calls(p, s, &payload);
	int err = vt_follow_flush(p, out, VT_CHUNK_COUNTERS, &payload, 0);
	vt_out_free(&payload);
	return err;
}

/* The counters of a dead process are as old as the last thing it did. */
static void date_by_last_event(const struct vt_followed *p, struct vt_counter_sample *s)
{
	const struct vt_ring_file *f = p->view.file;

	s->ticks = f->ticks;
	for (unsigned i = 0; i < vt_follow_slots_used(p); i++) {
		const struct vt_followed_slot *slot = &p->slots[i];
		s->ticks = slot->main.cursor.last > s->ticks ? slot->main.cursor.last : s->ticks;
		s->ticks = slot->signal.cursor.last > s->ticks ? slot->signal.cursor.last : s->ticks;
	}
	uint64_t ns = f->tick_hz ? (uint64_t)((vt_u128)(s->ticks - f->ticks) * 1000000000u / f->tick_hz) : 0;
	s->monotonic = f->monotonic + ns;
	s->realtime = f->realtime + ns;
	if (f->enabled_since)
		s->values[VT_M_trace_uptime] = s->monotonic > f->enabled_since ? s->monotonic - f->enabled_since : 0;
}

void vt_follow_source(struct vt_followed *p, unsigned source, bool available, const char *reason)
{
	if (source >= VT_MAX_SOURCES)
		return;
	if (available ? p->sources[source].state == SAID_AVAILABLE :
	    p->sources[source].state == SAID_ABSENT && strcmp(p->sources[source].reason, reason) == 0)
		return;
	char *copy = available ? NULL : strdup(reason);
	if (!available && !copy)
		return;
	free(p->sources[source].reason);
	p->sources[source].reason = copy;
	p->sources[source].state = available ? SAID_AVAILABLE : SAID_ABSENT;
}

void vt_follow_source_unsaid(struct vt_followed *p, unsigned source)
{
	free(p->sources[source].reason);
	p->sources[source].reason = NULL;
	p->sources[source].state = NOT_SAID;
}

static void add_said_sources(const struct vt_followed *p, struct vt_counter_sample *s)
{
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		if (p->sources[i].state == NOT_SAID)
			continue;
		s->sources_known |= 1u << i;
		if (p->sources[i].state == SAID_AVAILABLE)
			s->sources_available |= 1u << i;
		else if (!(s->sources_available >> i & 1))
			s->reasons[i] = (struct vt_span){ p->sources[i].reason, strlen(p->sources[i].reason) };
	}
}

/*
 * The longest pause of an interval is that of two counter records, and there is one recorder: whoever reads
 * metrics in between takes nothing away. Without a pause it is 0; without a collector it is absent.
 */
static void end_interval(struct vt_followed *p)
{
	static const unsigned metric = VT_M_gc_pause_interval_max, pauses = VT_M_gc_pauses;
	struct vt_ring_file *f = p->view.file;

	if (!p->view.live || !(vt_load_relaxed(&f->present[pauses / 64]) >> pauses % 64 & 1))
		return;
	vt_store_relaxed(&f->gauges[metric], __atomic_exchange_n(&f->longest_pause, 0, __ATOMIC_RELAXED));
	__atomic_fetch_or(&f->present[metric / 64], 1ull << metric % 64, __ATOMIC_RELAXED);
}

int vt_follow_counters(struct vt_followed *p, uint16_t flags, const struct vt_follow_out *out)
{
	struct vt_counter_sample s;

	end_interval(p);
	vt_sample(&p->view, &s);
	s.sequence = vt_add_relaxed(&p->view.file->next_record, 1);
	s.process = p->index;
	s.flags = flags;
	add_said_sources(p, &s);
	if (!p->view.live)
		date_by_last_event(p, &s);
	int err = write_sample(p, &s, out);
	return err || !p->sampled ? err : p->sampled(p->sampled_user, p, &s);
}

static void sample_of_snapshot(const struct vt_followed *p, const struct vt_snapshot *from,
                               struct vt_counter_sample *s)
{
	memset(s, 0, sizeof(*s));
	s->sequence = from->sequence;
	s->ticks = from->ticks;
	s->monotonic = from->monotonic;
	s->realtime = from->realtime;
	s->process = p->index;
	s->flags = VT_COUNTERS_LIVE;
	memcpy(s->present, from->present, sizeof(s->present));
	memcpy(s->values, from->values, sizeof(s->values));
	memcpy(s->lost, from->lost, sizeof(s->lost));
	s->sources_known = (uint32_t)from->sources_known;
	s->sources_available = (uint32_t)from->sources_available;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		s->reasons[i] = vt_follow_string(p, from->reasons[i]);
}

/* The host waits for none of them. */
int vt_follow_write_snapshots(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_counter_sample s;
	uint64_t newest = p->snapshots;
	int err = 0;

	for (;;) {
		const struct vt_snapshot *next = NULL;
		for (unsigned i = 0; i < VT_SNAPSHOTS; i++) {
			const struct vt_snapshot *at = &p->view.file->snapshots[i];
			/* Pairs with the store-release of sequence: the snapshot is whole. */
			uint64_t sequence = vt_load_acquire(&at->sequence);
			if (sequence > newest && (!next || sequence < next->sequence))
				next = at;
		}
		if (!next || err)
			return err;
		newest = next->sequence;
		sample_of_snapshot(p, next, &s);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (vt_load_relaxed(&next->sequence) == newest)
			err = write_sample(p, &s, out);
		if (!err)
			p->snapshots = newest;
	}
}
