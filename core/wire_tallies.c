/* wire_tallies.c - records of COUNTERS and LOSS payloads: numbers by metric, category and cause. */
#include "core/wire_record.h"

static bool is_ring(uint32_t id)
{
	return id < VT_MAX_RINGS || id == VT_NO_RING;
}

/* ---- COUNTERS ------------------------------------------------------------------------------ */

void vt_rec_anchor_encode(struct vt_out *out, const struct vt_rec_anchor *r)
{
	size_t start = vt__rec_begin(out, VT_REC_ANCHOR);

	vt_out_u64(out, r->ticks);
	vt_out_u64(out, r->monotonic);
	vt_out_u64(out, r->realtime);
	vt__rec_end(out, start);
}

bool vt_rec_anchor_decode(struct vt_in body, struct vt_rec_anchor *r)
{
	r->ticks = vt_in_u64(&body);
	r->monotonic = vt_in_u64(&body);
	r->realtime = vt_in_u64(&body);
	return !body.bad;
}

/* { u64 value, u16 id, u16 zero, u32 zero }: a metric or a category and its number. */
static void put_tally(struct vt_out *out, uint64_t value, uint16_t id)
{
	vt_out_u64(out, value);
	vt_out_u16(out, id);
	vt_out_u16(out, 0);
	vt_out_u32(out, 0);
}

static bool get_tally(struct vt_in *in, uint64_t *value, uint16_t *id, unsigned limit)
{
	*value = vt_in_u64(in);
	*id = vt_in_u16(in);
	vt_in_u16(in);
	vt_in_u32(in);
	return !in->bad && *id < limit;
}

static uint16_t count_nonzero(const uint64_t values[VT_MAX_CATEGORIES])
{
	unsigned n = 0;

	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		n += values[i] != 0;
	return (uint16_t)n;
}

static void put_categories(struct vt_out *out, const uint64_t values[VT_MAX_CATEGORIES])
{
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++)
		if (values[i] != 0)
			put_tally(out, values[i], (uint16_t)i);
}

static bool get_categories(struct vt_in *in, unsigned count, uint64_t values[VT_MAX_CATEGORIES])
{
	memset(values, 0, VT_MAX_CATEGORIES * sizeof(*values));
	for (unsigned i = 0; i < count; i++) {
		uint64_t value;
		uint16_t id;
		if (!get_tally(in, &value, &id, VT_MAX_CATEGORIES))
			return false;
		values[id] = value;
	}
	return true;
}

static bool is_present(const struct vt_counter_sample *r, unsigned metric)
{
	return (r->present[metric / 64] >> metric % 64 & 1) != 0;
}

void vt_rec_counters_encode(struct vt_out *out, const struct vt_counter_sample *r)
{
	size_t start = vt__rec_begin(out, VT_REC_COUNTERS);
	unsigned metrics = 0;

	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		metrics += is_present(r, i);
	vt_out_u64(out, r->sequence);
	vt_out_u64(out, r->ticks);
	vt_out_u64(out, r->monotonic);
	vt_out_u64(out, r->realtime);
	vt_out_u32(out, r->process);
	vt_out_u16(out, (uint16_t)metrics);
	vt_out_u16(out, (uint16_t)__builtin_popcount(r->sources_known));
	vt_out_u16(out, count_nonzero(r->lost));
	vt_out_u16(out, r->flags);
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (is_present(r, i))
			put_tally(out, r->values[i], (uint16_t)i);
	put_categories(out, r->lost);
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		if ((r->sources_known >> i & 1) == 0)
			continue;
		vt_out_u8(out, (uint8_t)i);
		vt_out_u8(out, r->sources_available >> i & 1);
		vt__put_span(out, r->reasons[i], VT_MAX_STRING);
	}
	vt__rec_end(out, start);
}

static bool get_metrics(struct vt_in *in, unsigned count, struct vt_counter_sample *r)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t value;
		uint16_t id;
		if (!get_tally(in, &value, &id, VT_MAX_METRICS))
			return false;
		r->present[id / 64] |= (uint64_t)1 << id % 64;
		r->values[id] = value;
	}
	return true;
}

