/* test_spans.c - pairing of BEGIN and END, with every way it can be broken, and open spans of a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/spans.h"
#include "tests/unit/logs.h"

static const struct vt_event_desc *event(unsigned id)
{
	return vt_schema_event(vt_schema_builtin(), id);
}

static bool end(struct vt_spans *s, unsigned id, uint64_t *began)
{
	struct vt_open_span ended = { NULL, 0, 0 };
	bool matched = vt_spans_end(s, event(id), &ended);

	*began = ended.ticks;
	return matched;
}

static void nested_spans(void **state)
{
	struct vt_spans s = { 0 };
	uint64_t t;

	(void)state;
	assert_int_equal(vt_spans_begin(&s, event(VT_EV_gc_begin), 1), 0);
	assert_int_equal(vt_spans_begin(&s, event(VT_EV_gc_pause), 2), 0);
	assert_int_equal(s.depth, 2);
	assert_true(end(&s, VT_EV_gc_pause_end, &t) && t == 2);
	assert_true(end(&s, VT_EV_gc_end, &t) && t == 1);
	assert_int_equal(s.depth, 0);
	assert_true(s.unmatched_begins == 0 && s.unmatched_ends == 0);
	vt_spans_free(&s);
}

static void broken_nesting(void **state)
{
	struct vt_spans s = { 0 };
	uint64_t t;

	(void)state;
	assert_false(end(&s, VT_EV_gc_end, &t));
	assert_true(s.unmatched_ends == 1);
	vt_spans_begin(&s, event(VT_EV_gc_begin), 1);
	vt_spans_begin(&s, event(VT_EV_gc_mark), 2);
	vt_spans_begin(&s, event(VT_EV_gc_mark), 3);
	assert_false(end(&s, VT_EV_gc_sweep_end, &t));
	assert_int_equal(s.depth, 3);
	assert_true(end(&s, VT_EV_gc_end, &t) && t == 1);
	assert_int_equal(s.depth, 0);
	assert_true(s.unmatched_begins == 2 && s.unmatched_ends == 2);
	vt_spans_free(&s);
}

static void recursion_has_a_limit(void **state)
{
	struct vt_spans s = { 0 };
	unsigned matched = 0;
	uint64_t t;

	(void)state;
	for (unsigned i = 0; i < VT_SPAN_DEPTH + 100; i++)
		assert_int_equal(vt_spans_begin(&s, event(VT_EV_interp_call), i + 1), 0);
	assert_int_equal(s.depth, VT_SPAN_DEPTH);
	assert_true(s.beyond == 100);
	for (unsigned i = 0; i < VT_SPAN_DEPTH + 100; i++)
		matched += end(&s, VT_EV_interp_return, &t);
	assert_int_equal(matched, VT_SPAN_DEPTH);
	assert_int_equal(s.depth, 0);
	assert_true(t == 1 && s.unmatched_ends == 0);
	vt_spans_free(&s);
}

static void a_gap_forgets_its_categories(void **state)
{
	struct vt_spans s = { 0 };
	struct vt_gap gap = { .events = { [VT_CAT_interp] = 5 }, .total = 5 };
	uint64_t t;

	(void)state;
	vt_spans_begin(&s, event(VT_EV_interp_call), 1);
	vt_spans_begin(&s, event(VT_EV_gc_begin), 2);
	vt_spans_begin(&s, event(VT_EV_interp_call), 3);
	vt_spans_gap(&s, &gap);
	assert_int_equal(s.depth, 1);
	assert_true(s.forgotten == 2);
	assert_false(end(&s, VT_EV_interp_return, &t));
	assert_true(end(&s, VT_EV_gc_end, &t) && t == 2);
	vt_spans_free(&s);
}

static void begin(struct vt_spans *s, unsigned id, uint64_t ticks)
{
	assert_int_equal(vt_spans_begin(s, event(id), ticks), 0);
}

static void instant(struct vt_spans *s, unsigned id, uint64_t first, uint64_t second)
{
	assert_int_equal(vt_spans_instant(s, event(id), (const uint64_t[]){ first, second }), 0);
}

static void an_unwind_ends_the_innermost(void **state)
{
	struct vt_spans s = { 0 };
	uint64_t t;

	(void)state;
	begin(&s, VT_EV_interp_call, 1);
	begin(&s, VT_EV_interp_builtin, 2);
	begin(&s, VT_EV_interp_call, 3);
	begin(&s, VT_EV_gc_begin, 4);
	begin(&s, VT_EV_interp_call, 5);
	instant(&s, VT_EV_interp_unwind, 2, 2);
	assert_int_equal(s.depth, 3);
	assert_true(s.open[2].ticks == 4 && s.forgotten == 0 && s.unmatched_begins == 0);
	assert_true(end(&s, VT_EV_interp_builtin_return, &t) && t == 2);
	assert_true(end(&s, VT_EV_gc_end, &t) && t == 4);
	/* Of five that were left the log has one: what is outside of them goes on. */
	begin(&s, VT_EV_interp_call, 6);
	instant(&s, VT_EV_interp_unwind, 7, 1);
	assert_int_equal(s.depth, 1);
	instant(&s, VT_EV_interp_unwind, 0, 0);
	assert_int_equal(s.depth, 0);
	for (unsigned i = 0; i < VT_SPAN_DEPTH + 10; i++)
		begin(&s, VT_EV_interp_call, i);
	instant(&s, VT_EV_interp_unwind, VT_SPAN_DEPTH + 4, 6);
	assert_true(s.depth == VT_SPAN_DEPTH && s.beyond == 4);
	instant(&s, VT_EV_interp_unwind, 3, VT_SPAN_DEPTH + 1);
	assert_true(s.depth == 3 && s.beyond == 0);
	vt_spans_free(&s);
}

