/*
 * test_stats.c - events by group: against an exact sort, against sums made by hand, and the same
 * bytes however the batches are split over accumulators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/out.h"
#include "decoder/stats.h"
#include "tests/unit/logs.h"

#define AT(ns) (LM_START + (ns))
#define RINGS  5u

static uint64_t seed;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int start_seed(void **state)
{
	(void)state;
	seed = 88172645463325252u;
	return 0;
}

/* ---- an input, a plan, what they print ------------------------------------------------------- */

struct job {
	struct vt_input in;
	struct vt_filter filter;
	struct vt_stats_key keys[VT_STATS_KEYS];
	struct vt_stats_plan plan;
	enum vt_stats_sort sort;
};

static void open_job(struct job *job, struct file f)
{
	*job = (struct job){
		.in = { .name = "log", .several_processes = true },
		.filter.size = sizeof(job->filter),
	};
	job->in.reader = open_one(f.path);
	job->in.run = vt_reader_run(job->in.reader);
	close(f.fd);
}

static void close_job(struct job *job)
{
	vt_stats_plan_free(&job->plan);
	vt_reader_close(job->in.reader);
}

/* Keys as --by takes them, with blanks between. */
static void plan_by(struct job *job, const char *by, uint64_t step)
{
	static char text[256];
	unsigned count = 0;

	vt_stats_plan_free(&job->plan);
	snprintf(text, sizeof(text), "%s", by);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		unsigned k = 0;
		while (k < VT_BY_FIELD && strcmp(vt_stats_words[k], word) != 0)
			k++;
		job->keys[count++] = (struct vt_stats_key){ (enum vt_stats_by)k, word };
	}
	job->plan = (struct vt_stats_plan){
		.in = &job->in, .filter = &job->filter, .keys = job->keys, .key_count = count,
		.step = step,
		.origin = job->filter.since_set ? job->filter.since_ns : 0,
	};
	assert_int_equal(vt_stats_plan_make(&job->plan), 0);
}

/* JSON and text of it, to be freed. */
static char *printed(const struct job *job, const struct vt_stats *s)
{
	struct vt_coverage coverage;
	struct vt_sink out;

	assert_int_equal(vt_coverage_find(&coverage, &job->in, &job->filter, &job->plan.selection),
	                 0);
	struct vt_stats_view v = {
		.stats = s, .coverage = &coverage, .sort = job->sort, .from = job->plan.origin,
		.until = vt_reader_ns(job->in.reader, job->in.run->last),
	};
	assert_int_equal(vt_sink_memory(&out), 0);
	assert_int_equal(vt_stats_view_make(&v), 0);
	vt_stats_json(&v, &out);
	vt_stats_print(&v, &out);
	char *text = strdup(vt_sink_text(&out));
	vt_sink_discard(&out);
	vt_stats_view_free(&v);
	vt_coverage_free(&coverage);
	assert_non_null(text);
	return text;
}

static char *collected(struct job *job)
{
	struct vt_stats s;

	assert_int_equal(vt_stats_init(&s, &job->plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	char *text = printed(job, &s);
	vt_stats_free(&s);
	return text;
}

/* The group with this text (or, text NULL, this number) as its first key. */
static const struct vt_stats_group *find(const struct vt_stats *s, uint64_t step, const char *text,
                                         uint64_t number)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct vt_stats_group *g = s->heap[i];
		bool same = !text ? g->key[0].tag != VT_STATS_TEXT && g->key[0].number == number
		            : g->key[0].tag == VT_STATS_TEXT && g->key[0].number == strlen(text) &&
		              memcmp(g->key[0].text, text, strlen(text)) == 0;
		if (same && g->step == step)
			return g;
	}
	return NULL;
}

/* ---- a log of everything --------------------------------------------------------------------- */

static const char *const functions[] = { NULL, "read", "write", "open", "a b\x1b[31m", "poll" };

/*
 * Some of each kind: durations of all sizes, strings, numbers, labels, types without schema, a
 * loss.
 */
static size_t random_events(struct lm_event *to, uint64_t *now)
{
	size_t count = 1 + next() % 60;

	for (size_t i = 0; i < count; i++) {
		uint64_t time = next() >> next() % 64;
		*now += 1 + next() % 5000;
		struct lm_event e = {
			AT(*now), VT_EV_file_call, { 1 + next() % 7, 0, 0, next() % 9, time }, NULL,
		};
		switch (next() % 8) {
		case 0:
			e.id = VT_EV_syscall_call;
			memcpy(e.values, (uint64_t[]){ next() % 6, next() % 3, time }, 24);
			break;
		case 1:
			e.id = VT_EV_gc_end;
			memcpy(e.values, (uint64_t[]){ next() % 4, time, next() % 2 * 4096 }, 24);
			break;
		case 2:
			e.id = VT_EV_gc_begin;
			memcpy(e.values, (uint64_t[]){ 1, next() % 6, 0 }, 24);
			break;
		case 3:
			e.id = VT_EV_memory_alloc;
			e.values[0] = 16u << next() % 4;
			break;
		case 4:
			e.id = 0x2101;
			memcpy(e.values, (uint64_t[]){ next() % 3, time }, 16);
			break;
		default:
			break;
		}
		to[i] = e;
	}
	return count;
}