static bool get_sources(struct vt_in *in, unsigned count, struct vt_counter_sample *r)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t id = vt_in_u8(in);
		uint32_t available = vt_in_u8(in) != 0;
		if (id >= VT_MAX_SOURCES || !vt__get_text(in, &r->reasons[id]))
			return false;
		r->sources_known |= (uint32_t)1 << id;
		r->sources_available &= ~((uint32_t)1 << id);
		r->sources_available |= available << id;
	}
	return true;
}

bool vt_rec_counters_decode(struct vt_in body, struct vt_counter_sample *r)
{
	memset(r, 0, sizeof(*r));
	r->sequence = vt_in_u64(&body);
	r->ticks = vt_in_u64(&body);
	r->monotonic = vt_in_u64(&body);
	r->realtime = vt_in_u64(&body);
	r->process = vt_in_u32(&body);
	unsigned metrics = vt_in_u16(&body), sources = vt_in_u16(&body), lost = vt_in_u16(&body);
	r->flags = vt_in_u16(&body);
	if (metrics > VT_MAX_METRICS || sources > VT_MAX_SOURCES || lost > VT_MAX_CATEGORIES)
		return false;
	return vt__is_process(r->process) && get_metrics(&body, metrics, r) &&
	       get_categories(&body, lost, r->lost) && get_sources(&body, sources, r) && !body.bad;
}

/* ---- CALLS --------------------------------------------------------------------------------- */

static void put_call(struct vt_out *out, size_t start, const struct vt_call_total *t)
{
	static const uint8_t zeros[8];

	vt_out_u16(out, t->call);
	vt_out_u8(out, t->category);
	vt_out_u8(out, 0);
	vt_out_u32(out, 0);
	vt_out_u64(out, t->count);
	vt_out_u64(out, t->errors);
	vt_out_u64(out, t->time);
	vt_out_u64(out, t->error_time);
	vt_out_u64(out, t->least);
	vt_out_u64(out, t->most);
	vt__put_span(out, t->name, VT_MAX_NAME);
	vt_out_bytes(out, zeros, (start - out->length) & 7);
}

void vt_rec_calls_encode(struct vt_out *out, const struct vt_rec_calls *r)
{
	size_t start = vt__rec_begin(out, VT_REC_CALLS);

	vt_out_u32(out, r->process);
	vt_out_u16(out, r->count);
	vt_out_u16(out, 0);
	vt_out_u64(out, r->sequence);
	vt_out_u64(out, r->missed);
	for (unsigned i = 0; i < r->count; i++)
		put_call(out, start, &r->totals[i]);
	vt__rec_end(out, start);
}

/* More errors than calls, a least above the most: of a stranger. Cut, so that no sum can go wrong. */
static void make_plausible(struct vt_call_total *t)
{
	t->errors = t->errors < t->count ? t->errors : t->count;
	t->error_time = t->error_time < t->time ? t->error_time : t->time;
	t->least = t->least < t->most ? t->least : t->most;
}

bool vt_rec_calls_entry(struct vt_rec_calls *r, struct vt_call_total *t)
{
	struct vt_in *in = &r->entries;

	if (r->count == 0)
		return false;
	r->count--;
	t->call = vt_in_u16(in);
	t->category = vt_in_u8(in);
	vt_in_take(in, 5);
	t->count = vt_in_u64(in);
	t->errors = vt_in_u64(in);
	t->time = vt_in_u64(in);
	t->error_time = vt_in_u64(in);
	t->least = vt_in_u64(in);
	t->most = vt_in_u64(in);
	if (!vt__get_span(in, &t->name, VT_MAX_NAME))
		return false;
	vt_in_take(in, -(2 + t->name.length) & 7);
	make_plausible(t);
	return !in->bad && t->category < VT_MAX_CATEGORIES && t->call < VT_MAX_CALL_TOTALS;
}

