/*
 * test_stats.c - events by group: against an exact sort, against a loop over all events, and the
 * same bytes however the batches are split over accumulators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/statsjob.h"

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* ---- splitting ------------------------------------------------------------------------------- */

/*
 * Batches to accumulators by chance, which are then added up from the last to the first, or by
 * turns.
 */
static char *split(struct job *job, unsigned parts)
{
	struct vt_stats s[8];
	const struct vt_batch *batch;
	const char *unknown;

	for (unsigned i = 0; i < parts; i++)
		assert_int_equal(vt_stats_init(&s[i], &job->plan), 0);
	assert_int_equal(vt_reader_select(job->in.reader, &job->filter, &unknown), 0);
	while (vt_reader_next_batch(job->in.reader, &batch) > 0)
		assert_int_equal(vt_stats_add_batch(&s[next() % parts], batch), 0);
	unsigned to = (unsigned)(next() % parts);
	for (unsigned i = 0; i < parts; i++)
		if ((i + to) % parts != to)
			assert_int_equal(vt_stats_merge(&s[to], &s[(i + to) % parts]), 0);
	char *text = printed(job, &s[to]);
	for (unsigned i = 0; i < parts; i++)
		vt_stats_free(&s[i]);
	return text;
}

static void check_splits(struct job *job, const char *by, uint64_t step)
{
	plan_by(job, by, step);
	/* Spans are followed on one thread: here all goes as it stands in the columns. */
	job->plan.batched |= job->plan.paired;
	job->plan.paired = 0;
	char *whole = split(job, 1), *events;
	assert_non_null(strstr(whole, "\"rows\":[{"));
	for (unsigned parts = 2; parts <= 8; parts++) {
		char *text = split(job, parts);
		assert_string_equal(text, whole);
		free(text);
	}
	uint64_t batched = job->plan.batched;
	job->plan.batched = 0;
	events = collected(job);
	assert_string_equal(events, whole);
	job->plan.batched = batched;
	free(events);
	free(whole);
}

static void any_split_gives_the_same(void **state)
{
	static const char *const by[] = {
		"event", "category", "thread", "process", "function", "thread event",
		"event number result",
		"bytes process", "type", "reclaimed", "",
	};
	struct job job;

	(void)state;
	open_job(&job, random_log());
	for (size_t i = 0; i < sizeof(by) / sizeof(*by); i++) {
		job.sort = (enum vt_stats_sort)(i % (VT_SORT_NAME + 1));
		check_splits(&job, by[i], 0);
		check_splits(&job, by[i], 100000);
	}
	job.filter.since_set = job.filter.until_set = true;
	job.filter.since_ns = 123456;
	job.filter.until_ns = 2345678;
	check_splits(&job, "event", 0);
	check_splits(&job, "function", 0);
	check_splits(&job, "function", 1000);
	close_job(&job);
}

/* ---- against a loop over all events ---------------------------------------------------------- */

struct expected {
	uint64_t *times, count, timed, sum;
};

static void by_hand(struct job *job, uint64_t bytes, uint64_t step, uint64_t number,
                    struct expected *e)
{
	const struct vt_event *event;
	const char *unknown;

	*e = (struct expected){ .times = calloc(20000, sizeof(uint64_t)) };
	assert_non_null(e->times);
	assert_int_equal(vt_reader_select(job->in.reader, &job->filter, &unknown), 0);
	while (vt_reader_next(job->in.reader, &event) > 0) {
		if (event->gap || event->desc->id != VT_EV_file_call || event->values[3] != bytes ||
		    (step > 0 && event->t_ns / step != number))
			continue;
		e->times[e->timed++] = event->values[4];
		e->count++;
		uint64_t sum = e->sum + event->values[4];
		e->sum = sum < e->sum ? UINT64_MAX : sum;
	}
	qsort(e->times, e->timed, sizeof(*e->times), compare);
}

static void check_group(const struct vt_stats_group *g, const struct expected *e)
{
	static const uint64_t parts[] = { 500, 900, 990, 999 };
	struct vt_stats_view v = { .scratch = calloc(1, sizeof(struct vt_histogram)) };

	assert_non_null(v.scratch);
	assert_true(g->count == e->count && g->timed == e->timed);
	assert_true(g->sum == e->sum);
	assert_true(g->least == e->times[0] && g->most == e->times[e->timed - 1]);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t exact = e->times[(e->timed * parts[i] + 999) / 1000 - 1];
		uint64_t value = vt_stats_percentile(&v, g, parts[i], 1000);
		assert_true((value > exact ? value - exact : exact - value) <= exact / 128);
	}
	free(v.scratch);
}

