/* test_perf.c - lines of perf stat: recorded ones with exact values, hostile ones, names, lists of CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/perf_lines.h"

#define MOST 64

static struct {
	struct vt_perf_line lines[MOST];
	unsigned good, bad;
} seen;

static void take(void *user, const char *text, size_t length)
{
	(void)user;
	/* A copy without a 0 behind it: reading on is seen by the sanitizer. */
	char *copy = malloc(length ? length : 1);
	memcpy(copy, text, length);
	if (seen.good < MOST && vt_perf_line_read(copy, length, &seen.lines[seen.good]))
		seen.good++;
	else
		seen.bad++;
	free(copy);
}

/* Reads fixtures/perf/NAME.txt in pieces of `piece` bytes. */
static uint64_t read_fixture(const char *name, size_t piece)
{
	static struct vt_perf_splitter s;
	char path[128], bytes[4096];
	size_t n;

	memset(&s, 0, sizeof(s));
	memset(&seen, 0, sizeof(seen));
	snprintf(path, sizeof(path), "fixtures/perf/%s.txt", name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while ((n = fread(bytes, 1, piece < sizeof(bytes) ? piece : sizeof(bytes), f)) > 0)
		vt_perf_split(&s, bytes, n, take, NULL);
	fclose(f);
	return s.too_long;
}

static void check(unsigned i, uint64_t time, enum vt_perf_counted counted, uint64_t value, const char *event,
                  uint64_t run, uint32_t share)
{
	const struct vt_perf_line *l = &seen.lines[i];

	assert_true(i < seen.good);
	assert_int_equal(l->time, time);
	assert_int_equal(l->counted, counted);
	assert_int_equal(vt_perf_line_ns(l), value);
	assert_string_equal(l->event, event);
	assert_int_equal(l->run, run);
	assert_int_equal(l->share, share);
}

static void read_good(const char *name, unsigned good)
{
	read_fixture(name, 4096);
	assert_int_equal(seen.good, good);
}

static void recorded_lines(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 4096; piece = 3 * piece + 1) {
		read_fixture("normal", piece);
		assert_int_equal(seen.good, 34);
		assert_int_equal(seen.bad, 0);
		check(0, 100208287, VT_PERF_COUNTED, 215220000, "cpu-clock", 215224721, 1000000);
		check(1, 100208287, VT_PERF_COUNTED, 24, "context-switches", 215227509, 1000000);
		check(3, 100208287, VT_PERF_COUNTED, 0, "page-faults", 215227944, 1000000);
		check(4, 100208287, VT_PERF_NOT_SUPPORTED, 0, "cycles", 0, 1000000);
		check(20, 215219470, VT_PERF_COUNTED, 1, "page-faults", 215775522, 1000000);
	}
	assert_string_equal(seen.lines[0].unit, "msec");
	assert_string_equal(seen.lines[1].unit, "");
}

static void special_lines(void **state)
{
	(void)state;
	read_good("modifier", 8);
	check(0, 100310117, VT_PERF_COUNTED, 53, "page-faults:u", 1103891, 1000000);
	check(2, 200619534, VT_PERF_NOT_COUNTED, 0, "page-faults:u", 0, 1000000);
	read_good("not_counted", 9);
	check(4, 202484867, VT_PERF_NOT_COUNTED, 0, "context-switches", 0, 1000000);
	read_good("multiplexed", 6);
	check(0, 1000214501, VT_PERF_COUNTED, 1208113542, "cycles", 801043122, 400300);
	check(4, 2000534117, VT_PERF_NOT_COUNTED, 0, "instructions", 0, 0);
	read_good("short_last", 9);
	check(6, 251876780, VT_PERF_COUNTED, 757, "page-faults", 88686060, 1000000);
	check(7, 251876780, VT_PERF_COUNTED, 88680000, "cpu-clock", 88684978, 1000000);
	read_good("pmu_terms", 3);
	check(0, 100164720, VT_PERF_COUNTED, 71, "cpu/event=0x3c,umask=0/", 200865781, 1000000);
	assert_string_equal(seen.lines[1].unit, "Joules");
	assert_int_equal(seen.lines[1].fraction, 340000000);
	check(2, 100164720, VT_PERF_COUNTED, 37, "sched:sched_switch", 200865781, 1000000);
}

/* Texts of perf, other columns, other locales, lines that were cut: none of it is a number. */
static void what_is_no_line(void **state)
{
	static const char *const names[] = {
		"unknown_event", "forbidden", "locale_comma", "per_cpu_columns", "garbage",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t piece = 1; piece < 4096; piece = 5 * piece + 2) {
			uint64_t too_long = read_fixture(names[i], piece);
			assert_int_equal(seen.good, 0);
			assert_in_range(seen.bad, 2, 100);
			assert_int_equal(too_long, strcmp(names[i], "garbage") == 0);
		}
	read_good("truncated", 2);
	assert_int_equal(seen.bad, 0);
}

