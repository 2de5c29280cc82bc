/*
 * test_stats_groups.c - more groups than there may be: which are left does not depend on who saw
 * what, they are whole, and the heavy ones are among them. Values that are too large to add up.
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

#define MANY 100000u

static struct vt_stats_value number(uint64_t v)
{
	/* Three of a kind have one hash: they have to go together. */
	uint64_t h = v / 3 * 0x9e3779b97f4a7c15u;
	return (struct vt_stats_value){ VT_STATS_UINT, 0, v, NULL, h ^ h >> 29 };
}

/* A multitude of keys, each some times, far apart, and each time to an accumulator by chance. */
static void add_many(struct vt_stats *s, unsigned parts, unsigned many, unsigned times)
{
	for (unsigned i = 0; i < many * times; i++) {
		uint64_t v = ((uint64_t)i * 7919) % many;
		/* The last gets most: it gives up what others may still hold on to. */
		struct vt_stats *to = &s[next() % 16 ? parts - 1 : next() % parts];
		struct vt_stats_value key[VT_STATS_KEYS] = { number(v) };
		struct vt_stats_group *g = vt_stats_group_of(to, 0, key, 1);
		assert_non_null(g);
		g->count++;
		assert_int_equal(vt_stats_add_time(to, g, (v + 1) << i / many), 0);
		to->events++;
	}
}

/* The longest beginning of the order of hashes that fits; what equal hashes have goes together. */
static void check_beginning(const struct vt_stats *s, unsigned many, unsigned times)
{
	uint64_t count = 0, groups = 0, last = 0, cells = 0;
	uint64_t next_hash = UINT64_MAX, next_groups = 0;

	for (size_t i = 0; i < s->count; i++) {
		assert_int_equal(s->heap[i]->count, times);             /* each is whole */
		assert_int_equal(s->heap[i]->cell_count, times);
		count += s->heap[i]->count;
		cells += s->heap[i]->cell_count;
		last = s->heap[i]->hash > last ? s->heap[i]->hash : last;
	}
	assert_int_equal(count + s->others->count, (uint64_t)many * times);
	assert_true(s->count <= s->most_groups && cells <= s->most_cost && cells == s->cost);
	/* All in front of the last one are there, and the next ones would be too much. */
	const struct vt_stats_plan none = { .key_count = 1 };
	struct vt_stats probe;
	assert_int_equal(vt_stats_init(&probe, &none), 0);
	for (unsigned v = 0; v < many; v++) {
		struct vt_stats_value key[VT_STATS_KEYS] = { number(v) };
		uint64_t hash = vt_stats_group_of(&probe, 0, key, 1)->hash;
		groups += s->count > 0 && hash <= last;
		if (s->count > 0 && hash <= last)
			continue;
		next_groups = hash < next_hash ? 1 : next_groups + (hash == next_hash);
		next_hash = hash < next_hash ? hash : next_hash;
	}
	assert_int_equal(groups, s->count);
	assert_true(s->count + next_groups > s->most_groups ||
	            cells + next_groups * times > s->most_cost);
	vt_stats_free(&probe);
}

static char *many_groups(struct job *job, unsigned parts, unsigned many, unsigned times)
{
	struct vt_stats s[5];

	for (unsigned i = 0; i < parts; i++)
		assert_int_equal(vt_stats_init(&s[i], &job->plan), 0);
	add_many(s, parts, many, times);
	for (unsigned i = 1; i < parts; i++)
		assert_int_equal(vt_stats_merge(&s[0], &s[i]), 0);
	assert_true(s[0].ended);
	if (many < VT_STATS_GROUPS)
		check_beginning(&s[0], many, times);
	char *text = printed(job, &s[0]);
	for (unsigned i = 0; i < parts; i++)
		vt_stats_free(&s[i]);
	return text;
}

static void too_many_groups(void **state)
{
	struct job job;

	(void)state;
	open_job(&job, random_log());
	plan_by(&job, "number", 0);
	for (unsigned round = 0; round < 60; round++) {
		unsigned times = 1 + (unsigned)(next() % 20);
		/* Either may be the one that is met. */
		job.plan.most_groups = round > 0 ? 20 + next() % 80 : 0;
		job.plan.most_cost = round > 0 ? 10 * times + next() % (90 * times) : 0;
		times = round > 0 ? times : 1;
		char *one = many_groups(&job, 1, round > 0 ? 150 : MANY, times);
		assert_non_null(strstr(one, "(others)"));
		assert_non_null(strstr(one, "\"groups_complete\":false"));
		for (unsigned parts = 2; parts <= (round > 0 ? 5 : 2); parts++) {
			char *text = many_groups(&job, parts, round > 0 ? 150 : MANY, times);
			assert_string_equal(text, one);
			free(text);
		}
		free(one);
	}
	close_job(&job);
}

