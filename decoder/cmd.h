/*
 * cmd.h - a subcommand is one file, one const vtable, one line in the table of main.c.
 */
#ifndef DECODER_CMD_H
#define DECODER_CMD_H

#include <stdarg.h>
#include <stdbool.h>

#include "decoder/opt.h"
#include "decoder/out.h"

enum vt_exit {
	VT_EXIT_OK = 0,
	VT_EXIT_FAILURE = 1,            /* ours: output cannot be written, no memory */
	VT_EXIT_USAGE = 2,
	VT_EXIT_DAMAGED = 3,            /* output produced, some input damaged */
	VT_EXIT_NOT_A_LOG = 4,
	VT_EXIT_VERSION = 5,
	VT_EXIT_LIMIT = 6,
	VT_EXIT_INPUT = 7,              /* cannot be read */
	VT_EXIT_LOSS = 8,
	VT_EXIT_VIOLATED = 9,           /* of check: a rule is */
};

struct vt_command {
	const char *name;
	const char *args;               /* after the options, for the usage line */
	const char *summary;            /* one line for the list of commands */
	const char *details;            /* more text of --help, or NULL */
	const char *subjects;           /* more lines of --help, a table as it stands, or NULL: check */
	const char *examples;           /* lines of --help, or NULL */
	const char *exits;              /* lines of --help on exit codes, or NULL */
	const struct vt_opt *opts;      /* ends with VT_OPT_END */
	bool stop_at_argument;          /* what follows the first argument is not ours: record */
	const char *words;              /* completion of its arguments; "": commands, NULL: logs */
	bool for_packagers;             /* listed apart */
	int (*run)(int argc, char **argv);      /* argv[0] is the name; returns the exit code */
};

extern const struct vt_command *const vt_commands[];    /* ends with NULL */

extern const struct vt_command vt_cmd_check, vt_cmd_completion, vt_cmd_decode, vt_cmd_info, vt_cmd_man, vt_cmd_record,
	vt_cmd_recover, vt_cmd_report, vt_cmd_schema, vt_cmd_stats, vt_cmd_summary, vt_cmd_verify;

/* "valktrace: " and one line to stderr. */
void vt_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for wrong usage: returns VT_EXIT_USAGE. */
int vt_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A remark that is no error: not with --quiet. */
void vt_remark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What only --verbose tells. */
void vt_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lines of --help on the exit codes that all commands which read logs share. */
extern const char vt_exits_of_readers[];

/* One text on stdout. */
int vt_sink_print(struct vt_sink *text);

/*
 * Opens an output, replacing a file that is there if --force was given or `replace` says so. An exit
 * code after a message.
 */
int vt_sink_start(struct vt_sink *out, const char *path, bool replace);

#endif
