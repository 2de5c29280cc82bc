/*
 * test_tracks.c - lanes of a timeline: what is told of small logs, line by line, and slices at
 * random against a plain check of what nests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decoder/tracks.h"
#include "tests/unit/logs.h"

#define AT(ns) (LM_START + (ns))
#define CALL(t)        { AT(t), VT_EV_interp_call, { 1 }, NULL }
#define RETURN(t)      { AT(t), VT_EV_interp_return, { 0 }, NULL }
#define TAIL(t)        { AT(t), VT_EV_interp_tail_call, { 2 }, NULL }
#define UNWIND(t, depth, left) { AT(t), VT_EV_interp_unwind, { depth, left }, NULL }
#define SWITCH(t, to)  { AT(t), VT_EV_interp_switch, { to }, NULL }
#define BEGIN(t, n)    { AT(t), VT_EV_gc_begin, { n, VT_gc_type_major, 0 }, NULL }
#define SLICE(t, n)    { AT(t), VT_EV_gc_slice, { n }, NULL }
#define SLICE_END(t, n, ns) { AT(t), VT_EV_gc_slice_end, { n, ns, 0, 0 }, NULL }
#define MARKED(t, n, ns) { AT(t), VT_EV_gc_mark_end, { n, ns }, NULL }
#define REQUEST(t, ns) { AT(t), VT_EV_http_request, { 200, 0, 0, ns }, NULL }

/* What was told, a line each. */
struct told {
	struct vt_sink text;
	uint64_t links[8];
	unsigned link_count;
};

static void put(struct told *t, const char *what, const struct vt_lane *lane, uint64_t from, uint64_t to,
                const struct vt_event *event, const char *note)
{
	vt_sink_printf(&t->text, "%s %u%s", what, lane->tid, lane->home ? "+" : "");
	if (from)
		vt_sink_printf(&t->text, " %u", (unsigned)from);
	if (to)
		vt_sink_printf(&t->text, " -%u", (unsigned)to);
	if (event)
		vt_sink_printf(&t->text, " %s", event->gap ? "gap" : event->desc->name);
	vt_sink_printf(&t->text, "%s%s\n", note ? ": " : "", note ? note : "");
}

static int on_begin(void *user, const struct vt_slice *s)
{
	struct told *t = user;

	if (s->link && t->link_count < 8)
		t->links[t->link_count++] = s->link;
	put(user, "B", s->lane, s->from, 0, s->event, s->open ? "open" : NULL);
	return 0;
}

static int on_end(void *user, const struct vt_slice *s)
{
	put(user, "E", s->lane, 0, s->to, NULL, s->ended);
	return 0;
}

static int on_whole(void *user, const struct vt_slice *s)
{
	put(user, "X", s->lane, s->from, s->to, s->event, NULL);
	return 0;
}

static int on_instant(void *user, struct vt_lane *lane, uint64_t ns, const struct vt_event *event)
{
	put(user, "i", lane, ns, 0, event, NULL);
	return 0;
}

static int on_level(void *user, struct vt_viewed_process *process, uint64_t ns, const char *name,
                    uint64_t value)
{
	struct told *t = user;

	vt_sink_printf(&t->text, "l %u %u %s %u\n", process->pid, (unsigned)ns, name, (unsigned)value);
	return 0;
}

static const struct vt_track_ops ops = { on_begin, on_end, on_whole, on_instant, on_level };

struct logged {
	const struct lm_event *events;
	size_t count;
	bool lose;                      /* interp events, before the next ones */
};

static void walk_log(struct told *told, const struct logged *parts, size_t count, bool signals)
{
	struct lm lm = { .codec = VT_CODEC_NONE };
	const struct vt_filter filter = { .size = sizeof(filter) };
	struct vt_track_names names = { 0 };
	struct vt_tracks tracks;
	const struct vt_event *event;

	lm_lisp(&lm);
	if (signals)                    /* the same number once more: the thread's has ended */
		lm_thread(&lm, 1, 0, 100, "later");
	lm_string(&lm, 0, 1, "f");
	lm_string(&lm, 0, 2, "g");
	for (size_t i = 0; i < count; i++) {
		lm_events(&lm, signals ? (uint32_t)i : 0, 0, parts[i].events, parts[i].count);
		if (parts[i].lose)
			lm_lose(&lm, 0, VT_CAT_interp, 3);
	}
	lm_process_ended(&lm, 0, 100, "lisp", VT_END_SIGNAL, 9);
	lm_end(&lm);
	struct file f = file_of(&lm);
	lm_free(&lm);
	struct vt_input in = { .name = "log", .reader = open_one(f.path) };
	in.run = vt_reader_run(in.reader);
	close(f.fd);
	const struct vt_export_context context = { .in = &in, .filter = &filter, .runs = 1 };
	*told = (struct told){ .link_count = 0 };
	assert_int_equal(vt_sink_memory(&told->text), 0);
	assert_int_equal(vt_tracks_begin(&tracks, &context, &names, &ops, told), 0);
	while (vt_reader_next(in.reader, &event) > 0)
		assert_int_equal(vt_tracks_event(&tracks, event), 0);
	assert_int_equal(tracks.hidden, 0);
	vt_tracks_free(&tracks);
	vt_track_names_free(&names);
	vt_reader_close(in.reader);
}