static void groups_are_what_a_loop_finds(void **state)
{
	struct job job;
	struct vt_stats s;
	struct expected e;

	(void)state;
	open_job(&job, random_log());
	plan_by(&job, "bytes", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	for (uint64_t bytes = 0; bytes < 9; bytes++) {
		const struct vt_stats_group *g = find(&s, 0, NULL, bytes);
		by_hand(&job, bytes, 0, 0, &e);
		assert_non_null(g);
		assert_int_equal(g->key[0].tag, bytes > 0 ? VT_STATS_UINT : VT_STATS_ABSENT);
		check_group(g, &e);
		free(e.times);
	}
	assert_int_equal(s.count, 9);
	vt_stats_free(&s);
	plan_by(&job, "bytes", 50000);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	by_hand(&job, 3, 50000, 4, &e);
	assert_true(e.count > 2);
	check_group(find(&s, 4, NULL, 3), &e);
	free(e.times);
	vt_stats_free(&s);
	close_job(&job);
}

/* An event belongs to the stretch that begins at or before it. */
static void steps_begin_where_they_say(void **state)
{
	static uint32_t counts[20000];
	const struct vt_event *event;
	const char *unknown;
	struct job job;
	struct vt_stats s;

	(void)state;
	open_job(&job, random_log());
	job.filter.since_set = true;
	job.filter.since_ns = 777;
	plan_by(&job, "", 97);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	assert_false(s.ended);
	memset(counts, 0, sizeof(counts));
	assert_int_equal(vt_reader_select(job.in.reader, &job.filter, &unknown), 0);
	while (vt_reader_next(job.in.reader, &event) > 0)
		if (!event->gap && (event->t_ns - 777) / 97 < 20000)
			counts[(event->t_ns - 777) / 97]++;
	for (size_t i = 0; i < s.count; i++) {
		if (s.heap[i]->step >= 20000)
			continue;
		assert_int_equal(s.heap[i]->count, counts[s.heap[i]->step]);
		counts[s.heap[i]->step] = 0;
	}
	for (size_t i = 0; i < 20000; i++)
		assert_int_equal(counts[i], 0);
	vt_stats_free(&s);
	close_job(&job);
}

/* ---- percentiles ----------------------------------------------------------------------------- */

#define VALUES 30000u

static uint64_t uniform(void) { return next() % 1000000; }
static uint64_t constant(void) { return 123456789; }
static uint64_t two_peaks(void) { return next() % 10 ? 1000 + next() % 50 : 90000000; }
static uint64_t all_sizes(void) { return next() >> next() % 64; }
static uint64_t tiny(void) { return next() % 3; }
static uint64_t rare_giant(void) { return next() % 5000 ? 200 + next() % 100 : UINT64_MAX; }
static uint64_t powers(void) { return (uint64_t)1 << next() % 64; }

/* Geometric: the tail of an exponential. */
static uint64_t geometric(void)
{
	uint64_t v = 100;

	while (next() % 64)
		v += 100;
	return v;
}

static void check_distribution(uint64_t (*draw)(void), unsigned parts)
{
	const struct vt_stats_plan plan = { .key_count = 0 };
	struct vt_stats s[5];
	uint64_t *times = calloc(VALUES, sizeof(*times));
	struct expected e = { .times = times, .count = VALUES, .timed = VALUES };

	assert_non_null(e.times);
	for (unsigned i = 0; i < parts; i++)
		assert_int_equal(vt_stats_init(&s[i], &plan), 0);
	for (unsigned i = 0; i < VALUES; i++) {
		struct vt_stats *to = &s[next() % parts];
		struct vt_stats_group *g = vt_stats_group_of(to, 0, NULL, 1);
		e.times[i] = draw();
		e.sum = e.sum + e.times[i] < e.sum ? UINT64_MAX : e.sum + e.times[i];
		g->count++;
		assert_int_equal(vt_stats_add_time(to, g, e.times[i]), 0);
	}
	for (unsigned i = 1; i < parts; i++)
		assert_int_equal(vt_stats_merge(&s[0], &s[i]), 0);
	qsort(e.times, VALUES, sizeof(*e.times), compare);
	check_group(s[0].heap[0], &e);
	for (unsigned i = 0; i < parts; i++)
		vt_stats_free(&s[i]);
	free(e.times);
}

static void percentiles_are_within_the_bound(void **state)
{
	static uint64_t (*const draws[])(void) = {
		uniform, constant, two_peaks, all_sizes, tiny, rare_giant, powers, geometric,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(draws) / sizeof(*draws); i++)
		for (unsigned parts = 1; parts <= 5; parts += 2)
			check_distribution(draws[i], parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(percentiles_are_within_the_bound, start_seed),
		cmocka_unit_test_setup(any_split_gives_the_same, start_seed),
		cmocka_unit_test_setup(groups_are_what_a_loop_finds, start_seed),
		cmocka_unit_test_setup(steps_begin_where_they_say, start_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