static void coroutines_have_spans_of_their_own(void **state)
{
	struct vt_spans s = { 0 };
	struct vt_gap gap = { .events = { [VT_CAT_interp] = 5 }, .total = 5 };
	uint64_t t;

	(void)state;
	begin(&s, VT_EV_interp_call, 1);
	begin(&s, VT_EV_interp_builtin, 2);             /* resume */
	instant(&s, VT_EV_interp_switch, 7, 0);
	assert_int_equal(s.depth, 0);
	begin(&s, VT_EV_interp_call, 3);
	begin(&s, VT_EV_interp_builtin, 4);             /* yield */
	instant(&s, VT_EV_interp_switch, 0, 0);
	assert_true(end(&s, VT_EV_interp_builtin_return, &t) && t == 2);
	begin(&s, VT_EV_interp_builtin, 5);
	instant(&s, VT_EV_interp_switch, 7, 0);
	assert_true(end(&s, VT_EV_interp_builtin_return, &t) && t == 4);
	assert_true(end(&s, VT_EV_interp_return, &t) && t == 3);
	instant(&s, VT_EV_interp_switch, 0, 0);
	assert_true(s.depth == 2 && s.aside_count == 0);
	/* What a gap hid may have been a switch. */
	instant(&s, VT_EV_interp_switch, 7, 0);
	vt_spans_gap(&s, &gap);
	assert_true(s.forgotten == 2 && s.aside_count == 0);
	begin(&s, VT_EV_interp_call, 9);
	instant(&s, VT_EV_interp_switch, 7, 0);
	assert_int_equal(s.depth, 0);
	for (unsigned i = 0; i <= VT_SPAN_STACKS + 1; i++) {
		instant(&s, VT_EV_interp_switch, 100 + i, 0);
		begin(&s, VT_EV_interp_call, i);
	}
	assert_int_equal(s.aside_count, VT_SPAN_STACKS);
	assert_true(s.forgotten == 3);
	vt_spans_free(&s);
}

/* ---- through a log ------------------------------------------------------------------------- */

static struct file write_log(uint32_t ending)
{
	const struct lm_event first[] = {
		{ LM_START + 10, VT_EV_gc_begin, { 1, 2 }, NULL },
		{ LM_START + 20, VT_EV_interp_call, { 1 }, NULL },
		{ LM_START + 30, VT_EV_gc_end, { 1, 20 }, NULL },
	};
	const struct lm_event second[] = {
		{ LM_START + 40, VT_EV_gc_begin, { 2, 2 }, NULL },
		{ LM_START + 50, VT_EV_gc_mark, { 2 }, NULL },
	};
	struct lm lm = { .codec = VT_CODEC_ZSTD };

