/* test_names.c - nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "decoder/names.h"

static void distances(void **state)
{
	static const struct { const char *a, *b; unsigned d; } cases[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "gc", "gc", 0 }, { "kitten", "sitting", 3 },
		{ "category", "catgeory", 1 }, { "ab", "ba", 1 }, { "abc", "abd", 1 },
		{ "summary", "sumary", 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(vt_name_distance(cases[i].a, cases[i].b), cases[i].d);
		assert_int_equal(vt_name_distance(cases[i].b, cases[i].a), cases[i].d);
	}
}

static void nearest(void **state)
{
	const char *const names[] = { "syscall", NULL, "gc", "loop", "interp", "memory" };
	const size_t n = sizeof(names) / sizeof(*names);
	char longest[2 * VT_NAME_TRIED];

	(void)state;
	assert_string_equal(vt_name_nearest("gcc", names, n), "gc");
	assert_string_equal(vt_name_nearest("syscal", names, n), "syscall");
	assert_string_equal(vt_name_nearest("inter", names, n), "interp");
	assert_string_equal(vt_name_nearest("mem", names, n), "memory");
	assert_string_equal(vt_name_nearest("lopo", names, n), "loop");
	assert_null(vt_name_nearest("compositor", names, n));
	assert_null(vt_name_nearest("", names, n));
	assert_null(vt_name_nearest("xy", names, n));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_null(vt_name_nearest(longest, names, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
