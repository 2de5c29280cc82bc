/*
 * test_drain.c - a ring that is not being written: laps, damage, positions and ticks at their limits,
 * going on where a log ends. Nothing whole is lost, and what is lost is counted exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/child.h"
#include "tests/unit/fakering.h"
#include "tests/unit/memlog.h"

#define SEGMENT     4096u
#define SEGMENTS    24u

/* Which events came out: each at most once, with its own ticks and values, in the order of the ring. */
struct arrivals {
	const struct fake_ring *from;
	uint8_t *came;
	uint32_t next[VT_MAX_CATEGORIES];
	uint64_t count;
};

static void arrive(void *user, struct mem_ring *ring, const struct mem_event *e)
{
	struct arrivals *a = user;
	uint32_t *next = &a->next[e->id >> 8];

	(void)ring;
	while (*next < a->from->count && a->from->events[*next].ticks != e->ticks)
		(*next)++;
	assert_true(*next < a->from->count);    /* else it is invented, or comes twice */
	const struct fake_event *want = &a->from->events[*next];
	assert_int_equal(e->id, want->id);
	assert_int_equal(e->fields, want->fields);
	assert_memory_equal(e->values, want->values, want->fields * sizeof(*e->values));
	a->came[(*next)++] = 1;
	a->count++;
}

struct test {
	struct fake_ring ring;
	struct memlog log;
	struct arrivals arrivals;
	struct vt_drain_ring drain;
};

static void begin(struct test *t, uint64_t position)
{
	memset(t, 0, sizeof(*t));
	fake_open(&t->ring, SEGMENT, SEGMENTS, position);
	memlog_open(&t->log, &t->ring.view, NULL);
	t->arrivals.from = &t->ring;
	t->arrivals.came = calloc(FAKE_MOST, 1);
	assert_non_null(t->arrivals.came);
	t->log.each = arrive;
	t->log.user = &t->arrivals;
	fake_drain(&t->ring, &t->drain);
}

static void end(struct test *t)
{
	assert_int_equal(t->log.wrong, 0);
	memlog_close(&t->log);
	free(t->arrivals.came);
	fake_close(&t->ring);
}

static void drain_until(struct test *t, uint64_t until)
{
	struct vt_drain_sink sink = memlog_sink(&t->log);
	int64_t n;

	do {
		n = vt_drain(&t->drain, until, UINT64_MAX, t->log.splitter, &t->ring.view, &sink);
		assert_true(n >= 0);
	} while (n > 0);
}

/* Every category: what was committed came out or is in a gap. */
static void assert_balanced(const struct test *t)
{
	const struct mem_ring *r = memlog_ring((struct memlog *)&t->log, 1);

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t sum = r->decoded[c];
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			sum += r->gaps[cause][c];
		assert_true(sum == t->ring.ring.emitted[c]);
	}
}

static uint64_t gaps_by(const struct test *t, enum vt_lost_cause cause)
{
	uint64_t sum = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		sum += memlog_ring((struct memlog *)&t->log, 1)->gaps[cause][c];
	return sum;
}

/* ---- laps ------------------------------------------------------------------------------------ */

static void laps(void **state)
{
	struct test t;

	(void)state;
	begin(&t, 0);
	for (unsigned round = 0; round < 12; round++) {
		fake_random(&t.ring, 600 * round);
		drain_until(&t, t.ring.ring.commit);
	}
	for (uint32_t i = 0; i < t.ring.count; i++)
		if (t.ring.events[i].position >= t.ring.ring.horizon)
			assert_true(t.arrivals.came[i]);
	assert_balanced(&t);
	assert_true(gaps_by(&t, VT_LOST_OVERWRITTEN) > 0);
	assert_int_equal(gaps_by(&t, VT_LOST_DAMAGED), 0);
	assert_int_equal(t.arrivals.count + gaps_by(&t, VT_LOST_OVERWRITTEN), t.ring.count);
	end(&t);
}

