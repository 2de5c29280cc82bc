/* cmd_completion.c - `valktrace completion`: the shell script that completes our command lines. */
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/out.h"

static const struct vt_opt options[] = { VT_OPT_END };

static void add_names(struct vt_sink *out, const struct vt_opt *row, char between)
{
	const char *name;

	for (size_t i = 0; (name = vt_opt_name(row, i)); i++) {
		if (i > 0)
			vt_sink_char(out, between);
		vt_sink_string(out, name);
	}
}

static bool takes_list(const struct vt_opt *row)
{
	return row->kind == VT_OPT_LIST || row->kind == VT_OPT_LIST_WHOLE;
}

/* ---- bash ---------------------------------------------------------------------------------- */

static void bash_option(void *user, const struct vt_opt *row, char letter, bool common)
{
	struct vt_sink *out = user;

	(void)common;
	vt_sink_printf(out, "--%s ", row->name);
	if (letter)
		vt_sink_printf(out, "-%c ", letter);
}

/* What follows an option that takes an argument: one branch of a case. */
static void bash_argument(void *user, const struct vt_opt *row, char letter, bool common)
{
	struct vt_sink *out = user;

	(void)common;
	if (!row->arg)
		return;
	vt_sink_printf(out, "\t\t--%s", row->name);
	if (letter)
		vt_sink_printf(out, "|-%c", letter);
	vt_sink_string(out, ") ");
	if (vt_opt_name(row, 0)) {
		vt_sink_printf(out, "_valktrace_%s '", takes_list(row) ? "list" : "words");
		add_names(out, row, ' ');
		vt_sink_string(out, "'; ");
	} else if (strcmp(row->arg, "FILE") == 0) {
		vt_sink_string(out, "_valktrace_files -f; ");
	} else if (strcmp(row->arg, "DIR") == 0) {
		vt_sink_string(out, "_valktrace_files -d; ");
	}
	vt_sink_string(out, "return;;\n");
}

static const char bash_head[] =
	"# bash completion of valktrace, written by `valktrace completion bash`.\n"
	"\n"
	"_valktrace_words()\n"
	"{\n"
	"\tCOMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
	"}\n"
	"\n"
	"_valktrace_files()\n"
	"{\n"
	"\tCOMPREPLY=($(compgen \"$1\" -- \"$cur\"))\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"\n"
	"# Names with commas between them, '!' before those left out: the last is completed.\n"
	"_valktrace_list()\n"
	"{\n"
	"\tlocal before= last=$cur\n"
	"\tcase $cur in *,*) before=${cur%,*}, last=${cur##*,};; esac\n"
	"\tcase $last in '!'*) before=$before'!' last=${last#?};; esac\n"
	"\tCOMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"$last\"))\n"
	"\tcompopt -o nospace 2>/dev/null\n"
	"}\n"
	"\n"
	"_valktrace_logs()\n"
	"{\n"
	"\tlocal name\n"
	"\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n"
	"\twhile IFS= read -r name; do\n"
	"\t\tcase $name in *.vtrace|*.vring) COMPREPLY+=(\"$name\");; esac\n"
	"\tdone < <(compgen -f -- \"$cur\")\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"\n";

static const char bash_middle[] =
	"_valktrace()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal command=${COMP_WORDS[1]} i\n"
	"\tCOMPREPLY=()\n"
	"\t# bash splits --color=always into three words.\n"
	"\tif [ \"$cur\" = = ]; then\n"
	"\t\tcur=\n"
	"\telif [ \"$prev\" = = ] && [ $COMP_CWORD -ge 3 ]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tif [ $COMP_CWORD -le 1 ]; then\n"
	"\t\t_valktrace_words \"$_valktrace_commands --help --version\"\n"
	"\t\treturn\n"
	"\tfi\n";

static void bash_command(struct vt_sink *out, const struct vt_command *c)
{
	vt_sink_printf(out, "_valktrace_%s()\n{\n", c->name);
	/* What follows the command's own argument belongs to somebody else's program. */
	if (c->stop_at_argument)
		vt_sink_string(out, "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
		               "\t\tcase ${COMP_WORDS[i]} in --)\n"
		               "\t\t\t_valktrace_files -f\n"
		               "\t\t\t[ $((i + 1)) -lt $COMP_CWORD ] || _valktrace_files -c\n"
		               "\t\t\treturn;;\n\t\tesac\n\tdone\n");
	vt_sink_string(out, "\tcase $prev in\n");
	vt_opt_each(c, bash_argument, out);
	vt_sink_string(out, "\tesac\n\tcase $cur in\n\t\t-*) _valktrace_words '");
	vt_opt_each(c, bash_option, out);
	vt_sink_string(out, "'; return;;\n\tesac\n");
	if (c->stop_at_argument)
		vt_sink_string(out, "\tCOMPREPLY=($(compgen -c -- \"$cur\"))\n");
	else if (c->words && *c->words)
		vt_sink_printf(out, "\t_valktrace_words '%s'\n", c->words);
	else if (c->words)
		vt_sink_string(out, "\t_valktrace_words \"$_valktrace_commands\"\n");
	else
		vt_sink_string(out, "\t_valktrace_logs\n");
	vt_sink_string(out, "}\n\n");
}

