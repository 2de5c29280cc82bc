/* report_history.c - see report_history.h. Counter records are in report_rounds.c. */
#include "decoder/report_history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/process_text.h"
#include "decoder/units.h"

/* ---- time to buckets ----------------------------------------------------------------------------- */

static unsigned bucket_of(const struct vt_history *series, uint64_t ns)
{
	uint64_t length = series->to - series->from;
	uint64_t at = ns > series->from ? ns - series->from : 0;

	if (at >= length)
		return VT_HISTORY_BUCKETS - 1;
	return (unsigned)((vt_u128)at * VT_HISTORY_BUCKETS / length);
}

uint64_t vt_history_bucket_ns(const struct vt_history *series, unsigned bucket)
{
	/* Rounded up: the first moment that bucket_of puts there. */
	vt_u128 at = (vt_u128)(series->to - series->from) * bucket + VT_HISTORY_BUCKETS - 1;

	return series->from + (uint64_t)(at / VT_HISTORY_BUCKETS);
}

static void add_sample(struct vt_history *series, struct vt_samples *samples, uint64_t ns, uint64_t value)
{
	struct vt_bucket *b = &samples->buckets[bucket_of(series, ns)];

	if (samples->count < VT_HISTORY_POINTS)
		samples->points[samples->count] = (struct vt_sample){ ns, value };
	samples->count++;
	b->least = b->count == 0 || value < b->least ? value : b->least;
	if (b->count == 0 || value > b->most) {
		b->most = value;
		b->most_at = ns;
	}
	b->count++;
	if (__builtin_add_overflow(b->sum, value, &b->sum))
		b->sum = UINT64_MAX;
}

/* ---- what the summary counts --------------------------------------------------------------------- */

/* The time from `from` to `to` falls into one or more buckets. */
static void add_paused(struct vt_history *series, uint64_t from, uint64_t to)
{
	from = from < series->from ? series->from : from;
	to = to > series->to ? series->to : to;
	for (unsigned i = bucket_of(series, from); from < to && i < VT_HISTORY_BUCKETS; i++) {
		uint64_t edge = vt_history_bucket_ns(series, i + 1);
		uint64_t until = to < edge ? to : edge;
		series->paused[i] += until > from ? until - from : 0;
		from = until > from ? until : from;
	}
}

static void add_worst(struct vt_history *series, const struct vt_event *event, uint64_t time)
{
	unsigned i = series->worst_count;
	uint64_t cycle = 0;

	if (i == VT_HISTORY_WORST && time <= series->worst[i - 1].time)
		return;
	i = i < VT_HISTORY_WORST ? series->worst_count++ : i - 1;
	for (; i > 0 && series->worst[i - 1].time < time; i--)
		series->worst[i] = series->worst[i - 1];
	vt_event_value(event, "cycle", &cycle);
	series->worst[i] = (struct vt_worst_pause){ event->t_ns, time, cycle, event->ring };
}

static void on_pause(void *user, const struct vt_event *event, uint64_t time)
{
	struct vt_history *series = user;
	uint64_t begin = event->t_ns > time ? event->t_ns - time : 0;

	if (!series->pausing)
		series->pausing = event->ring->process;
	series->several_pausing |= series->pausing != event->ring->process;
	add_sample(series, &series->pauses, event->t_ns, time);
	add_paused(series, begin, event->t_ns);
	add_worst(series, event, time);
}

static void on_heap(void *user, const struct vt_event *event, uint64_t used)
{
	struct vt_history *series = user;

	add_sample(series, &series->heap, event->t_ns, used);
}

static void add_span(struct vt_time_spans *spans, const struct vt_ring_info *ring, uint64_t from, uint64_t to)
{
	if (spans->count < VT_HISTORY_SPANS)
		spans->items[spans->count++] = (struct vt_time_span){ ring, from, to };
	else
		spans->missed++;
}

static void on_gap(void *user, uint64_t from, uint64_t to)
{
	struct vt_history *series = user;

	add_span(&series->lost, NULL, from, to);
}

/* Open until its end is seen; each rule has a ring of its own. */
static void on_violation(void *user, const struct vt_event *event)
{
	struct vt_history *series = user;
	struct vt_time_spans *spans = &series->violated;

	if (event->desc->id == VT_EV_meta_violation) {
		add_span(spans, event->ring, event->t_ns, series->to);
		return;
	}
	for (unsigned i = spans->count; i-- > 0;) {
		if (spans->items[i].ring != event->ring)
			continue;
		spans->items[i].to = event->t_ns;
		return;
	}
}

/* ---- events of threads --------------------------------------------------------------------------- */

/* relaxed: batches are counted on several threads, and nobody reads the sums before all of them are gone */
static void add_events(struct vt_thread_activity *t, unsigned bucket, unsigned events)
{
	__atomic_fetch_add(&t->buckets[bucket], events, __ATOMIC_RELAXED);
	__atomic_fetch_add(&t->events, events, __ATOMIC_RELAXED);
}

