/* test_units.c - numbers to text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "decoder/units.h"

static const char *text(char *end, char *begin)
{
	*end = '\0';
	return begin;
}

#define IS(call, expected) do { char b_[64]; char *p = b_; \
	assert_string_equal(text(call, b_), expected); } while (0)

static void whole_numbers(void **state)
{
	uint64_t edges[] = { 0, 9, 10, 99, 100, 101, 999, 1000, 9999, 10000, 99999, 1234567890123ull,
	                     UINT64_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "%llu", (unsigned long long)edges[i]);
		IS(vt_num_u64(p, edges[i]), expected);
	}
	for (uint64_t v = 1; v < UINT64_MAX / 10; v *= 10) {
		char expected[32];
		snprintf(expected, sizeof(expected), "%llu", (unsigned long long)(v - 1));
		IS(vt_num_u64(p, v - 1), expected);
	}
	IS(vt_num_i64(p, INT64_MIN), "-9223372036854775808");
	IS(vt_num_i64(p, -11), "-11");
	IS(vt_num_hex(p, 0x3f9c2e71a0b4d852ull, 16), "3f9c2e71a0b4d852");
	IS(vt_num_grouped(p, 9637), "9,637");
	IS(vt_num_grouped(p, 999), "999");
	IS(vt_num_grouped(p, 1000000), "1,000,000");
	IS(vt_num_nine(p, 1), "000000001");
	IS(vt_num_nine(p, 987654321), "987654321");
}

static void durations_have_three_digits(void **state)
{
	(void)state;
	IS(vt_num_ns(p, 0), "0ns");
	IS(vt_num_ns(p, 999), "999ns");
	IS(vt_num_ns(p, 1000), "1.00us");
	IS(vt_num_ns(p, 9994), "9.99us");
	IS(vt_num_ns(p, 9995), "10.0us");
	IS(vt_num_ns(p, 41700), "41.7us");
	IS(vt_num_ns(p, 99949), "99.9us");
	IS(vt_num_ns(p, 99950), "100us");
	IS(vt_num_ns(p, 271118), "271us");
	IS(vt_num_ns(p, 999499), "999us");
	IS(vt_num_ns(p, 999500), "1.00ms");
	IS(vt_num_ns(p, 4710000), "4.71ms");
	IS(vt_num_ns(p, 1309000000), "1.31s");
	IS(vt_num_ns(p, 3600000000000ull), "3600s");
	IS(vt_num_ns(p, UINT64_MAX), "18446744073s");
}

static void sizes(void **state)
{
	(void)state;
	IS(vt_num_bytes(p, 0), "0B");
	IS(vt_num_bytes(p, 1023), "1023B");
	IS(vt_num_bytes(p, 1024), "1.00KiB");
	IS(vt_num_bytes(p, 831488), "812KiB");
	IS(vt_num_bytes(p, 1111490), "1.06MiB");
	IS(vt_num_bytes(p, 8388608), "8.00MiB");
	IS(vt_num_bytes(p, UINT64_MAX), "16.0EiB");
}

static void percentages_never_round_to_all_or_nothing(void **state)
{
	(void)state;
	IS(vt_num_percent(p, 157, 1000), "15.7 %");
	IS(vt_num_percent(p, 5, 5), "100 %");
	IS(vt_num_percent(p, 999999, 1000000), "99.9 %");
	IS(vt_num_percent(p, 1, 1000000), "0.1 %");
	IS(vt_num_percent(p, 0, 7), "0 %");
	IS(vt_num_percent(p, 3, 0), "0 %");
	IS(vt_num_percent(p, UINT64_MAX, UINT64_MAX), "100 %");
}

/* The C library's calendar is the second opinion. */
static void utc_agrees_with_gmtime(void **state)
{
	(void)state;
	for (int64_t t = 0; t < 7258118400; t += 86400 * 11 + 7919) {
		char expected[64];
		time_t seconds = (time_t)t;
		struct tm tm;
		uint64_t back;
		gmtime_r(&seconds, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		IS(vt_num_utc(p, (uint64_t)t * 1000000000, 0), expected);
		assert_int_equal(vt_parse_utc(expected, &back), 0);
		assert_int_equal(back, (uint64_t)t * 1000000000);
	}
	IS(vt_num_utc(p, 1795261202118304123ull, 6), "2026-11-21T11:40:02.118304Z");
	IS(vt_num_seconds(p, 1309999999, 3), "1.309");
	IS(vt_num_seconds(p, 5, 9), "0.000000005");
}

static void floats_read_back(void **state)
{
	double values[] = { 0.1, 1.0 / 3, 1e300, -2.5, 123456789.125, 5e-324 };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char buffer[64];
		text(vt_num_float(buffer, values[i]), buffer);
		assert_true(strtod(buffer, NULL) == values[i]);
	}
	IS(vt_num_float(p, 0.1), "0.1");
}

static void parsing(void **state)
{
	static const struct { const char *text; uint64_t ns; } good[] = {
		{ "1ms", 1000000 }, { "1.5s", 1500000000 }, { "0.71", 710000000 }, { "250ns", 250 },
		{ "2", 2000000000 }, { "1.5us", 1500 }, { "5m", 300000000000ull }, { ".5s", 500000000 },
		{ "0.0000000019", 1 }, { "1h", 3600000000000ull },
	};
	static const char *const bad[] = { "", "s", "1x", "-1s", "1.2.3s", "1 s", ".", "1e3", "0x10" };
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(vt_parse_duration(good[i].text, &v), 0);
		assert_int_equal(v, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(vt_parse_duration(bad[i], &v), -EINVAL);
		assert_int_equal(vt_parse_size(bad[i], &v), -EINVAL);
	}
	assert_int_equal(vt_parse_duration("99999999999999999999s", &v), -ERANGE);
	assert_int_equal(vt_parse_duration("99999999999h", &v), -ERANGE);
	assert_int_equal(vt_parse_size("64K", &v), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(vt_parse_size("1.5MiB", &v), 0);
	assert_int_equal(v, 1572864);
	assert_int_equal(vt_parse_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(vt_parse_u64("18446744073709551616", &v), -ERANGE);
	assert_int_equal(vt_parse_u64("12a", &v), -EINVAL);
}

static void parsing_utc(void **state)
{
	static const char *const bad[] = {
		"2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21", "2026-11-21T24:00:00Z",
		"1969-12-31T23:59:59Z", "2026-11-21T11:40:02ZZ", "2026-11-21T11:40:02.Z", "garbage",
		"2026-00-10T00:00:00Z", "2026-11-21T11:40:2Z",
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(vt_parse_utc(bad[i], &v), -EINVAL);
	assert_int_equal(vt_parse_utc("2026-11-21 11:40:02.5", &v), 0);
	assert_true(v == 1795261202500000000ull);
	assert_int_equal(vt_parse_utc("1970-01-01T00:01Z", &v), 0);
	assert_true(v == 60000000000ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(durations_have_three_digits),
		cmocka_unit_test(sizes),
		cmocka_unit_test(percentages_never_round_to_all_or_nothing),
		cmocka_unit_test(utc_agrees_with_gmtime),
		cmocka_unit_test(floats_read_back),
		cmocka_unit_test(parsing),
		cmocka_unit_test(parsing_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