static void print_bash(struct vt_sink *out)
{
	vt_sink_string(out, bash_head);
	vt_sink_string(out, "_valktrace_commands='");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		vt_sink_printf(out, "%s ", (*c)->name);
	vt_sink_string(out, "'\n\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		bash_command(out, *c);
	vt_sink_string(out, bash_middle);
	vt_sink_string(out, "\tcase $command in\n"
	               "\t\thelp) _valktrace_words \"$_valktrace_commands\";;\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		vt_sink_printf(out, "\t\t%s) _valktrace_%s;;\n", (*c)->name, (*c)->name);
	vt_sink_string(out, "\tesac\n}\n\ncomplete -F _valktrace valktrace\n");
}

/* ---- zsh ----------------------------------------------------------------------------------- */

/* Inside '...' of a specification, where the characters of `special` mean something too. */
static void zsh_text(struct vt_sink *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			vt_sink_string(out, "'\\'");
		else if (strchr(special, *text))
			vt_sink_char(out, '\\');
		vt_sink_char(out, *text);
	}
}

static void zsh_action(struct vt_sink *out, const struct vt_opt *row)
{
	vt_sink_char(out, ':');
	zsh_text(out, row->arg, ":\\");
	vt_sink_char(out, ':');
	if (vt_opt_name(row, 0)) {
		vt_sink_string(out, takes_list(row) ? "_values -s , name " : "(");
		add_names(out, row, ' ');
		vt_sink_string(out, takes_list(row) ? "" : ")");
	} else if (strcmp(row->arg, "FILE") == 0) {
		vt_sink_string(out, "_files");
	} else if (strcmp(row->arg, "DIR") == 0) {
		vt_sink_string(out, "_files -/");
	}
}

static void zsh_option(void *user, const struct vt_opt *row, char letter, bool common)
{
	struct vt_sink *out = user;
	const char *star = takes_list(row) ? "*" : "";

	(void)common;
	for (int form = letter ? 0 : 1; form < 2; form++) {
		vt_sink_printf(out, "\t\t\t'%s", star);
		if (form == 0)
			vt_sink_printf(out, "-%c%s[", letter, row->arg ? "+" : "");
		else
			vt_sink_printf(out, "--%s%s[", row->name, row->arg ? "=" : "");
		zsh_text(out, row->help, "[]\\");
		vt_sink_char(out, ']');
		if (row->arg)
			zsh_action(out, row);
		vt_sink_string(out, "' \\\n");
	}
}

static void zsh_command(struct vt_sink *out, const struct vt_command *c)
{
	vt_sink_printf(out, "\t\t%s)\n\t\t\t_arguments -s %s\\\n", c->name,
	               c->stop_at_argument ? "-S " : "");
	vt_opt_each(c, zsh_option, out);
	if (c->stop_at_argument)
		vt_sink_string(out, "\t\t\t'*::: : _normal'\n");
	else if (c->words && *c->words)
		vt_sink_printf(out, "\t\t\t'1:name:(%s)'\n", c->words);
	else if (c->words)
		vt_sink_string(out, "\t\t\t'1:command:_valktrace_commands'\n");
	else
		vt_sink_string(out, "\t\t\t'*:log:_files -g \"*.(vtrace|vring)(-.)\"'\n");
	vt_sink_string(out, "\t\t\t;;\n");
}

static void print_zsh(struct vt_sink *out)
{
	vt_sink_string(out, "#compdef valktrace\n"
	               "# zsh completion of valktrace, written by `valktrace completion zsh`.\n\n"
	               "_valktrace_commands()\n{\n\tlocal -a commands\n\tcommands=(\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++) {
		vt_sink_printf(out, "\t\t'%s:", (*c)->name);
		zsh_text(out, (*c)->summary, ":\\");
		vt_sink_string(out, "'\n");
	}
	vt_sink_string(out, "\t)\n\t_describe command commands\n}\n\n"
	               "_valktrace()\n{\n\tlocal curcontext=$curcontext state line\n\n"
	               "\t_arguments -C '(- :)'{-h,--help}'[explain]' \\\n"
	               "\t\t'(- :)'{-V,--version}'[print the version]' \\\n"
	               "\t\t'1:command:_valktrace_commands' '*:: :->rest'\n"
	               "\t[[ $state == rest ]] || return\n"
	               "\tcase $words[1] in\n"
	               "\t\thelp)\n\t\t\t_arguments '1:command:_valktrace_commands'\n\t\t\t;;\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		zsh_command(out, *c);
	vt_sink_string(out, "\tesac\n}\n\n"
	               "if [[ $funcstack[1] == _valktrace ]]; then\n\t_valktrace \"$@\"\n"
	               "else\n\tcompdef _valktrace valktrace\nfi\n");
}

static int run(int argc, char **argv)
{
	struct vt_sink out;
	int first = vt_opt_parse(&vt_cmd_completion, argc, argv, NULL);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	bool bash = first + 1 == argc && strcmp(argv[first], "bash") == 0;
	if (!bash && !(first + 1 == argc && strcmp(argv[first], "zsh") == 0))
		return vt_usage("completion: name one shell, bash or zsh");
	if (vt_sink_memory(&out))
		return VT_EXIT_FAILURE;
	if (bash)
		print_bash(&out);
	else
		print_zsh(&out);
	return vt_sink_print(&out);
}

const struct vt_command vt_cmd_completion = {
	.name = "completion",
	.args = "bash|zsh",
	.summary = "print the script that completes command lines in a shell",
	.details = "It completes commands, options, and what they take: formats, categories,\n"
	           "events. Packages install it; without one, load it from the shell's own start\n"
	           "file.\n",
	.examples = "  . <(valktrace completion bash)                    in ~/.bashrc\n"
	            "  valktrace completion zsh > ~/.zfunc/_valktrace    a folder of $fpath\n",
	.opts = options,
	.words = "bash zsh",
	.for_packagers = true,
	.run = run,
};