/*
 * The ticks of a batch rise, so that the events of a bucket are found by its edges, not one by one. If they
 * do not, in a log that somebody made, events are counted in the wrong bucket and still once.
 */
static void on_batch(void *user, const struct vt_batch *batch)
{
	struct vt_history *series = user;
	const struct vt_reader *reader = series->s->in->reader;
	uint32_t slot = batch->ring->id < series->slot_count ? series->slots[batch->ring->id] : 0;

	if (slot == 0 || batch->events == 0)
		return;
	struct vt_thread_activity *t = &series->threads[slot - 1];
	uint64_t first = vt_reader_ns(reader, batch->t_min), last = vt_reader_ns(reader, batch->t_max);
	unsigned only = bucket_of(series, first);
	if (first >= series->from && last < series->to && only == bucket_of(series, last)) {
		add_events(t, only, batch->events);
		return;
	}
	const uint64_t *ticks = vt_batch_ticks(batch);
	bool to_the_end = !series->s->filter->until_set;        /* what is at the very end is in the last bucket */
	for (unsigned at = 0; ticks && at < batch->events;) {
		uint64_t ns = vt_reader_ns(reader, ticks[at]);
		unsigned bucket = bucket_of(series, ns), low = at + 1, high = batch->events;
		uint64_t edge = ns < series->from ? series->from : vt_history_bucket_ns(series, bucket + 1);
		bool inside = ns >= series->from && (ns < series->to || to_the_end);
		if (inside && to_the_end && bucket == VT_HISTORY_BUCKETS - 1)
			edge = UINT64_MAX;
		while (low < high) {
			unsigned middle = low + (high - low) / 2;
			if (vt_reader_ns(reader, ticks[middle]) < edge)
				low = middle + 1;
			else
				high = middle;
		}
		if (inside) {
			add_events(t, bucket, low - at);
		}
		at = low;
	}
}

static uint64_t events_of(const struct vt_ring_info *ring)
{
	uint64_t events = 0;

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		events += ring->decoded[c];
	return events;
}

/* Rings that the summary lists, those with the most events, in the order of the list. */
static int choose_threads(struct vt_history *series)
{
	const struct vt_run_info *run = series->s->in->run;
	uint32_t most = 0;

	for (unsigned i = 0; i < run->ring_count; i++)
		most = run->rings[i]->id > most && !run->rings[i]->is_recorder ? run->rings[i]->id : most;
	if (run->ring_count == 0 || most >= VT_MAX_RINGS)
		return 0;
	series->slots = calloc((size_t)most + 1, sizeof(*series->slots));
	if (!series->slots)
		return -ENOMEM;
	series->slot_count = most + 1;
	bool *chosen = calloc(run->ring_count, sizeof(*chosen));
	if (!chosen)
		return -ENOMEM;
	for (unsigned n = 0; n < VT_HISTORY_THREADS; n++) {
		unsigned best = run->ring_count;
		for (unsigned i = 0; i < run->ring_count; i++)
			if (!chosen[i] && !run->rings[i]->is_recorder && events_of(run->rings[i]) > 0 &&
			    (best == run->ring_count || events_of(run->rings[i]) > events_of(run->rings[best])))
				best = i;
		if (best == run->ring_count)
			break;
		chosen[best] = true;
	}
	for (unsigned i = 0; i < run->ring_count; i++) {
		if (!chosen[i])
			continue;
		series->threads[series->thread_count].ring = run->rings[i];
		series->slots[run->rings[i]->id] = ++series->thread_count;
	}
	free(chosen);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------------------- */

int vt_history_begin(struct vt_history *series, struct vt_summary *s)
{
	const struct vt_filter *f = s->filter;
	uint64_t length = vt_run_length(s->in);

	memset(series, 0, sizeof(*series));
	series->s = s;
	series->from = f->since_set ? f->since_ns : 0;
	series->to = f->until_set && f->until_ns < length ? f->until_ns : length;
	if (series->from >= series->to)
		return 0;       /* there is no time to draw anything in */
	series->watch = (struct vt_summary_watch){
		.user = series, .batch = on_batch, .pause = on_pause, .heap = on_heap, .gap = on_gap,
		.violation = on_violation,
	};
	s->watch = &series->watch;
	return choose_threads(series);
}

int vt_history_finish(struct vt_history *series)
{
	return series->from < series->to ? vt_history_read_rounds(series) : 0;
}

void vt_history_free(struct vt_history *series)
{
	free(series->slots);
	free(series->rounds);
}

static bool has_two(const struct vt_history *series, unsigned metric, bool rate)
{
	unsigned known = 0;

	for (unsigned i = 0; i < series->round_count && known < 2; i++) {
		const struct vt_round *r = &series->rounds[i];
		known += isnan(rate ? r->rates[metric] : r->levels[metric]) ? 0 : 1;
	}
	return known >= 2;
}

bool vt_history_has_rate(const struct vt_history *series, unsigned metric)
{
	return has_two(series, metric, true);
}

bool vt_history_has_level(const struct vt_history *series, unsigned metric)
{
	return has_two(series, metric, false);
}
