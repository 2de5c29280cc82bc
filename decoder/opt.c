/* opt.c - option rows to getopt_long and to --help. */
#include "decoder/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/names.h"
#include "decoder/units.h"

#define MOST_ROWS 64u
#define FIRST_ROW 1000          /* values of getopt_long: FIRST_ROW + index in struct rows */
#define HELP_AT   27            /* column of the help texts */
#define HELP_END  80
#define MOST_NAMES 32u          /* that a VT_OPT_NAME takes */

/* The rows that are in force: a command's own, and the common ones. */
struct rows {
	const struct vt_opt *row[MOST_ROWS];
	char letter[MOST_ROWS];
	unsigned count, own;
};

static bool has_row(const struct rows *r, const char *name, char letter)
{
	for (unsigned i = 0; i < r->own; i++)
		if (name ? strcmp(r->row[i]->name, name) == 0 : r->letter[i] == letter)
			return true;
	return false;
}

static struct rows rows_of(const struct vt_command *command)
{
	struct rows r = { .count = 0 };

	for (const struct vt_opt *row = command->opts; row->name && r.count < MOST_ROWS; row++) {
		r.letter[r.count] = row->letter;
		r.row[r.count++] = row;
	}
	r.own = r.count;
	for (const struct vt_opt *row = vt_common_rows; row->name && r.count < MOST_ROWS; row++) {
		if (has_row(&r, row->name, 0))
			continue;
		r.letter[r.count] = has_row(&r, NULL, row->letter) ? 0 : row->letter;
		r.row[r.count++] = row;
	}
	return r;
}

void vt_opt_each(const struct vt_command *command,
                 void (*each)(void *user, const struct vt_opt *row, char letter, bool common),
                 void *user)
{
	struct rows r = rows_of(command);

	for (unsigned i = 0; i < r.count; i++)
		each(user, r.row[i], r.letter[i], i >= r.own);
}

/* ---- values -------------------------------------------------------------------------------- */

const char *vt_opt_name(const struct vt_opt *row, size_t i)
{
	if (row->names)
		return row->names(i);
	return row->values ? row->values[i] : NULL;
}

static bool is_name(const struct vt_opt *row, const char *value)
{
	const char *name;

	for (size_t i = 0; (name = vt_opt_name(row, i)); i++)
		if (strcmp(name, value) == 0)
			return true;
	return false;
}

static bool list_add(struct vt_list *list, const char *item, size_t length)
{
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return false;
	list->items = items;
	items[list->count] = strndup(item, length);
	return items[list->count] && ++list->count;
}

static int list_split(struct vt_list *list, const char *value)
{
	for (const char *p = value;; p++) {
		size_t n = strcspn(p, ",");
		if (n == 0)
			return -EINVAL;
		if (!list_add(list, p, n))
			return -ENOMEM;
		p += n;
		if (*p == '\0')
			return 0;
	}
}

static int store(const struct vt_opt *row, void *settings, const char *value)
{
	char *to = (char *)settings + row->offset;
	int err = 0;

	switch (row->kind) {
	case VT_OPT_FLAG:
		*(bool *)to = true;
		break;
	case VT_OPT_NAME:
		if (!is_name(row, value))
			return -EINVAL;
		memcpy(to, &value, sizeof(value));
		break;
	case VT_OPT_STRING:
		memcpy(to, &value, sizeof(value));
		break;
	case VT_OPT_NUMBER:
		err = vt_parse_u64(value + (*value == '#'), (uint64_t *)(void *)to);
		break;
	case VT_OPT_DURATION:
		err = vt_parse_duration(value, (uint64_t *)(void *)to);
		break;
	case VT_OPT_SIZE:
		err = vt_parse_size(value, (uint64_t *)(void *)to);
		break;
	case VT_OPT_LIST:
		err = list_split((struct vt_list *)(void *)to, value);
		break;
	case VT_OPT_LIST_WHOLE:
		err = list_add((struct vt_list *)(void *)to, value, strlen(value)) ? 0 : -ENOMEM;
		break;
	}
	if (!err && row->given)
		*((bool *)settings + row->given) = true;
	return err;
}

