/* load.c - see load.h. The distributions are those of the design's reference load. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/load.h"

/* ---- random numbers ------------------------------------------------------------------------------ */

static double uniform(struct load *l)   /* in (0, 1) */
{
	return ((double)(load_xorshift(&l->random) >> 12) + 0.5) * 0x1p-52;
}

static double log_normal(struct load *l, double median, double sigma)
{
	double u = uniform(l), v = uniform(l);

	return median * exp(sigma * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static uint64_t below(struct load *l, unsigned n)
{
	return (uint64_t)(n * uniform(l));
}

/* ---- one event ------------------------------------------------------------------------------------- */

static struct load_event *put(struct load *l, unsigned id, unsigned count)
{
	struct load_event *e = &l->pending[l->pending_count++];

	memset(e, 0, sizeof(*e));
	e->ticks = l->start + (uint64_t)(l->ns * l->ticks_per_ns);
	e->id = id;
	e->count = count;
	return e;
}

#define PUT(l, category, event, ...) do { \
	const struct vt_ev_##category##_##event payload_ = { .vt__id = 0, __VA_ARGS__ }; \
	const unsigned count_ = sizeof(payload_) / 8 - 1; \
	struct load_event *put_ = put((l), VT_EV_##category##_##event, count_); \
	memcpy(put_->words, (const char *)&payload_ + 8, 8 * count_); \
} while (0)

static void put_syscall(struct load *l)
{
	int64_t result = uniform(l) < 0.1 ? -11 : (int64_t)below(l, 4096);

	PUT(l, syscall, call, .number = below(l, 6), .result = result,
	    .time = (uint64_t)log_normal(l, 900, 0.8));
}

/* A span of `duration` ns: an END has the id after its BEGIN's. */
static void put_span(struct load *l, unsigned id, double duration)
{
	put(l, id, 1)->words[0] = l->cycle;
	l->ns += duration;
	struct load_event *e = put(l, id + 1, 2);
	e->words[0] = l->cycle;
	e->words[1] = (uint64_t)duration;
}

/* Begin, three phases, the pause, end: 10 events, queued at once. */
static void put_collection(struct load *l)
{
	static const unsigned phases[] = { VT_EV_gc_clear, VT_EV_gc_mark, VT_EV_gc_sweep };
	const double start = l->ns;

	PUT(l, gc, begin, .cycle = ++l->cycle, .type = 1 + below(l, 3));
	for (unsigned i = 0; i < sizeof(phases) / sizeof(*phases); i++) {
		l->ns += log_normal(l, 400e3, 0.5);
		put_span(l, phases[i], log_normal(l, 150e3, 0.5));
	}
	l->ns += 100;
	put_span(l, VT_EV_gc_pause, log_normal(l, 450e3, 0.5));
	l->ns += 100;
	uint64_t reclaimed = (uint64_t)log_normal(l, 3e6, 0.3);
	PUT(l, gc, end, .cycle = l->cycle, .time = (uint64_t)(l->ns - start), .reclaimed = reclaimed,
	    .objects_reclaimed = (uint64_t)log_normal(l, 40000, 0.3));
}

static void put_step(struct load *l)
{
	static const uint16_t sizes[] = { 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024 };
	double draw = uniform(l), u = uniform(l);

	if (draw < 0.40 && l->depth < 60) {
		l->depth++;
		PUT(l, interp, call, .function = l->functions[(unsigned)(LOAD_FUNCTIONS * u * u * u)]);
	} else if (draw < 0.80 && l->depth > 0) {
		l->depth--;
		put(l, VT_EV_interp_return, 0);
	} else if (draw < 0.93) {
		PUT(l, memory, alloc, .size = sizes[(unsigned)(10 * u * u)]);
	} else if (draw < 0.96) {
		put_syscall(l);
	} else if (draw < 0.98) {
		PUT(l, loop, iteration, .events = (uint64_t)(8 * u));
	} else {
		PUT(l, loop, idle, .time = (uint64_t)log_normal(l, 2000, 1));
	}
}

/* ---- the stream ------------------------------------------------------------------------------------ */

void load_begin(struct load *l, uint64_t start, uint64_t hz)
{
	memset(l, 0, sizeof(*l));
	l->random = LOAD_SEED;
	l->start = start;
	l->ticks_per_ns = (double)hz / 1e9;
	for (unsigned i = 0; i < LOAD_FUNCTIONS; i++)
		l->functions[i] = i + 1;
	l->until_gc = 15000 + (unsigned)below(l, 10001);
}

void load_names(struct load *l)
{
	char name[32];

	for (unsigned i = 0; i < LOAD_FUNCTIONS; i++) {
		snprintf(name, sizeof(name), "function-%u", i);
		l->functions[i] = vt_string(name);
	}
}

const struct load_event *load_next(struct load *l)
{
	if (l->pending_next == l->pending_count) {
		l->pending_next = l->pending_count = 0;
		l->ns += 12 + log_normal(l, 180, 0.9);
		if (l->until_gc-- == 0) {
			put_collection(l);
			l->until_gc = 15000 + (unsigned)below(l, 10001);
		} else {
			put_step(l);
		}
	}
	return &l->pending[l->pending_next++];
}

bool load_emit(const struct load_event *e)
{
	const uint64_t size = 8 + 8 * (uint64_t)e->count;
	struct vt_ring *ring = vt__ring ? vt__ring : vt__ring_acquire(e->id);

	if (!ring)
		return false;
	vt_store_relaxed(&ring->nest, vt__stack_address() << 6 | e->id >> 8);
	vt_signal_fence();
	if (ring->commit + size > ring->limit || (e->ticks - ring->floor) >> VT_TICK_BITS)
		if (!vt__ring_enter(ring, e->ticks, e->id, size))
			return false;
	uint64_t *to = (uint64_t *)(uintptr_t)(ring->bias + ring->commit);
	vt_store_relaxed(to, e->ticks << 16 | e->id);
	for (unsigned i = 0; i < e->count; i++)
		vt_store_relaxed(to + 1 + i, e->words[i]);
	vt_store_relaxed(&ring->emitted[e->id >> 8], ring->emitted[e->id >> 8] + 1);
	vt_store_release(&ring->commit, ring->commit + size);
	vt_signal_fence();
	vt_store_relaxed(&ring->nest, 0);
	return true;
}

/* ---- ev2 --------------------------------------------------------------------------------------------- */

int load_ev2_begin(struct load_ev2 *l)
{
	const struct vt_field fields[] = {
		{ "pause_us", "a pause", VT_KIND_UINT, VT_UNIT_NONE, 0, NULL },
		{ "bytes", "a size", VT_KIND_UINT, VT_UNIT_BYTES, 0, NULL },
	};
	int category = vt_register_category("bench", "the stream of the peers");
	if (category < 0)
		return category;
	int common = vt_register_event(category, "ev2", "nearly all events", VT_EVENT_INSTANT, fields, 2);
	int rare = vt_register_event(category, "rare", "one in a thousand", VT_EVENT_INSTANT, fields, 2);
	if (common < 0 || rare < 0)
		return common < 0 ? common : rare;
	*l = (struct load_ev2){ LOAD_SEED, (unsigned)common, (unsigned)rare, category };
	return 0;
}