static void expect_text(struct told *told, const char *text)
{
	assert_string_equal(vt_sink_text(&told->text), text);
	vt_sink_discard(&told->text);
}

#define LOGGED(array, lose) { array, sizeof(array) / sizeof(*(array)), lose }

static void ends_of_all_kinds(void **state)
{
	static const struct lm_event events[] = {
		CALL(10), CALL(20), TAIL(30), RETURN(40), RETURN(50), CALL(60), CALL(70), UNWIND(80, 0, 2), CALL(90),
	};
	const struct logged log = LOGGED(events, false);
	struct told told;

	(void)state;
	walk_log(&told, &log, 1, false);
	expect_text(&told, "B 100 10 call\nB 100 20 call\n"
	            "E 100 -30: by another in its place\nB 100 30 tail_call\nE 100 -40\nE 100 -50\n"
	            "B 100 60 call\nB 100 70 call\nE 100 -80: left by an error or a jump\n"
	            "E 100 -80: left by an error or a jump\ni 100 80 unwind\nB 100 90 call: open\n");
}

/* Events that a gap swallowed: what was open then is closed there, marked, and the rest goes on. */
static void a_gap(void **state)
{
	static const struct lm_event before[] = { CALL(10), CALL(20) }, after[] = { RETURN(90), CALL(95) };
	const struct logged log[] = { LOGGED(before, true), LOGGED(after, false) };
	struct told told;

	(void)state;
	walk_log(&told, log, 2, false);
	expect_text(&told, "B 100 10 call\nB 100 20 call\n"
	            "E 100 -20: unknown: events were lost\nE 100 -20: unknown: events were lost\n"
	            "i 100 90 gap\nB 100 95 call: open\n");
}

/*
 * A collection that goes on while functions come and go gets a lane; calls, of which there are
 * more, stay.
 */
static void spans_that_cut(void **state)
{
	static const struct lm_event events[] = {
		CALL(10), BEGIN(20, 1), CALL(30), SLICE(40, 1), SLICE_END(45, 1, 5), RETURN(50), RETURN(60),
		CALL(70), SLICE(80, 1), SLICE_END(85, 1, 5), SLICE(90, 2), SLICE_END(95, 2, 5),
		CALL(96), RETURN(97), RETURN(99),
	};
	const struct logged log = LOGGED(events, false);
	struct told told;

	(void)state;
	walk_log(&told, &log, 1, false);
	assert_int_equal(told.link_count, 4);
	assert_int_not_equal(told.links[0], told.links[1]);     /* begin and slice: of other types */
	assert_int_equal(told.links[1], told.links[2]);
	assert_int_not_equal(told.links[2], told.links[3]);     /* of another cycle */
	expect_text(&told, "B 100 10 call\nB 5000001+ 20 begin: open\nB 100 30 call\n"
	            "B 5000001+ 40 slice\nE 5000001+ -45\nE 100 -50\nE 100 -60\nB 100 70 call\n"
	            "B 5000001+ 80 slice\nE 5000001+ -85\nB 5000001+ 90 slice\nE 5000001+ -95\n"
	            "B 100 96 call\nE 100 -97\nE 100 -99\n");
}

static void coroutines(void **state)
{
	static const struct lm_event events[] = {
		CALL(10), SWITCH(20, 5), CALL(30), CALL(32), RETURN(34), SWITCH(40, 0), CALL(50), SWITCH(60, 5),
		RETURN(70), SWITCH(80, 6),
		CALL(90), SWITCH(92, 0), RETURN(94), RETURN(96),
	};
	const struct logged log = LOGGED(events, false);
	struct told told;

	(void)state;
	walk_log(&told, &log, 1, false);
	expect_text(&told, "B 100 10 call\ni 100 20 switch\nB 5000001+ 30 call\nB 5000001+ 32 call\nE 5000001+ -34\n"
	            "i 100 40 switch\nB 100 50 call\n"
	            "i 100 60 switch\nE 5000001+ -70\ni 100 80 switch\nB 5000001+ 90 call: open\n"
	            "i 100 92 switch\nE 100 -94\nE 100 -96\n");
}

/* A phase that only its end tells of, and requests under way at once. */
static void whole_ones(void **state)
{
	static const struct lm_event events[] = {
		BEGIN(10, 1), MARKED(30, 1, 25), MARKED(40, 1, 11), REQUEST(100, 50), REQUEST(110, 80),
		REQUEST(120, 5), REQUEST(130, 60), REQUEST(140, 2),
	};
	const struct logged log = LOGGED(events, false);
	struct told told;

	(void)state;
	walk_log(&told, &log, 1, false);
	expect_text(&told, "B 100 10 begin: open\nX 100 10 -30 mark_end\nX 100 30 -40 mark_end\n"
	            "X 100 50 -100 request\nX 5000001+ 30 -110 request\nX 100 115 -120 request\n"
	            "X 5000002+ 70 -130 request\nX 100 138 -140 request\n");
}

