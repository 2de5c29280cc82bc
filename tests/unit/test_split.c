/* test_split.c - records through the splitter, a chunk and the reader's columns: all of them, unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/child.h"
#include "tests/unit/fakering.h"
#include "tests/unit/memlog.h"

static const uint8_t text_first[] = { VT_KIND_TEXT, VT_KIND_INT, VT_KIND_GAUGE };
static const uint8_t text_between[] = { VT_KIND_UINT, VT_KIND_FLOAT, VT_KIND_TEXT, VT_KIND_BOOL };
static const uint8_t text_alone[] = { VT_KIND_TEXT };
static uint8_t many[VT_MAX_FIELDS];

static void host_types(struct fake_ring *f)
{
	for (unsigned i = 0; i < VT_MAX_FIELDS; i++)
		many[i] = (uint8_t[]){ VT_KIND_UINT, VT_KIND_GAUGE, VT_KIND_INT, VT_KIND_FLOAT }[i % 4];
	fake_type(f, 0x2001, text_first, 3);
	fake_type(f, 0x2002, text_between, 4);
	fake_type(f, 0x20ff, text_alone, 1);
	fake_type(f, 0x3f01, many, VT_MAX_FIELDS);
	fake_type(f, 0x2102, many, 0);
}

/* Compares what comes out with what went in. Sections come by category, so each has its own place. */
struct comparison {
	const struct fake_ring *from;
	uint32_t next[VT_MAX_CATEGORIES];
	uint64_t compared;
	bool any_ticks;                 /* ticks were corrected and are not compared */
};

static void compare(void *user, struct mem_ring *ring, const struct mem_event *e)
{
	struct comparison *c = user;
	uint32_t *next = &c->next[e->id >> 8];

	(void)ring;
	while (*next < c->from->count && c->from->events[*next].id >> 8 != e->id >> 8)
		(*next)++;
	assert_true(*next < c->from->count);
	const struct fake_event *want = &c->from->events[(*next)++];
	assert_int_equal(e->id, want->id);
	assert_int_equal(e->fields, want->fields);
	assert_memory_equal(e->values, want->values, want->fields * sizeof(*e->values));
	if (!c->any_ticks)
		assert_true(e->ticks == want->ticks);
	if (e->text) {
		const struct vt_layout *l = vt_ring_view_layout((void *)&c->from->view, e->id);
		unsigned seed = l->text == 0 ? 1 : 0;
		for (uint32_t i = 0; i < want->text; i++)
			assert_int_equal(e->text[i],
			                 fake_letter(seed < l->columns ? want->values[seed] : 0, i));
	}
	c->compared++;
}

static void drain_all(struct fake_ring *f, struct memlog *log, struct vt_drain_ring *r, uint64_t budget)
{
	struct vt_drain_sink sink = memlog_sink(log);
	int64_t n;

	do {
		n = vt_drain(r, f->ring.commit, budget, log->splitter, &f->view, &sink);
		assert_true(n >= 0);
	} while (n > 0);
	assert_true(r->cursor.position == f->ring.commit);
}

static void round_trip(const char *codec, uint32_t segment, uint32_t events, uint64_t budget)
{
	struct fake_ring f;
	struct memlog log;
	struct vt_drain_ring r;
	struct comparison c = { .from = &f };

	fake_open(&f, segment, (16u << 20) / segment, 0);
	host_types(&f);
	fake_random(&f, events);
	memlog_open(&log, &f.view, codec);
	log.each = compare;
	log.user = &c;
	fake_drain(&f, &r);
	drain_all(&f, &log, &r, budget);
	assert_int_equal(c.compared, events);
	assert_int_equal(log.wrong, 0);
	assert_int_equal(r.cursor.corrections, 0);
	memlog_close(&log);
	fake_close(&f);
}

static void every_value_comes_back(void **state)
{
	(void)state;
	round_trip("none", 64 << 10, 50000, UINT64_MAX);
	round_trip("lz4", 8192, 20000, 20000);
	round_trip("zstd", 64 << 10, 50000, 700);
	round_trip("none", 4 << 20, 50000, 1);
}