static void largest_values(void **state)
{
	struct vt_perf_line l;
	static const char most[] = "18446744072.709551615;18446744073709551615;msec;cpu-clock;1;250.00";

	(void)state;
	assert_false(vt_perf_line_read("18446744074.0;1;;x;1;100", 24, &l));
	assert_true(vt_perf_line_read(most, strlen(most), &l));
	assert_true(l.time == 18446744072709551615ull);
	assert_true(vt_perf_line_ns(&l) == UINT64_MAX);
	assert_int_equal(l.share, 1000000);
	assert_false(vt_perf_line_read("", 0, &l));
	assert_true(vt_perf_line_read("1.5;0.000001;msec;x;1;99.99", 27, &l));
	assert_int_equal(vt_perf_line_ns(&l), 1);
	assert_int_equal(l.share, 999900);
}

static void scaled_values(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_true(vt_perf_scale(1000, 400, 100, &v));
	assert_int_equal(v, 4000);
	assert_true(vt_perf_scale(1000, 400, 400, &v));
	assert_int_equal(v, 1000);
	assert_true(vt_perf_scale(0, 0, 0, &v));
	assert_int_equal(v, 0);
	assert_false(vt_perf_scale(0, 400, 0, &v));
	assert_true(vt_perf_scale(UINT64_MAX, UINT64_MAX, 1, &v));
	assert_true(v == UINT64_MAX);
	assert_true(vt_perf_scale(3, UINT64_MAX, UINT64_MAX - 1, &v));
	assert_int_equal(v, 3);
}

static void names(void **state)
{
	static const char list[] = "cycles,cpu/event=0x3c,umask=0/, {page-faults:u,sched:sched_switch},-x,a;b,cpu/a";
	static const struct { const char *name; bool good; } expected[] = {
		{ "cycles", true }, { "cpu/event=0x3c,umask=0/", true }, { "page-faults:u", true },
		{ "sched:sched_switch", true }, { "-x", false }, { "a;b", false }, { "cpu/a", false },
	};
	const char *at = list;
	char name[VT_PERF_NAME], longest[400];
	bool good;

	(void)state;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		assert_true(vt_perf_next_name(&at, name, &good));
		assert_string_equal(name, expected[i].name);
		assert_int_equal(good, expected[i].good);
	}
	assert_false(vt_perf_next_name(&at, name, &good));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	at = longest;
	assert_true(vt_perf_next_name(&at, name, &good));
	assert_false(good);
	assert_int_equal(strlen(name), VT_PERF_NAME - 1);
	assert_int_equal(vt_perf_name_length("page-faults:u"), 11);
	assert_int_equal(vt_perf_name_length("cycles:ukhpp"), 6);
	assert_int_equal(vt_perf_name_length("sched:sched_switch"), 18);
	assert_int_equal(vt_perf_name_length("cycles:"), 7);
	assert_int_equal(vt_perf_name_length(":u"), 2);
}

static void cpus(void **state)
{
	static const struct { const char *wanted; int missing; } cases[] = {
		{ "", -1 }, { "all", -1 }, { "0", -1 }, { "0-3,6", -1 }, { "6,0-1", -1 }, { "0,4", 4 }, { "7", 7 },
		{ "2-6", 4 }, { "0-9999", 4 }, { "-", -2 }, { "0,", -2 }, { ",0", -2 }, { "3-0", -2 }, { "0-", -2 },
		{ "0--1", -2 }, { "99999", -2 }, { "1 2", -2 }, { "all,0", -2 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(vt_perf_cpu_missing(cases[i].wanted, "0-3,6"), cases[i].missing);
}

/* Recorded texts with bytes changed, cut and doubled: nothing but reading happens, and values stay in range. */
static void fuzz(void **state)
{
	static struct vt_perf_splitter s;
	static const char alphabet[] = "0123456789.;;;\n <>notcued-:,/\0\377";
	char bytes[6000];
	unsigned seed = 12345;

	(void)state;
	FILE *f = fopen("fixtures/perf/normal.txt", "r");
	assert_non_null(f);
	size_t count = fread(bytes, 1, sizeof(bytes) / 2, f);
	fclose(f);
	for (unsigned round = 0; round < 20000; round++) {
		char mutant[6000];
		size_t from = 0, length = 80 + (seed >> 8) % 500;
		seed = seed * 1103515245u + 12345u;
		from = (seed >> 8) % (count - 600);
		memcpy(mutant, bytes + from, length);
		for (unsigned k = 0; k < 1 + round % 12; k++) {
			seed = seed * 1103515245u + 12345u;
			mutant[(seed >> 8) % length] = alphabet[(seed >> 20) % sizeof(alphabet)];
		}
		memset(&seen, 0, sizeof(seen));
		vt_perf_split(&s, mutant, length, take, NULL);
		for (unsigned i = 0; i < seen.good; i++) {
			assert_in_range(seen.lines[i].share, 0, 1000000);
			assert_true(seen.lines[i].fraction < 1000000000u);
			assert_in_range(strlen(seen.lines[i].event), 1, VT_PERF_NAME - 1);
			const char *list = seen.lines[i].event;
			char name[VT_PERF_NAME];
			bool good;
			while (vt_perf_next_name(&list, name, &good))
				assert_true(*name);
			vt_perf_cpu_missing(seen.lines[i].event, "0-1");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_lines),
		cmocka_unit_test(special_lines),
		cmocka_unit_test(what_is_no_line),
		cmocka_unit_test(largest_values),
		cmocka_unit_test(scaled_values),
		cmocka_unit_test(names),
		cmocka_unit_test(cpus),
		cmocka_unit_test(fuzz),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
