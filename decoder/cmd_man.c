/* cmd_man.c - `valktrace man`: manual pages, as scdoc source, out of the same tables as --help. */
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/names.h"
#include "decoder/out.h"

static const struct vt_opt options[] = { VT_OPT_END };

/* Characters that mean something to scdoc; a line of text must not begin like a list or a table. */
static void put_text(struct vt_sink *out, const char *text)
{
	bool begins = true;

	for (; *text; begins = *text++ == '\n') {
		if (strchr("\\*_`", *text) || (begins && strchr("#-.|[]:<!'", *text)))
			vt_sink_char(out, '\\');
		vt_sink_char(out, *text);
	}
}

static void put_literal(struct vt_sink *out, const char *heading, const char *lines)
{
	if (lines)
		vt_sink_printf(out, "\n# %s\n\n```\n%s```\n", heading, lines);
}

static void put_option(void *user, const struct vt_opt *row, char letter, bool common)
{
	struct vt_sink *out = user;
	const char *name;

	if (common)
		return;
	if (letter)
		vt_sink_printf(out, "*-%c*, ", letter);
	vt_sink_string(out, "*--");
	put_text(out, row->name);
	vt_sink_char(out, '*');
	if (row->arg) {
		vt_sink_string(out, " _");
		put_text(out, row->arg);
		vt_sink_char(out, '_');
	}
	vt_sink_string(out, "\n\t");
	put_text(out, row->help);
	for (size_t i = 0; row->kind == VT_OPT_NAME && (name = vt_opt_name(row, i)); i++) {
		vt_sink_string(out, i > 0 ? ", *" : " *");
		put_text(out, name);
		vt_sink_char(out, '*');
	}
	vt_sink_string(out, ".\n\n");
}

static void put_common(void *user, const struct vt_opt *row, char letter, bool common)
{
	if (common)
		put_option(user, row, letter, false);
}

static void begin_page(struct vt_sink *out, const char *name, const char *summary)
{
	vt_sink_printf(out, "%s(1) \"valktrace " VT_VERSION "\" \"valktrace\"\n\n# NAME\n\n%s - ",
	               name, name);
	put_text(out, summary);
	vt_sink_string(out, "\n\n# SYNOPSIS\n\n");
}

static void print_command(struct vt_sink *out, const struct vt_command *c)
{
	char name[80];

	snprintf(name, sizeof(name), "valktrace-%s", c->name);
	begin_page(out, name, c->summary);
	vt_sink_printf(out, "*valktrace %s* [options] ", c->name);
	put_text(out, c->args);
	vt_sink_string(out, "\n\n# DESCRIPTION\n\n");
	put_text(out, c->details ? c->details : c->summary);
	vt_sink_string(out, c->details ? "" : ".\n");
	put_literal(out, "SUBJECTS OF RULES", c->subjects);
	if (c->opts->name) {
		vt_sink_string(out, "\n# OPTIONS\n\n");
		vt_opt_each(c, put_option, out);
	}
	vt_sink_string(out, "\n# OPTIONS OF EVERY COMMAND\n\n");
	vt_opt_each(c, put_common, out);
	put_literal(out, "EXIT STATUS", c->exits);
	put_literal(out, "EXAMPLES", c->examples);
	vt_sink_string(out, "\n# SEE ALSO\n\n*valktrace*(1)\n");
}

static const char environment[] =
	"\n# ENVIRONMENT\n\n"
	"*VALKTRACE*\n\tName=value pairs with commas between them: the options of *record* for\n"
	"\tprograms that link libvalktrace, and its defaults.\n\n"
	"*XDG_RUNTIME_DIR*\n\tRing files are made in the folder valktrace below it.\n\n"
	"*TMPDIR*\n\tWhere standard input is kept while it is read.\n\n"
	"*NO_COLOR*\n\tWhen it is set and not empty: no colours but with *--color=always*.\n\n"
	"# FILES\n\n"
	"_valktrace.vtrace_\n\tThe log that is written and read when none is named.\n\n"
	"_\\*.vring_\n\tRing files of processes: what the recorder has not yet written.\n\n"
	"# SEE ALSO\n\n*valktrace-record*(1), *valktrace-summary*(1), *valktrace-decode*(1)\n";

static void print_main(struct vt_sink *out)
{
	begin_page(out, "valktrace", "flight recorder for C runtimes");
	vt_sink_string(out, "*valktrace* _COMMAND_ [options] [arguments]\n\n# DESCRIPTION\n\n"
	               "Records garbage collections, calls and event loops into a small log that\n"
	               "survives a crash, and reads it afterwards.\n\n# COMMANDS\n\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++) {
		vt_sink_printf(out, "*valktrace-%s*(1)\n\t", (*c)->name);
		put_text(out, (*c)->summary);
		vt_sink_string(out, "\n\n");
	}
	vt_sink_string(out, "# OPTIONS OF EVERY COMMAND\n\n");
	vt_opt_each(&vt_cmd_man, put_common, out);
	put_literal(out, "EXIT STATUS OF COMMANDS THAT READ LOGS", vt_exits_of_readers);
	vt_sink_string(out, environment);
}

static int unknown(const char *given)
{
	const char *names[32];
	size_t count = 0;

	for (; vt_commands[count] && count < 32; count++)
		names[count] = vt_commands[count]->name;
	const char *nearest = vt_name_nearest(given, names, count);
	return vt_usage("man: unknown command '%s'%s%s%s (valktrace --help lists them)", given,
	                nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int run(int argc, char **argv)
{
	struct vt_sink out;
	const struct vt_command *const *c = vt_commands;
	int first = vt_opt_parse(&vt_cmd_man, argc, argv, NULL);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	if (argc - first > 1)
		return vt_usage("man: one page at a time");
	while (first < argc && *c && strcmp((*c)->name, argv[first]) != 0)
		c++;
	if (!*c)
		return unknown(argv[first]);
	if (vt_sink_memory(&out))
		return VT_EXIT_FAILURE;
	if (first < argc)
		print_command(&out, *c);
	else
		print_main(&out);
	return vt_sink_print(&out);
}

const struct vt_command vt_cmd_man = {
	.name = "man",
	.args = "[COMMAND]",
	.summary = "print a manual page as scdoc source",
	.details = "Without a COMMAND: the page valktrace(1); else that of the command. Packages\n"
	           "turn them into pages with scdoc.\n",
	.examples = "  valktrace man | scdoc > valktrace.1\n"
	            "  valktrace man decode | scdoc | man -l -\n",
	.opts = options,
	.words = "",
	.for_packagers = true,
	.run = run,
};
