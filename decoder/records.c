/* records.c - see records.h. */
#include "decoder/records.h"

#include <errno.h>
#include <stdlib.h>

#include "core/wire.h"
#include "decoder/chunks.h"

static int by_time(const void *left, const void *right)
{
	const struct vt_counter_ref *a = left, *b = right;

	if (a->ticks != b->ticks)
		return a->ticks < b->ticks ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

bool vt_records_finish(struct vt_log *log)
{
	size_t processes = log->catalog.process_limit;

	if (log->counter_count == 0)
		return true;
	qsort(log->counters, log->counter_count, sizeof *log->counters, by_time);
	bool *later = calloc(processes, sizeof *later);
	if (!later)
		return false;
	for (size_t i = log->counter_count; i-- > 0;) {
		struct vt_counter_ref *ref = &log->counters[i];
		ref->last = !later[ref->process];
		later[ref->process] = true;
	}
	free(later);
	return true;
}

/* The chunk whose payload is in log->payload. */
struct loaded {
	uint32_t feed;
	uint64_t offset;
	uint32_t raw;
	bool valid;
};

static int load(struct vt_log *log, const struct vt_counter_ref *ref, struct loaded *l)
{
	uint8_t bytes[VT_MAX_CHUNK_HEADER];
	struct vt_chunk_header h;

	if (l->valid && l->feed == ref->feed && l->offset == ref->offset)
		return 0;
	l->valid = false;
	const struct vt_feed *feed = &log->feeds[ref->feed];
	uint64_t left = feed->size - ref->offset;
	size_t have = left < sizeof bytes ? (size_t)left : sizeof bytes;
	if (vt_feed_read(feed, ref->offset, bytes, have) < 0 ||
	    vt_chunk_header_decode(&h, bytes, have) < 0)
		return NOTE_E_READ;
	int err = vt_chunk_payload(log, ref->feed, ref->offset, &h);
	if (err == 0)
		*l = (struct loaded){ ref->feed, ref->offset, h.raw, true };
	return err;
}

/* The record of calls behind a counter record, if it belongs to it. */
static void take_calls(struct vt_log *log, struct vt_in *in, const struct vt_counter_sample *sample)
{
	struct vt_in body;
	uint16_t kind;

	if (!vt_record_next(in, &kind, &body) || kind != VT_REC_CALLS ||
	    !vt_rec_calls_decode(body, &log->calls) || log->calls.process != sample->process ||
	    log->calls.sequence != sample->sequence)
		log->calls.count = 0;
}

static bool find_record(struct vt_log *log, const struct loaded *l, uint32_t number,
                        struct vt_counter_sample *sample)
{
	struct vt_in in = vt_in_of(log->payload, l->raw), body;
	uint16_t kind;

	for (uint32_t i = 0; vt_record_next(&in, &kind, &body); i++)
		if (i == number) {
			bool good = kind == VT_REC_COUNTERS && vt_rec_counters_decode(body, sample);
			take_calls(log, &in, sample);
			return good;
		}
	return false;
}

static void convert(struct vt_log *log, const struct vt_counter_sample *s, struct vt_counters *c)
{
	memset(c, 0, sizeof *c);
	c->sequence = s->sequence;
	c->ticks = s->ticks;
	c->monotonic = s->monotonic;
	c->realtime = s->realtime;
	c->flags = s->flags;
	c->process = &log->catalog.processes[s->process]->info;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		c->metrics[i].present = s->present[i / 64] >> (i % 64) & 1;
		c->metrics[i].value = c->metrics[i].present ? s->values[i] : 0;
	}
	memcpy(c->lost, s->lost, sizeof c->lost);
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		struct vt_source_state *state = &c->sources[i];
		state->known = s->sources_known >> i & 1;
		state->available = s->sources_available >> i & 1;
		state->reason = "";
		if (state->known)
			state->reason = vt_catalog_reason(&log->catalog, s->reasons[i]);
	}
}

int vt_records_each(struct vt_log *log, int64_t which,
                    int (*each)(void *user, const struct vt_counters *c), void *user)
{
	struct vt_counter_sample sample;
	struct vt_counters c;
	struct loaded loaded = { .valid = false };
	int delivered = 0;

	for (size_t i = 0; i < log->counter_count; i++) {
		const struct vt_counter_ref *ref = &log->counters[i];
		if ((which < 0 && !ref->last) || (which > 0 && ref->sequence != (uint64_t)which))
			continue;
		int err = load(log, ref, &loaded);
		if (err < 0)
			return err;
		/* It was whole when the log was opened. */
		if (err > 0 || !find_record(log, &loaded, ref->record, &sample) ||
		    sample.process != ref->process) {
			vt_chunk_damaged(log, NOTE_E_RECORD, ref->feed, ref->offset, 0,
			                 "a counter record changed while it was read");
			continue;
		}
		convert(log, &sample, &c);
		delivered++;
		if (each(user, &c) != 0)
			break;
	}
	log->calls.count = 0;
	return delivered;
}