/* Drained as it is written: nothing is lost in any number of laps. */
static void kept_up(void **state)
{
	struct test t;

	(void)state;
	begin(&t, 0);
	for (unsigned i = 0; i < 300; i++) {
		fake_random(&t.ring, 1 + i % 97);
		drain_until(&t, t.ring.ring.commit);
	}
	assert_true(t.ring.ring.commit > 3ull * SEGMENT * SEGMENTS);
	assert_int_equal(t.arrivals.count, t.ring.count);
	end(&t);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* The same ring at other positions: no difference but in the positions. */
static void any_position(void **state)
{
	const uint64_t lap = (uint64_t)SEGMENT * SEGMENTS;
	const uint64_t around[] = { 1ull << 32, 1ull << 63, (1ull << 63) + (1ull << 32), 1ull << 48 };

	(void)state;
	for (unsigned i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		struct test t;
		begin(&t, (around[i] - lap) / SEGMENT * SEGMENT);
		for (unsigned round = 0; round < 6; round++) {
			fake_random(&t.ring, 900 * round);
			drain_until(&t, t.ring.ring.commit);
		}
		assert_true(t.ring.begin < around[i] && t.ring.ring.commit > around[i]);
		assert_balanced(&t);
		assert_int_equal(t.arrivals.count + gaps_by(&t, VT_LOST_OVERWRITTEN), t.ring.count);
		end(&t);
	}
}

/* 48 bits of ticks in a record are enough: after a long idle time a new segment begins. */
static void ticks_wrap(void **state)
{
	static const uint64_t steps[] = {
		1, VT_TICK_HALF - 1, 1, VT_TICK_HALF, VT_TICK_HALF + 1, 2 * VT_TICK_HALF - 1,
		2 * VT_TICK_HALF, 5 * VT_TICK_HALF + 3, 1ull << 55, 3,
	};
	struct test t;
	uint64_t ticks = (1ull << 48) - 5, value = 0;

	(void)state;
	begin(&t, 0);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ticks += steps[i];
		value++;
		fake_emit(&t.ring, VT_EV_memory_alloc, &value, ticks);
	}
	drain_until(&t, t.ring.ring.commit);
	assert_int_equal(t.arrivals.count, t.ring.count);
	assert_int_equal(t.drain.cursor.corrections, 0);
	end(&t);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static bool hit(uint64_t position, uint64_t begin_of_ring)
{
	uint64_t index = (position - begin_of_ring) / SEGMENT;
	return index % 2 == 0 || index % 5 == 0;
}

/* From where on a segment is damaged, and with what. */
static const struct damage { uint32_t from; int with; } damages[] = {
	{ 0, 0xff }, { 0, 0 }, { 0, 0xa5 }, { 8, 0xff }, { 24, 0 }, { 24, 0xff }, { 40, 0xff },
	{ sizeof(struct vt_segment), 0xff }, { sizeof(struct vt_segment), 0 },
};

/*
 * Every segment whose index is even or a multiple of 5 is damaged, as in the test of ftrace's persistent
 * ring. All events of the others come out; what the damaged ones held is counted by their neighbours.
 */
static void damaged_segments(void **state)
{
	(void)state;
	for (unsigned d = 0; d < sizeof(damages) / sizeof(damages[0]); d++) {
		struct test t;
		uint32_t whole = 0;
		begin(&t, 0);
		while (t.ring.ring.limit < SEGMENT * (SEGMENTS - 2))
			fake_random(&t.ring, 1);
		for (uint64_t at = 0; at < t.ring.ring.commit; at += SEGMENT)
			if (hit(at, 0))
				memset(t.ring.segments + at + damages[d].from, damages[d].with,
				       SEGMENT - damages[d].from);
		/* The last one is whole: it is the neighbour that tells of what precedes it. */
		assert_false(hit(t.ring.ring.commit, 0));
		drain_until(&t, t.ring.ring.commit);
		for (uint32_t i = 0; i < t.ring.count; i++) {
			bool gone = hit(t.ring.events[i].position, 0);
			assert_int_equal(t.arrivals.came[i], !gone);
			whole += !gone;
		}
		assert_int_equal(t.arrivals.count, whole);
		assert_int_equal(gaps_by(&t, VT_LOST_DAMAGED), t.ring.count - whole);
		assert_int_equal(gaps_by(&t, VT_LOST_OVERWRITTEN), 0);
		assert_balanced(&t);
		end(&t);
	}
}

/* Damage from the middle of a segment: what precedes it there comes out too. */
static void damaged_tails(void **state)
{
	(void)state;
	for (uint32_t with = 0; with < 2; with++) {
		struct test t;
		uint32_t from[SEGMENTS];
		begin(&t, 0);
		while (t.ring.ring.limit < SEGMENT * (SEGMENTS - 2))
			fake_random(&t.ring, 1);
		/* At the start of a record: half of one would be decoded with what is left of it. */
		for (uint32_t i = 0; i < SEGMENTS; i++)
			from[i] = SEGMENT;
		for (uint32_t i = 0; i < t.ring.count; i++) {
			uint64_t at = t.ring.events[i].position;
			if (hit(at, 0) && at % SEGMENT > 2000 && from[at / SEGMENT] == SEGMENT)
				from[at / SEGMENT] = (uint32_t)(at % SEGMENT);
		}
		for (uint32_t i = 0; i < SEGMENTS; i++)
			memset(t.ring.segments + i * SEGMENT + from[i], with ? 0xff : 0, SEGMENT - from[i]);
		drain_until(&t, t.ring.ring.commit);
		uint32_t want = 0;
		for (uint32_t i = 0; i < t.ring.count; i++) {
			uint64_t at = t.ring.events[i].position;
			bool there = at % SEGMENT < from[at / SEGMENT];
			assert_int_equal(t.arrivals.came[i], there);
			want += there;
		}
		assert_int_equal(t.arrivals.count, want);
		assert_int_equal(gaps_by(&t, VT_LOST_DAMAGED), t.ring.count - want);
		assert_balanced(&t);
		end(&t);
	}
}

/* A header that counts nonsense is damage like any other: it must not be believed. */
static void damaged_counts(void **state)
{
	static const uint64_t wrong[] = { 0, 1, UINT64_MAX, 1ull << 40 };

	(void)state;
	for (unsigned w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
		struct test t;
		begin(&t, 0);
		while (t.ring.ring.limit < SEGMENT * 12)
			fake_random(&t.ring, 1);
		struct vt_segment *s = (struct vt_segment *)(void *)(t.ring.segments + 5 * SEGMENT);
		s->emitted[VT_CAT_gc] = wrong[w];
		drain_until(&t, t.ring.ring.commit);
		for (uint32_t i = 0; i < t.ring.count; i++)
			assert_int_equal(t.arrivals.came[i], t.ring.events[i].position / SEGMENT != 5);
		assert_int_equal(gaps_by(&t, VT_LOST_DAMAGED), t.ring.count - t.arrivals.count);
		assert_balanced(&t);
		end(&t);
	}
}

/* Random bytes anywhere: no crash, no hang, and nothing is delivered twice. */
static void fuzzed(void **state)
{
	uint64_t random = 4101842887655102017u;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct test t;
		begin(&t, 0);
		fake_random(&t.ring, 1500);
		t.log.each = NULL;
		t.log.made_up = true;
		for (unsigned i = 0; i < 1u << round % 12; i++) {
			uint64_t at = random_next(&random) % (SEGMENT * SEGMENTS);
			t.ring.segments[at] = (char)random_next(&random);
		}
		uint64_t *words[] = { &t.ring.ring.horizon, &t.ring.ring.commit, &t.ring.ring.tail };
		if (round % 3 == 0)
			*words[round / 3 % 3] ^= 1ull << random_next(&random) % 64;
		if (round % 7 == 0)
			t.ring.ring.segment_count = (uint32_t)random_next(&random);
		struct vt_drain_sink sink = memlog_sink(&t.log);
		for (int64_t n = 1, calls = 0; n > 0 && calls < 2000; calls++)
			n = vt_drain(&t.drain, t.ring.ring.commit, UINT64_MAX, t.log.splitter, &t.ring.view,
			             &sink);
		assert_true(t.log.events <= SEGMENT * SEGMENTS / 8);
		end(&t);
	}
}