	lm_lisp(&lm);
	lm_events(&lm, 0, 0, first, 3);
	lm_events(&lm, 0, 0, second, 2);
	if (ending != VT_END_UNKNOWN)
		lm_process_ended(&lm, 0, 100, "lisp", ending, 9);
	lm_end(&lm);
	struct file f = file_of(&lm);
	lm_free(&lm);
	return f;
}

static void what_is_open_at_the_end(void **state)
{
	struct file f = write_log(VT_END_SIGNAL);
	struct vt_reader *reader = open_one(f.path);
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct vt_end_spans spans;

	(void)state;
	assert_int_equal(vt_end_spans_find(reader, &filter, &spans), 0);
	assert_int_equal(spans.count, 3);
	assert_int_equal(spans.items[0].span.desc->id, VT_EV_interp_call);
	assert_int_equal(spans.items[1].span.desc->id, VT_EV_gc_begin);
	assert_true(spans.items[1].span.ticks == LM_START + 40);
	assert_int_equal(spans.items[2].span.desc->id, VT_EV_gc_mark);
	assert_non_null(vt_end_spans_at(&spans, spans.items[0].ring, LM_START + 50));
	assert_null(vt_end_spans_at(&spans, spans.items[0].ring, LM_START + 10));
	vt_end_spans_free(&spans);
	vt_reader_close(reader);
	close(f.fd);
}

/* What was open before events were lost may have ended among them. */
static void a_gap_hides_the_end(void **state)
{
	const struct lm_event first[] = {
		{ LM_START + 10, VT_EV_gc_begin, { 1, 2 }, NULL },
		{ LM_START + 20, VT_EV_interp_call, { 1 }, NULL },
	};
	const struct lm_event second[] = { { LM_START + 40, VT_EV_interp_call, { 2 }, NULL } };
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct lm lm = { .codec = VT_CODEC_ZSTD };
	struct vt_end_spans spans;

	(void)state;
	lm_lisp(&lm);
	lm_events(&lm, 0, 0, first, 2);
	lm_lose(&lm, 0, VT_CAT_interp, 3);
	lm_events(&lm, 0, 0, second, 1);
	lm_process_ended(&lm, 0, 100, "lisp", VT_END_SIGNAL, 9);
	lm_end(&lm);
	struct file f = file_of(&lm);
	struct vt_reader *reader = open_one(f.path);
	assert_int_equal(vt_end_spans_find(reader, &filter, &spans), 0);
	assert_int_equal(spans.count, 2);
	assert_int_equal(spans.items[0].span.desc->id, VT_EV_gc_begin);
	assert_true(spans.items[1].span.ticks == LM_START + 40);
	vt_end_spans_free(&spans);
	vt_reader_close(reader);
	close(f.fd);
	lm_free(&lm);
}

/* It left by itself, or nobody knows: what a log does not go on to say was not open when it died. */
static void nothing_is_open_at_another_end(void **state)
{
	static const uint32_t endings[] = { VT_END_UNKNOWN, VT_END_EXIT, VT_END_STOPPED };
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct vt_end_spans spans;

	(void)state;
	for (unsigned i = 0; i < sizeof endings / sizeof *endings; i++) {
		struct file f = write_log(endings[i]);
		struct vt_reader *reader = open_one(f.path);
		assert_int_equal(vt_end_spans_find(reader, &filter, &spans), 0);
		assert_int_equal(spans.count, 0);
		vt_end_spans_free(&spans);
		vt_reader_close(reader);
		close(f.fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_spans),
		cmocka_unit_test(broken_nesting),
		cmocka_unit_test(recursion_has_a_limit),
		cmocka_unit_test(a_gap_forgets_its_categories),
		cmocka_unit_test(an_unwind_ends_the_innermost),
		cmocka_unit_test(coroutines_have_spans_of_their_own),
		cmocka_unit_test(what_is_open_at_the_end),
		cmocka_unit_test(a_gap_hides_the_end),
		cmocka_unit_test(nothing_is_open_at_another_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
