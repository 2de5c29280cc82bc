/* test_profile.c - time by function and by stack, against a log whose every figure is worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/export.h"
#include "decoder/profile.h"
#include "decoder/spans.h"
#include "tests/unit/logs.h"

#define AT(ns) (LM_START + (ns))
#define CALL(t, id)    { AT(t), VT_EV_interp_call, { id }, NULL }
#define BUILTIN(t, id) { AT(t), VT_EV_interp_builtin, { id }, NULL }
#define RETURN(t)      { AT(t), VT_EV_interp_return, { 0 }, NULL }
#define BACK(t)        { AT(t), VT_EV_interp_builtin_return, { 0 }, NULL }
#define TAIL(t, id)    { AT(t), VT_EV_interp_tail_call, { id }, NULL }
#define UNWIND(t, depth, left) { AT(t), VT_EV_interp_unwind, { depth, left }, NULL }
#define SWITCH(t, to)  { AT(t), VT_EV_interp_switch, { to }, NULL }

enum { A = 1, B, C, P, D, M, RESUME, CO, X, Y, HOSTILE };

static const char *const names[] = { NULL, "a", "b", "c", "p", "d", "m", "resume", "co", "x", "y", "e;f g\n" };

/* a(10 .. 100) calls b, which calls a and then goes on as c; an error leaves p and d; a coroutine; hostile. */
static const struct lm_event first[] = {
	CALL(10, A), CALL(20, B), CALL(30, A), RETURN(50), TAIL(60, C), RETURN(90), RETURN(100),
	BUILTIN(110, P), CALL(120, D), UNWIND(150, 0, 2),
	CALL(200, M), BUILTIN(210, RESUME), SWITCH(220, 5), CALL(230, CO), SWITCH(260, 0), BACK(270),
	RETURN(280), CALL(290, HOSTILE), RETURN(297),
};
static const struct lm_event before_gap[] = { CALL(300, X), CALL(310, X) };
static const struct lm_event after_gap[] = { RETURN(400), CALL(410, Y), RETURN(420) };

static struct file write_log(void)
{
	struct lm lm = { .codec = VT_CODEC_NONE };

	lm_lisp(&lm);
	lm_thread(&lm, 1, 0, 101, "second");
	for (uint32_t i = A; i <= HOSTILE; i++)
		lm_string(&lm, 0, i, names[i]);
	lm_events(&lm, 0, 0, first, sizeof(first) / sizeof(*first));
	lm_events(&lm, 1, 0, before_gap, 2);
	lm_lose(&lm, 1, VT_CAT_interp, 3);
	lm_events(&lm, 1, 0, after_gap, 3);
	lm_end(&lm);
	struct file f = file_of(&lm);
	lm_free(&lm);
	return f;
}

static int open_log(void **state)
{
	static struct vt_input in;
	struct file f = write_log();

	in = (struct vt_input){ .name = "log", .reader = open_one(f.path) };
	in.run = vt_reader_run(in.reader);
	close(f.fd);
	*state = &in;
	return 0;
}

static int close_log(void **state)
{
	struct vt_input *in = *state;

	vt_reader_close(in->reader);
	return 0;
}

static void expect(const struct vt_profile *p, unsigned name, uint64_t calls, uint64_t exclusive,
                   uint64_t inclusive, uint64_t longest)
{
	for (size_t i = 0; i < p->function_count; i++) {
		const struct vt_function *f = &p->functions[i];
		if (strcmp(f->name, names[name]) != 0)
			continue;
		assert_int_equal(f->calls, calls);
		assert_int_equal(f->exclusive, exclusive);
		assert_int_equal(f->inclusive, inclusive);
		assert_int_equal(f->longest, longest);
		return;
	}
	fail_msg("%s is missing", names[name]);
}

static void functions(void **state)
{
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct vt_profile p;

	assert_int_equal(vt_profile_make(&p, *state, &filter, VT_PROFILE_FUNCTIONS_ONLY), 0);
	expect(&p, A, 2, 40, 90, 90);           /* the recursion counts once */
	expect(&p, B, 1, 20, 40, 40);
	expect(&p, C, 1, 30, 30, 30);
	expect(&p, P, 1, 10, 40, 40);           /* left by the error after 40 */
	expect(&p, D, 1, 30, 30, 30);
	expect(&p, M, 1, 20, 40, 40);           /* without the coroutine's time */
	expect(&p, RESUME, 1, 20, 20, 20);
	expect(&p, CO, 1, 30, 30, 0);           /* open at the end */
	expect(&p, X, 2, 10, 10, 0);            /* a gap swallowed both ends */
	expect(&p, Y, 1, 10, 10, 10);
	assert_int_equal(p.open, 1);
	assert_int_equal(p.dropped, 2);
	assert_int_equal(p.unmatched, 1);
	assert_int_equal(p.lived, 287 + 120);
	assert_int_equal(p.missing, 90);
	assert_int_equal(p.inside, 40 + 20 + 30 + 10 + 30 + 20 + 20 + 30 + 7 + 10 + 10);
	vt_profile_sort(&p);
	assert_string_equal(p.functions[0].name, "a");
	vt_profile_free(&p);
}

static void a_window_knows_what_is_open(void **state)
{
	const struct vt_filter filter = { .size = sizeof(filter), .since_set = true, .since_ns = 35,
	                                  .until_set = true, .until_ns = 65 };
	struct vt_profile p;

	assert_int_equal(vt_profile_make(&p, *state, &filter, VT_PROFILE_FUNCTIONS_ONLY), 0);
	expect(&p, A, 0, 15, 30, 30);
	expect(&p, B, 0, 10, 25, 25);
	expect(&p, C, 1, 5, 5, 5);
	expect(&p, D, 0, 0, 0, 0);
	vt_profile_free(&p);
}

static void folded(void **state)
{
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct vt_sink out;
	const struct vt_export_context context = { .out = &out, .in = *state, .filter = &filter };

	assert_int_equal(vt_sink_memory(&out), 0);
	assert_int_equal(vt_export_folded.whole(&context), 0);
	assert_string_equal(vt_sink_text(&out),
	                    "main/100;a 20\n"
	                    "main/100;a;b 20\n"
	                    "main/100;a;b;a 20\n"
	                    "main/100;a;c 30\n"
	                    "main/100;p 10\n"
	                    "main/100;p;d 30\n"
	                    "main/100;m 20\n"
	                    "main/100;m;resume 20\n"
	                    "main/100;co 30\n"
	                    "main/100;e\\x3bf\\x20g\\x0a 7\n"
	                    "second/101;x 10\n"
	                    "second/101;y 10\n");
	vt_sink_discard(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(functions, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_window_knows_what_is_open, open_log, close_log),
		cmocka_unit_test_setup_teardown(folded, open_log, close_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