/* ---- going on -------------------------------------------------------------------------------- */

/* A log ends in the middle of a segment; another drain goes on there, and nothing comes twice. */
static void resumed(void **state)
{
	(void)state;
	for (unsigned budget = 100; budget < 60000; budget += 3001) {
		struct test t;
		begin(&t, 0);
		fake_random(&t.ring, 1000);
		uint64_t middle = t.ring.events[budget % t.ring.count].position;
		drain_until(&t, middle);
		assert_true(t.drain.cursor.position == middle);
		struct vt_resume from = {
			.ring = 1, .position = middle, .last = t.drain.cursor.last,
		};
		memcpy(from.counted, t.drain.cursor.counted, sizeof(from.counted));
		fake_drain(&t.ring, &t.drain);
		vt_drain_resume(&t.drain, &from);
		drain_until(&t, t.ring.ring.commit);
		assert_int_equal(t.arrivals.count, t.ring.count);
		assert_balanced(&t);
		end(&t);
	}
}

/* Meanwhile the ring went round: what lies between the log's end and the ring's begin is counted. */
static void resumed_too_late(void **state)
{
	struct test t;

	(void)state;
	begin(&t, 0);
	fake_random(&t.ring, 500);
	uint64_t middle = t.ring.events[333].position;
	drain_until(&t, middle);
	struct vt_resume from = { .ring = 1, .position = middle, .last = t.drain.cursor.last };
	memcpy(from.counted, t.drain.cursor.counted, sizeof(from.counted));
	fake_random(&t.ring, 5000);
	assert_true(t.ring.ring.horizon > middle);
	fake_drain(&t.ring, &t.drain);
	vt_drain_resume(&t.drain, &from);
	drain_until(&t, t.ring.ring.commit);
	assert_int_equal(t.arrivals.count + gaps_by(&t, VT_LOST_OVERWRITTEN), t.ring.count);
	assert_true(t.arrivals.count > 333);
	assert_balanced(&t);
	end(&t);
}

