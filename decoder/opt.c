/* opt.c - option rows to getopt_long and to --help. */
#include "decoder/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/names.h"
#include "decoder/units.h"

#define MOST_ROWS 64u
#define HELP_ROW  1000          /* values of getopt_long: HELP_ROW, FIRST_ROW + row */
#define FIRST_ROW 1001
#define HELP_AT   27            /* column of the help texts */
#define HELP_END  80

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

static int bad_value(const struct vt_opt *row, const char *value, int err)
{
	static const char *const wants[] = {
		[VT_OPT_NUMBER] = "a number",
		[VT_OPT_DURATION] = "a duration such as 1ms or 0.5s",
		[VT_OPT_SIZE] = "a size such as 64K or 1MiB",
		[VT_OPT_LIST] = "a list of names with commas between them",
	};
	if (err == -ENOMEM)
		vt_message("out of memory");
	else
		vt_usage("--%s '%s' is %s%s", row->name, value, err == -ERANGE ? "too large" : "not ",
		         err == -ERANGE ? "" : wants[row->kind]);
	return VT_OPT_USAGE;
}

/* getopt_long has met an option that it does not know, or one without its argument. */
static int bad_option(const struct vt_command *command, char **argv, int what)
{
	const char *given = argv[optind - 1];
	const char *names[MOST_ROWS + 1] = { "help" };
	size_t count = 1;

	if (what == ':')
		return vt_usage("%s: %s needs an argument", command->name, given), VT_OPT_USAGE;
	if (optopt > 0 && optopt < HELP_ROW)
		return vt_usage("%s: unknown option -%c (valktrace %s --help lists them)",
		                command->name, optopt, command->name), VT_OPT_USAGE;
	if (optopt >= HELP_ROW)
		return vt_usage("%s: %s takes no value", command->name, given), VT_OPT_USAGE;

	char name[VT_NAME_TRIED];
	size_t n = strcspn(given + 2, "=");
	snprintf(name, sizeof(name), "%.*s", (int)(n < 64 ? n : 64), given + 2);
	for (const struct vt_opt *row = command->opts; row->name; row++)
		names[count++] = row->name;
	const char *nearest = vt_name_nearest(name, names, count);
	if (nearest)
		vt_usage("%s: unknown option --%s, did you mean --%s?", command->name, name, nearest);
	else
		vt_usage("%s: unknown option --%s (valktrace %s --help lists them)", command->name,
		         name, command->name);
	return VT_OPT_USAGE;
}

static void fill_getopt(const struct vt_command *command, struct option *longs, char *shorts)
{
	/* '+': the first argument ends the options; ':' tells a missing argument from a bad option. */
	if (command->stop_at_argument)
		*shorts++ = '+';
	*shorts++ = ':';
	*shorts++ = 'h';
	*longs++ = (struct option){ "help", no_argument, NULL, HELP_ROW };
	for (const struct vt_opt *row = command->opts; row->name; row++) {
		int value = FIRST_ROW + (int)(row - command->opts);
		*longs++ = (struct option){ row->name, row->arg ? required_argument : no_argument, NULL,
		                            value };
		if (row->letter) {
			*shorts++ = row->letter;
			if (row->arg)
				*shorts++ = ':';
		}
	}
	*longs = (struct option){ NULL, 0, NULL, 0 };
	*shorts = '\0';
}

static const struct vt_opt *row_of(const struct vt_command *command, int got)
{
	if (got >= FIRST_ROW)
		return &command->opts[got - FIRST_ROW];
	const struct vt_opt *row = command->opts;
	while (row->letter != got)
		row++;
	return row;
}

int vt_opt_parse(const struct vt_command *command, int argc, char **argv, void *settings)
{
	struct option longs[MOST_ROWS + 2];
	char shorts[2 * MOST_ROWS + 4];
	int got;

	fill_getopt(command, longs, shorts);
	opterr = 0;
	optind = 0;
	while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (got == HELP_ROW || got == 'h') {
			vt_opt_help(command);
			return VT_OPT_HELP;
		}
		if (got == '?' || got == ':')
			return bad_option(command, argv, got);
		const struct vt_opt *row = row_of(command, got);
		int err = store(row, settings, optarg);
		if (err)
			return bad_value(row, optarg, err);
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

static void print_row(char letter, const char *name, const char *arg, const char *help)
{
	char left[80];
	int n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", letter ? '-' : ' ',
	                 letter ? letter : ' ', letter ? "," : " ", name, arg ? " " : "",
	                 arg ? arg : "");

	printf("%s", left);
	if (n + 2 > HELP_AT)
		printf("\n%*s", HELP_AT, "");
	else
		printf("%*s", HELP_AT - n, "");
	print_wrapped(help, HELP_AT);
}

void vt_opt_help(const struct vt_command *command)
{
	printf("usage: valktrace %s [options] %s\n\n", command->name, command->args);
	print_wrapped(command->summary, 0);
	if (command->details)
		printf("\n%s", command->details);
	printf("\noptions\n");
	for (const struct vt_opt *row = command->opts; row->name; row++)
		print_row(row->letter, row->name, row->arg, row->help);
	print_row('h', "help", NULL, "print this");
	if (command->examples)
		printf("\nexamples\n%s", command->examples);
}