/* The longest text is a record that just fits a quarter of a segment of 8 KiB. */
static void long_texts(void **state)
{
	struct fake_ring f;
	struct memlog log;
	struct vt_drain_ring r;
	struct comparison c = { .from = &f };

	(void)state;
	fake_open(&f, 8192, 2048, 0);
	host_types(&f);
	f.longest_text = VT_MAX_TEXT;
	fake_random(&f, 20000);
	memlog_open(&log, &f.view, "zstd");
	log.each = compare;
	log.user = &c;
	fake_drain(&f, &r);
	drain_all(&f, &log, &r, UINT64_MAX);
	assert_int_equal(c.compared, 20000);
	assert_int_equal(log.wrong, 0);
	memlog_close(&log);
	fake_close(&f);
}

/* Only one type and one value: columns of width 0, the smallest section for the most events. */
static void nothing_but_the_same(void **state)
{
	struct fake_ring f;
	struct memlog log;
	struct vt_drain_ring r;
	struct comparison c = { .from = &f };
	uint64_t value = 0;

	(void)state;
	fake_open(&f, 1 << 20, 4, 0);
	for (uint32_t i = 0; i < FAKE_MOST; i++)
		fake_emit(&f, VT_EV_memory_alloc, &value, 1000 + i);
	memlog_open(&log, &f.view, "zstd");
	log.each = compare;
	log.user = &c;
	fake_drain(&f, &r);
	drain_all(&f, &log, &r, UINT64_MAX);
	assert_int_equal(c.compared, FAKE_MOST);
	assert_int_equal(log.wrong, 0);
	memlog_close(&log);
	fake_close(&f);
}

/* The order of a ring is that of its positions: ticks that run backwards are raised, and counted. */
static void ticks_that_run_backwards(void **state)
{
	static const uint64_t ticks[] = { 100, 200, 200, 150, 210, 1, 211, 214, 213 };
	static const uint64_t want[] = { 100, 200, 201, 202, 210, 211, 212, 214, 215 };
	struct fake_ring f;
	struct memlog log;
	struct vt_drain_ring r;
	struct vt_drain_sink sink;
	struct comparison c = { .from = &f, .any_ticks = true };
	uint64_t value = 7, got[9];
	const struct vt_split_section *sections;
	uint32_t room;

	(void)state;
	fake_open(&f, 4096, 8, 0);
	for (unsigned i = 0; i < 9; i++)
		fake_emit(&f, VT_EV_memory_alloc, &value, ticks[i]);
	memlog_open(&log, &f.view, NULL);
	log.each = compare;
	log.user = &c;
	sink = memlog_sink(&log);
	fake_drain(&f, &r);
	assert_true(vt_drain(&r, f.ring.commit, UINT64_MAX, log.splitter, &f.view, &sink) > 0);
	assert_int_equal(c.compared, 9);
	assert_int_equal(log.wrong, 0);
	assert_int_equal(r.cursor.corrections, 5);
	assert_int_equal(r.cursor.largest_correction, 211 - 1);
	memcpy(got, log.ticks, sizeof(got));
	assert_memory_equal(got, want, sizeof(want));

	/* And by hand, without a drain around it. */
	struct vt_ring_cursor cursor = { .position = 0 };
	memcpy(vt_splitter_room(log.splitter, &room), f.segments, f.ring.commit);
	assert_int_equal(room, VT_SPLIT_BYTES);
	assert_int_equal(vt_splitter_take(log.splitter, &cursor, 4096, (uint32_t)f.ring.commit,
	                                  vt_ring_view_layout, &f.view), VT_SPLIT_WHOLE);
	assert_int_equal(vt_splitter_events(log.splitter), 9);
	assert_int_equal(vt_splitter_sections(log.splitter, &sections), 1);
	assert_int_equal(sections[0].t_min, 100);
	assert_int_equal(sections[0].t_max, 215);
	assert_int_equal(sections[0].events, 9);
	memlog_close(&log);
	fake_close(&f);
}