/* A sink that fails loses nothing: the same chunk comes again. */
struct failing { struct memlog *log; unsigned calls; };

static int fail_often(void *user, struct vt_chunk_header *h, const struct vt_split_section *sections,
                      unsigned count)
{
	struct failing *f = user;
	if (++f->calls % 3)
		return -28;
	return memlog_sink(f->log).events(f->log, h, sections, count);
}

static int fail_gap(void *user, const struct vt_rec_gap *gap)
{
	struct failing *f = user;
	return ++f->calls % 3 ? -28 : memlog_sink(f->log).gap(f->log, gap);
}

static void sink_that_fails(void **state)
{
	struct test t;
	struct failing failing = { &t.log, 0 };
	struct vt_drain_sink sink = { fail_often, fail_gap, &failing };

	(void)state;
	begin(&t, 0);
	for (unsigned i = 0; i < 60; i++) {
		fake_random(&t.ring, 100);
		vt_drain(&t.drain, t.ring.ring.commit, UINT64_MAX, t.log.splitter, &t.ring.view, &sink);
	}
	for (unsigned i = 0; i < 10; i++)
		vt_drain(&t.drain, t.ring.ring.commit, UINT64_MAX, t.log.splitter, &t.ring.view, &sink);
	assert_true(t.drain.cursor.position == t.ring.ring.commit);
	assert_int_equal(t.arrivals.count + gaps_by(&t, VT_LOST_OVERWRITTEN), t.ring.count);
	assert_balanced(&t);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(laps),
		cmocka_unit_test(kept_up),
		cmocka_unit_test(any_position),
		cmocka_unit_test(ticks_wrap),
		cmocka_unit_test(damaged_segments),
		cmocka_unit_test(damaged_tails),
		cmocka_unit_test(damaged_counts),
		cmocka_unit_test(fuzzed),
		cmocka_unit_test(resumed),
		cmocka_unit_test(resumed_too_late),
		cmocka_unit_test(sink_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