static struct file random_log(void)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	struct lm_event events[64];
	uint64_t now[RINGS] = { 0 };

	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_process(&lm, 0, 100, "one");
	lm_process(&lm, 1, 200, "two");
	for (uint32_t i = 0; i < RINGS; i++)
		lm_thread(&lm, i, i % 2, 100 + i, i == 3 ? "w\"1" : "worker");
	for (uint32_t i = 1; i <= 5; i++) {
		lm_string(&lm, 0, i, functions[i]);
		lm_string(&lm, 1, i, functions[6 - i]);
	}
	for (unsigned i = 0; i < 200; i++) {
		uint32_t ring = (uint32_t)(next() % RINGS);
		lm_events(&lm, ring, ring % 2, events, random_events(events, &now[ring]));
		if (next() % 20 == 0) {
			lm_lose(&lm, ring, VT_CAT_file, 1 + next() % 10);
			now[ring] += 20000;
		}
	}
	lm_end(&lm);
	struct file f = file_of(&lm);
	lm_free(&lm);
	return f;
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

/* ---- too many groups ------------------------------------------------------------------------- */

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

/* ---- spans ----------------------------------------------------------------------------------- */

#define CALL(t, id)    { AT(t), VT_EV_interp_call, { id }, NULL }
#define BUILTIN(t, id) { AT(t), VT_EV_interp_builtin, { id }, NULL }
#define RETURN(t)      { AT(t), VT_EV_interp_return, { 0 }, NULL }
#define TAIL(t, id)    { AT(t), VT_EV_interp_tail_call, { id }, NULL }
#define UNWIND(t, depth, left) { AT(t), VT_EV_interp_unwind, { depth, left }, NULL }

enum { A = 1, B, C, X, Y };
static const char *const names[] = { NULL, "a", "b", "c", "x", "y" };

/*
 * a(10 .. 100) calls b, which calls a and goes on as c; an error leaves b and a; a gap; one
 * without begin; open.
 */
static const struct lm_event first[] = {
	CALL(10, A), CALL(20, B), CALL(30, A), RETURN(50), TAIL(60, C), RETURN(90), RETURN(100),
	BUILTIN(110, B), CALL(120, A), UNWIND(150, 0, 2),
	CALL(200, X), BUILTIN(210, Y), RETURN(230),
	{ AT(240), VT_EV_gc_begin, { 1, 2 }, NULL }, { AT(250), VT_EV_gc_mark, { 1 }, NULL },
	{ AT(265), VT_EV_gc_mark_end, { 1, 14 }, NULL }, { AT(300), VT_EV_gc_end, { 1, 58 }, NULL },
};
static const struct lm_event before_gap[] = { CALL(300, X), CALL(310, X) };
static const struct lm_event after_gap[] = { RETURN(400), CALL(410, Y), RETURN(420), CALL(430, Y) };

static void add_run(struct lm *lm)
{
	struct lm_event calls[32], gc[8];
	size_t call_count = 0, gc_count = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
		if (first[i].id >> 8 == VT_CAT_gc)
			gc[gc_count++] = first[i];
		else
			calls[call_count++] = first[i];
	}
	lm_events(lm, 0, 0, calls, call_count);
	lm_events(lm, 0, 0, gc, gc_count);
	lm_events(lm, 1, 0, before_gap, 2);
	lm_lose(lm, 1, VT_CAT_interp, 3);
	lm_events(lm, 1, 0, after_gap, 4);
}

static void open_spans(struct job *job)
{
	struct lm lm = { .codec = VT_CODEC_NONE };

	lm_begin(&lm, 1);
	lm_schema(&lm);
	lm_process(&lm, 0, 100, "lisp");
	lm_thread(&lm, 0, 0, 100, "main");
	lm_thread(&lm, 1, 0, 101, "second");
	for (uint32_t i = A; i <= Y; i++)
		lm_string(&lm, 0, i, names[i]);
	add_run(&lm);
	lm_end(&lm);
	open_job(job, file_of(&lm));
	lm_free(&lm);
}

static void expect(const struct vt_stats *s, const char *name, uint64_t count, uint64_t timed,
                   uint64_t sum, uint64_t most)
{
	const struct vt_stats_group *g = find(s, 0, name, 0);

	if (!g)
		fail_msg("%s is missing", name);
	assert_int_equal(g->count, count);
	assert_int_equal(g->timed, timed);
	assert_int_equal(g->sum, sum);
	assert_int_equal(g->most, most);
}