bool vt_rec_calls_decode(struct vt_in body, struct vt_rec_calls *r)
{
	uint64_t seen[VT_MAX_CALL_TOTALS / 64] = { 0 };
	struct vt_call_total t;

	*r = (struct vt_rec_calls){ .process = vt_in_u32(&body), .count = vt_in_u16(&body) };
	vt_in_u16(&body);
	r->sequence = vt_in_u64(&body);
	r->missed = vt_in_u64(&body);
	r->entries = body;
	if (body.bad || r->process >= VT_MAX_PROCESSES || r->count > VT_MAX_CALL_TOTALS)
		return false;
	struct vt_rec_calls walk = *r;
	for (unsigned i = 0; i < r->count; i++) {
		if (!vt_rec_calls_entry(&walk, &t) || (seen[t.call / 64] >> t.call % 64 & 1))
			return false;
		seen[t.call / 64] |= 1ull << t.call % 64;
	}
	return true;
}

/* ---- LOSS ---------------------------------------------------------------------------------- */

void vt_rec_gap_encode(struct vt_out *out, const struct vt_rec_gap *r)
{
	size_t start = vt__rec_begin(out, VT_REC_GAP);

	vt_out_u32(out, r->ring);
	vt_out_u16(out, r->cause);
	vt_out_u16(out, count_nonzero(r->events));
	vt_out_u64(out, r->pos_begin);
	vt_out_u64(out, r->pos_end);
	vt_out_u64(out, r->t_before);
	vt_out_u64(out, r->t_after);
	put_categories(out, r->events);
	vt__rec_end(out, start);
}

bool vt_rec_gap_decode(struct vt_in body, struct vt_rec_gap *r)
{
	r->ring = vt_in_u32(&body);
	r->cause = vt_in_u16(&body);
	unsigned count = vt_in_u16(&body);
	r->pos_begin = vt_in_u64(&body);
	r->pos_end = vt_in_u64(&body);
	r->t_before = vt_in_u64(&body);
	r->t_after = vt_in_u64(&body);
	if (body.bad || count > VT_MAX_CATEGORIES || r->cause >= VT_LOST_CAUSES)
		return false;
	/* Raw ticks may run backwards (another socket): no reason to hide a loss. */
	if (r->t_after < r->t_before)
		r->t_after = r->t_before;
	return is_ring(r->ring) && r->pos_begin <= r->pos_end &&
	       get_categories(&body, count, r->events);
}

static void put_total(struct vt_out *out, unsigned category, uint16_t cause, uint64_t events)
{
	vt_out_u16(out, (uint16_t)category);
	vt_out_u16(out, cause);
	vt_out_u32(out, 0);
	vt_out_u64(out, events);
}

void vt_rec_totals_encode(struct vt_out *out, const struct vt_rec_totals *r)
{
	size_t start = vt__rec_begin(out, VT_REC_TOTALS);
	unsigned count = count_nonzero(r->committed);

	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		count += count_nonzero(r->lost[cause]);
	vt_out_u32(out, r->ring);
	vt_out_u16(out, (uint16_t)count);
	vt_out_u16(out, 0);
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		if (r->committed[i] != 0)
			put_total(out, i, VT_CAUSE_COMMITTED, r->committed[i]);
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			if (r->lost[cause][i] != 0)
				put_total(out, i, (uint16_t)cause, r->lost[cause][i]);
	}
	vt__rec_end(out, start);
}

bool vt_rec_totals_decode(struct vt_in body, struct vt_rec_totals *r)
{
	memset(r, 0, sizeof(*r));
	r->ring = vt_in_u32(&body);
	unsigned count = vt_in_u16(&body);
	vt_in_u16(&body);
	if (body.bad || !is_ring(r->ring) || count > VT_MAX_CATEGORIES * (VT_LOST_CAUSES + 1u))
		return false;
	for (unsigned i = 0; i < count; i++) {
		unsigned category = vt_in_u16(&body), cause = vt_in_u16(&body);
		vt_in_u32(&body);
		uint64_t events = vt_in_u64(&body);
		if (body.bad || category >= VT_MAX_CATEGORIES)
			return false;
		if (cause == VT_CAUSE_COMMITTED)
			r->committed[category] = events;
		else if (cause < VT_LOST_CAUSES)
			r->lost[cause][category] = events;
		else
			return false;
	}
	return true;
}