/* Two pieces behind the `used` bytes of `to`, cut to its size. Returns the bytes used then. */
static size_t add_text(char *to, size_t size, size_t used, const char *before, const char *text)
{
	int n = snprintf(to + used, size - used, "%s%s", before, text);

	return n < 0 || (size_t)n >= size - used ? size - 1 : used + (size_t)n;
}

/* The names of a VT_OPT_NAME do not change: pointers to them can be kept. */
static int bad_name(const struct vt_opt *row, const char *value)
{
	const char *names[MOST_NAMES], *nearest;
	char valid[512] = "";
	size_t count = 0, used = 0;

	for (; count < MOST_NAMES && (names[count] = vt_opt_name(row, count)); count++)
		used = add_text(valid, sizeof(valid), used, " ", names[count]);
	nearest = vt_name_nearest(value, names, count);
	vt_usage("unknown --%s '%s'%s%s%s valid:%s", row->name, value,
	         nearest ? "; did you mean '" : ";", nearest ? nearest : "", nearest ? "'?" : "", valid);
	return VT_OPT_USAGE;
}

static int bad_value(const struct vt_opt *row, const char *value, int err)
{
	static const char *const wants[] = {
		[VT_OPT_NUMBER] = "a number",
		[VT_OPT_DURATION] = "a duration such as 1ms or 0.5s",
		[VT_OPT_SIZE] = "a size such as 64K or 1MiB",
		[VT_OPT_LIST] = "a list of names with commas between them",
	};
	if (err == -EINVAL && row->kind == VT_OPT_NAME)
		return bad_name(row, value);
	if (err == -ENOMEM)
		vt_message("out of memory");
	else
		vt_usage("--%s '%s' is %s%s", row->name, value, err == -ERANGE ? "too large" : "not ",
		         err == -ERANGE ? "" : wants[row->kind]);
	return VT_OPT_USAGE;
}

/* getopt_long has met an option that it does not know, or one without its argument. */
static int bad_option(const struct vt_command *command, const struct rows *rows, char **argv,
                      int what)
{
	const char *given = argv[optind - 1];
	const char *names[MOST_ROWS];

	if (what == ':')
		return vt_usage("%s: %s needs an argument", command->name, given), VT_OPT_USAGE;
	if (optopt > 0 && optopt < FIRST_ROW)
		return vt_usage("%s: unknown option -%c (valktrace %s --help lists them)",
		                command->name, optopt, command->name), VT_OPT_USAGE;
	if (optopt >= FIRST_ROW)
		return vt_usage("%s: %s takes no value", command->name, given), VT_OPT_USAGE;

	char name[VT_NAME_TRIED];
	size_t n = strcspn(given + 2, "=");
	snprintf(name, sizeof(name), "%.*s", (int)(n < 64 ? n : 64), given + 2);
	for (unsigned i = 0; i < rows->count; i++)
		names[i] = rows->row[i]->name;
	const char *nearest = vt_name_nearest(name, names, rows->count);
	if (nearest)
		vt_usage("%s: unknown option --%s, did you mean --%s?", command->name, name, nearest);
	else
		vt_usage("%s: unknown option --%s (valktrace %s --help lists them)", command->name,
		         name, command->name);
	return VT_OPT_USAGE;
}

static void fill_getopt(const struct vt_command *command, const struct rows *rows,
                        struct option *longs, char *shorts)
{
	/* '+': the first argument ends the options; ':' tells a missing argument from a bad option. */
	if (command->stop_at_argument)
		*shorts++ = '+';
	*shorts++ = ':';
	for (unsigned i = 0; i < rows->count; i++) {
		const struct vt_opt *row = rows->row[i];
		*longs++ = (struct option){ row->name, row->arg ? required_argument : no_argument, NULL,
		                            FIRST_ROW + (int)i };
		if (rows->letter[i]) {
			*shorts++ = rows->letter[i];
			if (row->arg)
				*shorts++ = ':';
		}
	}
	*longs = (struct option){ NULL, 0, NULL, 0 };
	*shorts = '\0';
}