/* What is no record stops the splitter right there, with all before it taken. */
static void misfits(void **state)
{
	static const struct { uint64_t word[3]; } bad[] = {
		{ { 0x00ff, 0, 0 } },                           /* an event type that is not */
		{ { 0xff01, 0, 0 } },                           /* a category that cannot be */
		{ { 0x2001, 0, 0 } },                           /* a type nobody registered */
		{ { VT_EV_custom_note, VT_MAX_TEXT + 1, 0 } },  /* a text too long */
		{ { VT_EV_custom_note, UINT64_MAX, 0 } },
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX } },
	};
	struct fake_ring f;
	struct vt_splitter *s = vt_splitter_new();
	uint64_t value = 7;
	uint32_t room;

	(void)state;
	assert_non_null(s);
	fake_open(&f, 4096, 8, 0);
	for (unsigned i = 0; i < 10; i++)
		fake_emit(&f, VT_EV_memory_alloc, &value, 100 + i);
	uint64_t end = f.ring.commit;
	for (unsigned i = 0; i < 10; i++)
		fake_emit(&f, VT_EV_memory_alloc, &value, 200 + i);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vt_ring_cursor cursor = { .position = 0 };
		vt_splitter_reset(s);
		memcpy(f.segments + end, bad[i].word, sizeof(bad[i].word));
		memcpy(vt_splitter_room(s, &room), f.segments, f.ring.commit);
		assert_int_equal(vt_splitter_take(s, &cursor, 4096, (uint32_t)f.ring.commit,
		                                  vt_ring_view_layout, &f.view), VT_SPLIT_MISFIT);
		assert_int_equal(vt_splitter_events(s), 10);
		assert_int_equal(cursor.position, end);
		assert_int_equal(cursor.counted[VT_CAT_memory], 10);
	}
	/* A record that the stretch cuts is left for the next one; one that a segment's end cuts is none. */
	struct vt_ring_cursor cursor = { .position = 0 };
	vt_splitter_reset(s);
	memcpy(vt_splitter_room(s, &room), f.segments, end);
	assert_int_equal(vt_splitter_take(s, &cursor, 4096, (uint32_t)end - 8, vt_ring_view_layout, &f.view),
	                 VT_SPLIT_WHOLE);
	assert_int_equal(vt_splitter_events(s), 9);
	assert_int_equal(cursor.position, end - 16);
	vt_splitter_free(s);
	fake_close(&f);
}

/* A header that counts more than was read tells what is missing; one out of place is damage. */
static void headers(void **state)
{
	struct fake_ring f;
	struct vt_splitter *s = vt_splitter_new();
	uint64_t value = 7, lost[VT_MAX_CATEGORIES];
	struct vt_segment header;
	uint32_t room;

	(void)state;
	assert_non_null(s);
	fake_open(&f, 4096, 8, 4096 * 5);
	f.ring.emitted[VT_CAT_memory] = 30;
	f.ring.emitted[VT_CAT_gc] = 4;
	fake_emit(&f, VT_EV_memory_alloc, &value, 100);
	memcpy(&header, fake_segment(&f, f.begin), sizeof(header));

	struct vt_ring_cursor cursor = { .position = f.begin, .counted = { [VT_CAT_memory] = 10 } };
	memcpy(vt_splitter_room(s, &room), &header, sizeof(header));
	assert_int_equal(vt_splitter_take(s, &cursor, 4096, sizeof(header), vt_ring_view_layout, &f.view),
	                 VT_SPLIT_LOST);
	assert_int_equal(vt_splitter_lost(&cursor, &header, lost), 24);
	assert_int_equal(lost[VT_CAT_memory], 20);
	assert_int_equal(lost[VT_CAT_gc], 4);
	assert_int_equal(cursor.counted[VT_CAT_memory], 30);
	vt_splitter_reset(s);
	assert_int_equal(vt_splitter_take(s, &cursor, 4096, sizeof(header), vt_ring_view_layout, &f.view),
	                 VT_SPLIT_WHOLE);

	struct vt_ring_cursor elsewhere = { .position = f.begin + 4096 };
	vt_splitter_reset(s);
	assert_int_equal(vt_splitter_take(s, &elsewhere, 4096, sizeof(header), vt_ring_view_layout, &f.view),
	                 VT_SPLIT_MISFIT);
	vt_splitter_free(s);
	fake_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_comes_back),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(nothing_but_the_same),
		cmocka_unit_test(ticks_that_run_backwards),
		cmocka_unit_test(misfits),
		cmocka_unit_test(headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
