/*
 * opt.h - options are data: one row gives name, argument, help and destination. Parsing is
 * getopt_long's; help is generated; an unknown option names the nearest one.
 */
#ifndef DECODER_OPT_H
#define DECODER_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values of a repeatable option, split at commas, in order. */
struct vt_list {
	char **items;
	unsigned count;
};

enum vt_opt_kind {
	VT_OPT_FLAG,            /* bool = true */
	VT_OPT_STRING,          /* const char * */
	VT_OPT_NUMBER,          /* uint64_t; '#' before it is allowed */
	VT_OPT_DURATION,        /* uint64_t, ns */
	VT_OPT_SIZE,            /* uint64_t, bytes */
	VT_OPT_LIST,            /* struct vt_list, split at commas */
	VT_OPT_LIST_WHOLE,      /* struct vt_list, not split */
	VT_OPT_NAME,            /* const char *, one of the row's names */
};

/* A row may leave out what it does not need at its end. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct vt_opt {
	const char *name;       /* NULL ends the rows */
	char letter;            /* 0: none */
	uint8_t kind;
	const char *arg;        /* NULL: takes none */
	const char *help;
	size_t offset;          /* of the destination in the command's settings */
	size_t given;           /* of a bool that says it was given; 0: none wanted */
	/*
	 * Names that the option takes: a list that ends with NULL, or a function that gives name
	 * number `i`, NULL behind the last; it may return the same buffer each time. Help, completion
	 * and errors read them. A VT_OPT_NAME takes nothing else; for other kinds they are proposals.
	 * Completion also knows the arguments FILE and DIR.
	 */
	const char *const *values;
	const char *(*names)(size_t i);
};

#define VT_OPT_END { NULL, 0, 0, NULL, NULL, 0, 0 }

/* Name number `i` of a row, NULL behind the last or if it has none. */
const char *vt_opt_name(const struct vt_opt *row, size_t i);

struct vt_command;

enum vt_opt_result { VT_OPT_USAGE = -2, VT_OPT_HELP = -1 };

/*
 * Fills in `settings`, and vt_common (common.h) by the rows that all commands have. Returns the
 * index of the first argument that is no option, VT_OPT_HELP after --help or --version (it has been
 * printed), or VT_OPT_USAGE after an error (it has been said on stderr). Options and arguments mix,
 * unless the command says that the first argument ends the options.
 */
int vt_opt_parse(const struct vt_command *command, int argc, char **argv, void *settings);

/* Frees the lists of `settings`. */
void vt_opt_free(const struct vt_opt *rows, void *settings);

/* Calls `each` for the rows of a command, its own first, then the common ones it does not hide. */
void vt_opt_each(const struct vt_command *command,
                 void (*each)(void *user, const struct vt_opt *row, char letter, bool common),
                 void *user);

void vt_opt_help(const struct vt_command *command);

#endif
