/* test_opt.c - option rows: every kind of value, mixing with arguments, and each way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/opt.h"

struct settings {
	bool flag, number_given;
	const char *string;
	uint64_t number, duration, size;
	struct vt_list list, whole;
	const char *name, *made;
};

static const char *const colours[] = { "red", "green", NULL };

static const char *made_name(size_t i)
{
	static char text[8];

	if (i >= 3)
		return NULL;
	snprintf(text, sizeof(text), "made%zu", i);
	return text;
}

static const struct vt_opt rows[] = {
	{ "flag", 'f', VT_OPT_FLAG, NULL, "", offsetof(struct settings, flag), 0 },
	{ "string", 's', VT_OPT_STRING, "S", "", offsetof(struct settings, string), 0 },
	{ "number", 0, VT_OPT_NUMBER, "N", "", offsetof(struct settings, number),
	  offsetof(struct settings, number_given) },
	{ "duration", 0, VT_OPT_DURATION, "T", "", offsetof(struct settings, duration), 0 },
	{ "size", 0, VT_OPT_SIZE, "B", "", offsetof(struct settings, size), 0 },
	{ "category", 'c', VT_OPT_LIST, "L", "", offsetof(struct settings, list), 0 },
	{ "where", 0, VT_OPT_LIST_WHOLE, "W", "", offsetof(struct settings, whole), 0 },
	{ "paint", 0, VT_OPT_NAME, "P", "", offsetof(struct settings, name), 0, .values = colours },
	{ "made", 'q', VT_OPT_NAME, "M", "", offsetof(struct settings, made), 0, .names = made_name },
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

static void names(void **state)
{
	struct settings set;

	(void)state;
	PARSE(&command, &set, "--paint", "green", "-qmade2");
	assert_string_equal(set.name, "green");
	assert_string_equal(set.made, "made2");
	vt_opt_free(rows, &set);
	wrong("unknown --paint 'gren'; did you mean 'green'? valid: red green", "--paint", "gren");
	wrong("unknown --made 'x'; valid:", "--made", "x");
}

static void seen_row(void *user, const struct vt_opt *row, char letter, bool common)
{
	char *text = user;
	size_t n = strlen(text);

	snprintf(text + n, 1024 - n, "%c%s%c ", common ? '+' : '-', row->name, letter ? letter : '.');
}

/* The command keeps its own -f and -q: the common options of these letters have only their names. */
static void common_rows(void **state)
{
	struct settings set;
	char text[1024] = "";

	(void)state;
	vt_common = (struct vt_common){ false };
	vt_opt_each(&command, seen_row, text);
	assert_non_null(strstr(text, "-flagf "));
	assert_non_null(strstr(text, "+quiet. "));
	assert_non_null(strstr(text, "+force. "));
	assert_non_null(strstr(text, "+verbosev "));
	assert_int_equal(PARSE(&command, &set, "-f", "-v", "--force", "--color=never", "file"), 5);
	assert_true(set.flag && vt_common.verbose && vt_common.force && !vt_common.quiet);
	assert_string_equal(vt_common.colour, "never");
	wrong("unknown --color 'nevr'; did you mean 'never'?", "--color", "nevr");
	vt_common = (struct vt_common){ false };
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(nothing_given),
		cmocka_unit_test(a_command_ends_the_options),
		cmocka_unit_test(each_way_to_be_wrong),
		cmocka_unit_test(names),
		cmocka_unit_test(common_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
