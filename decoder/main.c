/* main.c - the command table of valktrace, and what stands around it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/names.h"
#include "decoder/progress.h"

const struct vt_command *const vt_commands[] = {
	&vt_cmd_record,
	&vt_cmd_decode,
	&vt_cmd_summary,
	&vt_cmd_stats,
	&vt_cmd_report,
	&vt_cmd_info,
	&vt_cmd_verify,
	&vt_cmd_check,
	&vt_cmd_recover,
	&vt_cmd_schema,
	&vt_cmd_completion,
	&vt_cmd_man,
	NULL
};

static void print_help(void)
{
	printf("usage: valktrace COMMAND [options] [arguments]\n\n"
	       "A flight recorder for C runtimes: records garbage collections, calls and event\n"
	       "loops into a small log that survives a crash, and reads it afterwards.\n\n"
	       "commands\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		if (!(*c)->for_packagers)
			printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\nfor packagers\n");
	for (const struct vt_command *const *c = vt_commands; *c; c++)
		if ((*c)->for_packagers)
			printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\nvalktrace COMMAND --help explains one; --version prints the version.\n"
	       "\nexamples\n"
	       "  valktrace record -- guile program.scm      writes valktrace.vtrace\n"
	       "  valktrace summary                          what happened\n"
	       "  valktrace decode --category gc             every event of the collector\n");
}

static int unknown_command(const char *name)
{
	const char *names[32];
	size_t count = 0;

	size_t length = strlen(name);
	bool is_log = length > 7 && strcmp(name + length - 7, ".vtrace") == 0;
	if (is_log || access(name, F_OK) == 0)
		return vt_usage("'%s' is a file, not a command; did you mean: valktrace summary %s",
		                name, name);
	for (; vt_commands[count] && count < 32; count++)
		names[count] = vt_commands[count]->name;
	const char *nearest = vt_name_nearest(name, names, count);
	if (nearest)
		return vt_usage("unknown command '%s', did you mean '%s'? "
		                "(valktrace --help lists them)", name, nearest);
	return vt_usage("unknown command '%s' (valktrace --help lists them)", name);
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2)
		return vt_usage("no command given (valktrace --help lists them)");
	const char *name = argv[1];
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return vt_print_version(), 0;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return print_help(), 0;
	if (strcmp(name, "help") == 0 && argc == 2)
		return print_help(), 0;
	bool help = strcmp(name, "help") == 0;
	for (const struct vt_command *const *c = vt_commands; *c; c++) {
		if (strcmp((*c)->name, argv[help ? 2 : 1]) != 0)
			continue;
		if (help)
			return vt_opt_help(*c), 0;
		/* A parent may have ignored SIGPIPE; `valktrace decode | head` must end quietly all the
		 * same. But what `record` starts inherits it. */
		if (!(*c)->stop_at_argument)
			signal(SIGPIPE, SIG_DFL);
		return (*c)->run(argc - 1, argv + 1);
	}
	return unknown_command(argv[help ? 2 : 1]);
}

/* Or the next file that is opened, a log perhaps, would be where messages go. */
static void keep_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		while (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
			/* The wrong way round: who uses it gets an error, as before. */
			int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
			if (open("/dev/null", flags | O_CLOEXEC) < 0)
				return;
		}
}

int main(int argc, char **argv)
{
	keep_standard_streams();
	int code = dispatch(argc, argv);
	vt_progress_end();
	if ((fflush(stdout) || ferror(stdout)) && code == VT_EXIT_OK) {
		vt_message("cannot write: %s", strerror(errno));
		code = VT_EXIT_FAILURE;
	}
	return code;
}