static void levels(void **state)
{
	static const struct lm_event events[] = {
		{ AT(10), VT_EV_gc_begin, { 1, VT_gc_type_major, 500 }, NULL },
		{ AT(20), VT_EV_gc_heap, { 0, 900 }, NULL },
	};
	const struct logged log = LOGGED(events, false);
	struct told told;

	(void)state;
	walk_log(&told, &log, 1, false);
	expect_text(&told, "B 100 10 begin: open\nl 100 10 gc.heap_used 500\ni 100 20 heap\nl 100 20 gc.heap_total 900\n");
}

static void a_number_given_twice(void **state)
{
	static const struct lm_event one[] = { CALL(10), RETURN(20) }, other[] = { CALL(30), RETURN(40) };
	const struct logged log[] = { LOGGED(one, false), LOGGED(other, false) };
	struct told told;

	(void)state;
	walk_log(&told, log, 2, true);
	expect_text(&told, "B 100 10 call\nE 100 -20\nB 5000001 30 call\nE 5000001 -40\n");
}

/* ---- lanes at random ------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static unsigned pick(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % n);
}

enum { MOST = 400 };
struct piece { uint64_t from, to; };

/* Neither cuts the other; nothing that was told later begins with an earlier one and is longer. */
static void check_pieces(const struct piece *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = i + 1; k < count; k++) {
			bool apart = p[i].to <= p[k].from || p[k].to <= p[i].from;
			bool inside = p[i].from >= p[k].from && p[i].to <= p[k].to;
			bool around = p[k].from >= p[i].from && p[k].to <= p[i].to;
			assert_true(apart || inside || around);
		}
	}
}

static void whatever_fits_nests(void **state)
{
	unsigned refused = 0, taken = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct vt_lane_fit fit = { 0 };
		struct piece pieces[2 * MOST], open[MOST];
		unsigned count = 0, depth = 0;
		uint64_t now = 1000;
		for (unsigned i = 0; i < MOST; i++) {
			uint64_t from;
			now = vt_lane_time(&fit, now + pick(4) * pick(10));
			switch (pick(4)) {
			case 0:
				assert_true(vt_lane_begin(&fit));
				open[depth++] = (struct piece){ now, 0 };
				break;
			case 1:
				vt_lane_end(&fit);
				if (depth > 0)
					pieces[count++] = (struct piece){ open[--depth].from, now };
				break;
			default:
				from = now - pick(pick(8) ? 60 : 1000);
				bool fits = vt_lane_whole(&fit, &from, now, pick(4) == 0);
				refused += !fits;
				taken += fits;
				if (fits)
					pieces[count++] = (struct piece){ from, now };
			}
		}
		while (depth > 0)
			pieces[count++] = (struct piece){ open[--depth].from, now + 1 };
		check_pieces(pieces, count);
		vt_lane_free(&fit);
	}
	assert_true(refused > 1000 && taken > 10000);
}

/* What a lane knows no more one by one might be cut by what begins there; what contains it is welcome. */
static void a_long_past(void **state)
{
	struct vt_lane_fit fit = { 0 };
	uint64_t from;

	(void)state;
	for (uint64_t i = 1; i <= VT_LANE_PAST + 2; i++) {
		from = 10 * i;
		assert_true(vt_lane_whole(&fit, &from, 10 * i + 5, false));
	}
	from = 12;
	assert_false(vt_lane_whole(&fit, &from, 5000, false));
	from = 10;                      /* which would be inside which? */
	assert_false(vt_lane_whole(&fit, &from, 5000, false));
	from = 12;
	assert_true(vt_lane_whole(&fit, &from, 5000, true));
	assert_int_equal(from, 165);    /* behind the block, half of what it knew */
	from = 9;
	assert_true(vt_lane_whole(&fit, &from, 5000, false));
	assert_int_equal(fit.past_count, 1);
	vt_lane_free(&fit);
	/* one with a long memory: what began between two of many */
	fit = (struct vt_lane_fit){ .most = 4096 };
	for (uint64_t i = 1; i <= 10000; i++) {
		from = 10 * i;
		assert_true(vt_lane_whole(&fit, &from, 10 * i + 5, false));
	}
	from = 10 * 8000 - 2;
	assert_true(vt_lane_whole(&fit, &from, 200000, false));
	vt_lane_free(&fit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_of_all_kinds),
		cmocka_unit_test(a_gap),
		cmocka_unit_test(spans_that_cut),
		cmocka_unit_test(coroutines),
		cmocka_unit_test(whole_ones),
		cmocka_unit_test(levels),
		cmocka_unit_test(a_number_given_twice),
		cmocka_unit_test(whatever_fits_nests),
		cmocka_unit_test(a_long_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
