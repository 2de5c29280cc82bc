/* test_opt.c - option rows: every kind of value, mixing with arguments, and each way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/opt.h"

struct settings {
	bool flag, number_given;
	const char *string;
	uint64_t number, duration, size;
	struct vt_list list, whole;
};

static const struct vt_opt rows[] = {
	{ "flag", 'f', VT_OPT_FLAG, NULL, "", offsetof(struct settings, flag), 0 },
	{ "string", 's', VT_OPT_STRING, "S", "", offsetof(struct settings, string), 0 },
	{ "number", 0, VT_OPT_NUMBER, "N", "", offsetof(struct settings, number),
	  offsetof(struct settings, number_given) },
	{ "duration", 0, VT_OPT_DURATION, "T", "", offsetof(struct settings, duration), 0 },
	{ "size", 0, VT_OPT_SIZE, "B", "", offsetof(struct settings, size), 0 },
	{ "category", 'c', VT_OPT_LIST, "L", "", offsetof(struct settings, list), 0 },
	{ "where", 0, VT_OPT_LIST_WHOLE, "W", "", offsetof(struct settings, whole), 0 },
	VT_OPT_END
};

static const struct vt_command command = { .name = "test", .args = "", .summary = "", .opts = rows };
static const struct vt_command wrapper = { .name = "test", .args = "", .summary = "", .opts = rows,
                                           .stop_at_argument = true };

static char last_message[512];

/* In place of message.c: what would have gone to stderr. */
int vt_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_message, sizeof(last_message), format, args);
	va_end(args);
	return VT_EXIT_USAGE;
}

void vt_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_message, sizeof(last_message), format, args);
	va_end(args);
}

/* getopt moves the arguments: they are copied for each call. */
static int parse(const struct vt_command *c, struct settings *set, const char *const *words)
{
	static char copies[16][64];
	static char *argv[17];
	int argc = 0;

	*set = (struct settings){ false };
	last_message[0] = '\0';
	for (; words[argc]; argc++) {
		strncpy(copies[argc], words[argc], sizeof(copies[argc]) - 1);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	return vt_opt_parse(c, argc, argv, set);
}

#define PARSE(c, set, ...) parse(c, set, (const char *const[]){ "test", __VA_ARGS__, NULL })

static void all_kinds(void **state)
{
	struct settings set;

	(void)state;
	int first = PARSE(&command, &set, "file", "-f", "--string=x", "--number", "#7", "--duration", "1ms",
	                  "--size", "64K", "-cgc,loop", "--category", "!vm", "--where", "a = b,c");
	assert_int_equal(first, 14);
	assert_true(set.flag && set.number_given);
	assert_string_equal(set.string, "x");
	assert_true(set.number == 7 && set.duration == 1000000 && set.size == 65536);
	assert_int_equal(set.list.count, 3);
	assert_string_equal(set.list.items[0], "gc");
	assert_string_equal(set.list.items[1], "loop");
	assert_string_equal(set.list.items[2], "!vm");
	assert_int_equal(set.whole.count, 1);
	assert_string_equal(set.whole.items[0], "a = b,c");
	vt_opt_free(rows, &set);
	assert_int_equal(set.list.count, 0);
}

static void nothing_given(void **state)
{
	struct settings set;

	(void)state;
	assert_int_equal(PARSE(&command, &set, "a", "b"), 1);
	assert_false(set.number_given);
	vt_opt_free(rows, &set);
}

static void a_command_ends_the_options(void **state)
{
	struct settings set;

	(void)state;
	assert_int_equal(PARSE(&wrapper, &set, "-f", "guile", "--string", "x"), 2);
	assert_true(set.flag);
	assert_null(set.string);
	assert_int_equal(PARSE(&wrapper, &set, "--", "-f"), 2);
	assert_false(set.flag);
}

static void wrong(const char *message, const char *a, const char *b)
{
	struct settings set;

	assert_int_equal(PARSE(&command, &set, a, b), VT_OPT_USAGE);
	assert_non_null(strstr(last_message, message));
	vt_opt_free(rows, &set);
}

static void each_way_to_be_wrong(void **state)
{
	(void)state;
	wrong("did you mean --category?", "--catgory", "gc");
	wrong("unknown option --zzzzzz", "--zzzzzz", NULL);
	wrong("unknown option -z", "-z", NULL);
	wrong("--string needs an argument", "--string", NULL);
	wrong("takes no value", "--flag=1", NULL);
	wrong("a number", "--number", "x");
	wrong("too large", "--number", "99999999999999999999");
	wrong("a duration such as", "--duration", "1x");
	wrong("a size such as", "--size", "abc");
	wrong("names with commas", "--category", "gc,,loop");
	wrong("names with commas", "--category", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(nothing_given),
		cmocka_unit_test(a_command_ends_the_options),
		cmocka_unit_test(each_way_to_be_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
