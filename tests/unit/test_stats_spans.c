/*
 * test_stats_spans.c - durations that no event carries, and stretches of time: every figure is
 * worked out by hand.
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

	lm_lisp(&lm);
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
		cmocka_unit_test_setup(spans_are_measured, start_seed),
		cmocka_unit_test_setup(ends_that_are_left_out, start_seed),
		cmocka_unit_test_setup(chosen_spans, start_seed),
		cmocka_unit_test_setup(stretches_of_time, start_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