static void spans_are_measured(void **state)
{
	struct job job;
	struct vt_stats s;

	(void)state;
	open_spans(&job);
	plan_by(&job, "function", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "a", 3, 3, 90 + 20 + 30, 90);
	expect(&s, "b", 2, 2, 40 + 40, 40);     /* until c took its place; until the error */
	expect(&s, "c", 1, 1, 30, 30);
	expect(&s, "x", 3, 1, 30, 30);          /* two in the gap */
	expect(&s, "y", 3, 1, 10, 10);          /* one open, one whose end never came */
	assert_int_equal(s.without_end, 1);
	assert_int_equal(s.forgotten, 2);
	assert_int_equal(s.open, 1);
	assert_int_equal(s.unmatched_ends, 1);
	assert_int_equal(s.without, 6 + 1 + 4);
	vt_stats_free(&s);
	plan_by(&job, "event", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "gc.mark_end", 1, 1, 14, 14);        /* as it says itself */
	expect(&s, "gc.mark", 1, 0, 0, 0);
	expect(&s, "interp.call", 9, 6, 90 + 40 + 20 + 30 + 30 + 10, 90);
	expect(&s, "interp.tail_call", 1, 1, 30, 30);
	expect(&s, "interp.return", 6, 0, 0, 0);
	vt_stats_free(&s);
	close_job(&job);
}

/* An END that is not in the table leaves its duration to the BEGIN. */
static void ends_that_are_left_out(void **state)
{
	static const char *const begins[] = { "gc.begin", "gc.mark" };
	struct job job;
	struct vt_stats s;

	(void)state;
	open_spans(&job);
	plan_by(&job, "type", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "major", 1, 1, 60, 60);
	vt_stats_free(&s);
	job.filter.events = begins;
	job.filter.event_count = 2;
	plan_by(&job, "event", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "gc.begin", 1, 1, 60, 60);
	expect(&s, "gc.mark", 1, 1, 15, 15);
	assert_int_equal(s.events, 2);
	vt_stats_free(&s);
	close_job(&job);
}

/* Conditions and times choose spans by their BEGIN; their ENDs are found all the same. */
static void chosen_spans(void **state)
{
	struct vt_condition is_a = { .field = "function", .op = VT_EQ, .string = "a" };
	struct job job;
	struct vt_stats s;

	(void)state;
	open_spans(&job);
	job.filter.where = &is_a;
	job.filter.where_count = 1;
	plan_by(&job, "event", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "interp.call", 3, 3, 90 + 20 + 30, 90);
	assert_int_equal(s.count, 1);
	vt_stats_free(&s);
	job.filter.where_count = 0;
	job.filter.since_set = job.filter.until_set = true;
	job.filter.since_ns = 15;
	job.filter.until_ns = 45;
	plan_by(&job, "function", 0);
	assert_int_equal(vt_stats_init(&s, &job.plan), 0);
	assert_int_equal(vt_stats_collect(&s), 0);
	expect(&s, "b", 1, 1, 40, 40);
	expect(&s, "a", 1, 1, 20, 20);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.unmatched_ends, 0);
	vt_stats_free(&s);
	close_job(&job);
}

#define SPLIT(lost) "\"length_ns\":20,\"lost\":" lost ",\"group\":{},\"count\":"

/* A gap hides what was in it: 0 where nothing happened, nothing where nobody knows. */
static void stretches_of_time(void **state)
{
	struct job job;

	(void)state;
	open_spans(&job);
	plan_by(&job, "", 20);
	char *text = collected(&job);
	assert_non_null(strstr(text, "{\"from_ns\":0," SPLIT("false") "1,"));
	assert_non_null(strstr(text, "{\"from_ns\":160," SPLIT("false") "0,"));
	assert_non_null(strstr(text, "{\"from_ns\":360," SPLIT("true") "null}"));
	assert_non_null(strstr(text, "\n0.00000036*                          -        -"));
	assert_non_null(strstr(text, "\n0.00000018                           0        0"));
	free(text);
	close_job(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(percentiles_are_within_the_bound, start_seed),
		cmocka_unit_test_setup(any_split_gives_the_same, start_seed),
		cmocka_unit_test_setup(groups_are_what_a_loop_finds, start_seed),
		cmocka_unit_test_setup(steps_begin_where_they_say, start_seed),
		cmocka_unit_test_setup(too_many_groups, start_seed),
		cmocka_unit_test_setup(heavy_groups_stay, start_seed),
		cmocka_unit_test_setup(a_run_with_too_many_groups, start_seed),
		cmocka_unit_test_setup(the_largest_values, start_seed),
		cmocka_unit_test_setup(spans_are_measured, start_seed),
		cmocka_unit_test_setup(ends_that_are_left_out, start_seed),
		cmocka_unit_test_setup(chosen_spans, start_seed),
		cmocka_unit_test_setup(stretches_of_time, start_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