static unsigned index_of(const struct rows *rows, int got)
{
	unsigned i = 0;

	if (got >= FIRST_ROW)
		return (unsigned)(got - FIRST_ROW);
	while (rows->letter[i] != got)
		i++;
	return i;
}

int vt_opt_parse(const struct vt_command *command, int argc, char **argv, void *settings)
{
	struct rows rows = rows_of(command);
	struct option longs[MOST_ROWS + 1];
	char shorts[2 * MOST_ROWS + 3];
	int got;

	fill_getopt(command, &rows, longs, shorts);
	opterr = 0;
	optind = 0;
	while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (got == '?' || got == ':')
			return bad_option(command, &rows, argv, got);
		unsigned i = index_of(&rows, got);
		int err = store(rows.row[i], i < rows.own ? settings : &vt_common, optarg);
		if (err)
			return bad_value(rows.row[i], optarg, err);
		if (vt_common.help)
			vt_opt_help(command);
		else if (vt_common.version)
			vt_print_version();
		if (vt_common.help || vt_common.version)
			return VT_OPT_HELP;
	}
	return optind;
}

void vt_opt_free(const struct vt_opt *rows, void *settings)
{
	for (; rows->name; rows++) {
		if (rows->kind != VT_OPT_LIST && rows->kind != VT_OPT_LIST_WHOLE)
			continue;
		struct vt_list *list = (struct vt_list *)(void *)((char *)settings + rows->offset);
		for (unsigned i = 0; i < list->count; i++)
			free(list->items[i]);
		free(list->items);
		*list = (struct vt_list){ NULL, 0 };
	}
}

/* ---- help ---------------------------------------------------------------------------------- */

/* Words of `text` from column `at` on, broken before column 80. */
static void print_wrapped(const char *text, int at)
{
	int column = at;

	for (bool first = true; *text; first = false) {
		int n = (int)strcspn(text, " ");
		if (!first && column + 1 + n > HELP_END) {
			printf("\n%*s", at, "");
			column = at;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		printf("%.*s", n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_names(const struct vt_opt *row, char *text, size_t size)
{
	size_t used = add_text(text, size, 0, "", row->help);
	const char *name;

	for (size_t i = 0; row->kind == VT_OPT_NAME && (name = vt_opt_name(row, i)); i++)
		used = add_text(text, size, used, i ? ", " : " ", name);
}

static void print_row(void *user, const struct vt_opt *row, char letter, bool common)
{
	char left[80], help[1024];
	bool *in_common = user;
	int n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", letter ? '-' : ' ',
	                 letter ? letter : ' ', letter ? "," : " ", row->name, row->arg ? " " : "",
	                 row->arg ? row->arg : "");

	if (common && !*in_common)
		printf("\noptions of every command\n");
	*in_common |= common;
	printf("%s", left);
	if (n + 2 > HELP_AT)
		printf("\n%*s", HELP_AT, "");
	else
		printf("%*s", HELP_AT - n, "");
	print_names(row, help, sizeof(help));
	print_wrapped(help, HELP_AT);
}

void vt_opt_help(const struct vt_command *command)
{
	bool in_common = false;

	printf("usage: valktrace %s [options]%s%s\n\n", command->name, *command->args ? " " : "",
	       command->args);
	print_wrapped(command->summary, 0);
	if (command->details)
		printf("\n%s", command->details);
	if (command->subjects)
		printf("\nsubjects of rules\n%s", command->subjects);
	if (command->opts->name)
		printf("\noptions\n");
	vt_opt_each(command, print_row, &in_common);
	if (command->exits)
		printf("\nexit status\n%s", command->exits);
	if (command->examples)
		printf("\nexamples\n%s", command->examples);
}