/*
 * Some keys have most of the events: with weights, made in parts as well, they are there whatever
 * their hash.
 */
static void heavy_groups_stay(void **state)
{
	struct vt_stats_plan plan = { .key_count = 1, .most_groups = 12 };
	struct vt_stats s[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(vt_stats_init_weighing(&s[i], &plan), 0);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 30000; i++) {
			/* The first sees nothing of the heavy ones. */
			struct vt_stats *to = &s[i % 3 ? 0 : 1 + next() % 2];
			uint64_t v = i % 3 ? i : i % 10 * 1000003;
			struct vt_stats_value key[VT_STATS_KEYS] = { number(v) };
			struct vt_stats_group *g = vt_stats_group_of(to, 0, key, 1);
			g->count++;
		}
		for (unsigned i = 1; i < 3; i++)
			assert_int_equal(vt_stats_merge(&s[0], &s[i]), 0);
		if (pass > 0)
			break;
		plan.weights = s[0].weighing;
		s[0].weighing = NULL;
		for (unsigned i = 0; i < 3; i++) {
			vt_stats_free(&s[i]);
			assert_int_equal(vt_stats_init(&s[i], &plan), 0);
		}
	}
	assert_int_equal(s[0].count, 12);
	for (uint64_t i = 0; i < 10; i++) {
		const struct vt_stats_group *g = find(&s[0], 0, NULL, i * 1000003);
		assert_non_null(g);
		assert_int_equal(g->count, 1000);
	}
	for (unsigned i = 0; i < 3; i++)
		vt_stats_free(&s[i]);
	free(plan.weights);
}

/* The same by the way that the command takes: what is heaviest by far has its row. */
static void a_run_with_too_many_groups(void **state)
{
	struct job job;
	struct vt_stats s, all;
	unsigned heavy = 0;

	(void)state;
	open_job(&job, random_log());
	plan_by(&job, "time", 0);
	assert_int_equal(vt_stats_run(&all, &job.plan), 0);
	assert_false(all.ended);
	job.plan.most_groups = 40;
	assert_int_equal(vt_stats_run(&s, &job.plan), 0);
	assert_true(s.ended && s.count == 40 && job.plan.weights);
	for (size_t i = 0; i < all.count; i++) {
		const struct vt_stats_group *g = all.heap[i];
		if (g->count < 20)
			continue;
		heavy++;
		const struct vt_stats_group *kept = vt_stats_group_of(&s, 0, g->key, 1);
		assert_true(kept != s.others && kept->count == g->count && kept->sum == g->sum);
	}
	assert_true(heavy >= 4 && heavy <= 20);
	assert_int_equal(s.events, all.events);
	vt_stats_free(&all);
	vt_stats_free(&s);
	close_job(&job);
}

/* Sums stop, in any order; nothing wraps. */
static void the_largest_values(void **state)
{
	static const struct lm_event events[] = {
		{ AT(10), VT_EV_syscall_call, { UINT64_MAX, 0, UINT64_MAX }, NULL },
		{ AT(20), VT_EV_syscall_call, { UINT64_MAX, 0, UINT64_MAX }, NULL },
		{ AT(30), VT_EV_syscall_call, { 1, 0, 0 }, NULL },
		{ AT(40), VT_EV_gc_end, { UINT64_MAX, 5, 7 }, NULL },
	};
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct job job;

	(void)state;
	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_process(&lm, 0, 100, "one");
	lm_thread(&lm, 0, 0, 100, "main");
	lm_events(&lm, 0, 0, events, 3);
	lm_events(&lm, 0, 0, events + 3, 1);
	lm_end(&lm);
	open_job(&job, file_of(&lm));
	lm_free(&lm);
	plan_by(&job, "number", 0);
	char *text = collected(&job);
	assert_non_null(strstr(text, "{\"number\":\"18446744073709551615\"},\"count\":2,"));
	assert_non_null(strstr(text, "\"total_ns\":null,\"mean_ns\":null,\"min_ns\":\"184467440"));
	assert_non_null(strstr(text, "total     beyond 584 years"));
	assert_non_null(strstr(text, "no field  1 without number: left out"));
	free(text);
	close_job(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(too_many_groups, start_seed),
		cmocka_unit_test_setup(heavy_groups_stay, start_seed),
		cmocka_unit_test_setup(a_run_with_too_many_groups, start_seed),
		cmocka_unit_test_setup(the_largest_values, start_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
