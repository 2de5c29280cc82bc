/* test_columns.c - the reading half of core/columns.h against columns packed by logmaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/columns.h"
#include "tests/unit/logmaker.h"

#define EVENTS 1000u

static int builtin_text(void *user, unsigned id)
{
	const struct vt_event_desc *d = vt_schema_event(vt_schema_builtin(), id);

	(void)user;
	return d ? d->text : VT_TEXT_UNKNOWN;
}

static int map(struct vt_section *s, const struct vt_out *raw, uint32_t events, uint16_t types,
               uint64_t t_min, uint64_t t_max)
{
	return vt_section_map(s, raw->data, (uint32_t)raw->length, events, types, t_min, t_max,
	                      builtin_text, NULL);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* Values of every width come back, whole and from the middle. */
static void every_width(void **state)
{
	static struct lm_event e[EVENTS];
	static uint64_t whole[EVENTS], part[EVENTS];
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned bits = 0; bits <= 64; bits++) {
		uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1, before = 0;
		struct vt_out raw = { 0 };
		struct vt_section s;
		uint16_t types;
		for (unsigned i = 0; i < EVENTS; i++)
			e[i] = (struct lm_event){ .ticks = 1000 + i, .id = VT_EV_memory_alloc,
			                          .values = { next_random(&x) & mask } };
		e[7].values[0] = mask;
		lm_section(&raw, e, EVENTS, &types);
		assert_int_equal(map(&s, &raw, EVENTS, types, 1000, 1000 + EVENTS - 1), 0);
		vt_section_field(&s, 0, 0, VT_KIND_UINT, 0, EVENTS, &before, whole);
		vt_section_field(&s, 0, 0, VT_KIND_UINT, 333, 501, &before, part);
		for (unsigned i = 0; i < EVENTS; i++)
			assert_int_equal(whole[i], e[i].values[0]);
		assert_memory_equal(part, whole + 333, 501 * sizeof part[0]);
		vt_section_free(&s);
		vt_out_free(&raw);
	}
}

static void ticks_types_and_kinds(void **state)
{
	static struct lm_event e[EVENTS];
	static const uint16_t ids[] = { VT_EV_gc_begin, VT_EV_gc_end, VT_EV_gc_pause,
	                                VT_EV_gc_mark, VT_EV_gc_mark_end };
	uint64_t ticks[EVENTS], values[EVENTS], t = UINT64_MAX / 2, x = 1, gauge = 0;
	uint8_t which[EVENTS];
	struct vt_out raw = { 0 };
	struct vt_section s;
	uint16_t types;

	(void)state;
	for (unsigned i = 0; i < EVENTS; i++) {
		t += 1 + next_random(&x) % 100000;
		e[i] = (struct lm_event){ .ticks = t, .id = ids[next_random(&x) % 5],
		                          .values = { next_random(&x), 1 } };
	}
	lm_section(&raw, e, EVENTS, &types);
	assert_int_equal(types, 5);
	assert_int_equal(map(&s, &raw, EVENTS, types, e[0].ticks, t), 0);
	vt_section_ticks(&s, 0, 400, 0, ticks);
	vt_section_ticks(&s, 400, EVENTS - 400, ticks[399], ticks + 400);
	vt_section_types(&s, 0, 401, which);
	vt_section_types(&s, 401, EVENTS - 401, which + 401);
	for (unsigned i = 0; i < EVENTS; i++) {
		assert_int_equal(ticks[i], e[i].ticks);
		assert_int_equal(s.type[which[i]].id, e[i].id);
	}
	/* GAUGE, in two pieces: the second goes on where the first ended. */
	vt_section_field(&s, 2, 0, VT_KIND_GAUGE, 0, 50, &gauge, values);
	vt_section_field(&s, 2, 0, VT_KIND_GAUGE, 50, s.type[2].events - 50, &gauge, values + 50);
	for (unsigned i = 0, n = 0; i < EVENTS; i++)
		if (which[i] == 2)
			assert_int_equal(values[n++], e[i].values[0]);
	vt_section_free(&s);
	vt_out_free(&raw);
}

static void texts_are_found(void **state)
{
	struct lm_event e[] = {
		{ .ticks = 1, .id = VT_EV_custom_note, .values = { 1 }, .text = "first" },
		{ .ticks = 2, .id = VT_EV_custom_note, .values = { 2 }, .text = "" },
		{ .ticks = 3, .id = VT_EV_custom_note, .values = { 3 }, .text = "third" },
	};
	struct vt_out raw = { 0 };
	struct vt_section s;
	uint16_t types;

	(void)state;
	lm_section(&raw, e, 3, &types);
	assert_int_equal(map(&s, &raw, 3, types, 1, 3), 0);
	assert_int_equal(s.type[0].text, 1);
	assert_memory_equal(s.raw + s.type[0].texts, "firstthird", 10);
	vt_section_free(&s);
	vt_out_u8(&raw, 'x');
	assert_int_equal(map(&s, &raw, 3, types, 1, 3), -1);
	raw.length -= 2;
	assert_int_equal(map(&s, &raw, 3, types, 1, 3), -1);
	vt_out_free(&raw);
}

/* What does not agree is refused: every prefix, counts, times, and flips never lead out of bounds. */
static void bad_sections(void **state)
{
	struct lm_event e[20];
	uint64_t values[20], ticks[20], gauge = 0;
	uint8_t which[20];
	struct vt_out raw = { 0 };
	struct vt_section s;
	uint16_t types;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		e[i] = (struct lm_event){ .ticks = 10 + 3 * i, .values = { i, 700, i },
		                          .id = i % 3 ? VT_EV_gc_pause : VT_EV_gc_begin };
	lm_section(&raw, e, 20, &types);
	assert_int_equal(map(&s, &raw, 20, types, 10, 67), 0);
	vt_section_free(&s);
	assert_int_equal(map(&s, &raw, 19, types, 10, 67), -1);
	assert_int_equal(map(&s, &raw, 20, 1, 10, 67), -1);
	assert_int_equal(map(&s, &raw, 20, types, 10, 68), -1);
	assert_int_equal(map(&s, &raw, 20, types, 10, 66), -1);
	assert_int_equal(map(&s, &raw, 0, types, 10, 67), -1);
	assert_int_equal(map(&s, &raw, VT_MAX_EVENTS + 1, types, 10, 67), -1);
	for (size_t length = 0; length < raw.length; length++) {
		uint8_t *exact = malloc(length + 1);
		memcpy(exact, raw.data, length);
		assert_int_equal(vt_section_map(&s, exact, (uint32_t)length, 20, types, 10, 67,
		                                builtin_text, NULL), -1);
		free(exact);
	}
	for (size_t bit = 0; bit < raw.length * 8; bit++) {
		uint8_t *exact = malloc(raw.length);
		memcpy(exact, raw.data, raw.length);
		exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (vt_section_map(&s, exact, (uint32_t)raw.length, 20, types, 10, 67, builtin_text,
		                   NULL) == 0) {
			vt_section_ticks(&s, 0, 20, 0, ticks);
			assert_int_equal(ticks[19], 67);
			vt_section_types(&s, 0, 20, which);
			for (unsigned t = 0; t < s.types; t++)
				for (unsigned f = 0; f < s.type[t].columns; f++)
					vt_section_field(&s, t, f, VT_KIND_GAUGE, 0,
					                 s.type[t].events, &gauge, values);
			vt_section_free(&s);
		}
		free(exact);
	}
	vt_out_free(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width),
		cmocka_unit_test(ticks_types_and_kinds),
		cmocka_unit_test(texts_are_found),
		cmocka_unit_test(bad_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
