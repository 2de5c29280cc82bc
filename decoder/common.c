/* common.c - the options that every command has. */
#include "decoder/common.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/format.h>

#include "decoder/opt.h"

#define VT_MAX_THREADS  64u

struct vt_common vt_common;

static const char *const colour_names[] = {
	[VT_COLOUR_AUTO] = "auto", [VT_COLOUR_ALWAYS] = "always", [VT_COLOUR_NEVER] = "never", NULL
};

const struct vt_opt vt_common_rows[] = {
	{ "help", 'h', VT_OPT_FLAG, NULL, "print this", offsetof(struct vt_common, help) },
	{ "version", 'V', VT_OPT_FLAG, NULL, "print the version", offsetof(struct vt_common, version) },
	{ "quiet", 'q', VT_OPT_FLAG, NULL, "only errors: no notes, no tally, no hints",
	  offsetof(struct vt_common, quiet) },
	{ "verbose", 'v', VT_OPT_FLAG, NULL, "every note, the files used, the time taken",
	  offsetof(struct vt_common, verbose) },
	{ "force", 'f', VT_OPT_FLAG, NULL, "replace the output file if there is one",
	  offsetof(struct vt_common, force) },
	{ "color", 0, VT_OPT_NAME, "WHEN", "colours:", offsetof(struct vt_common, colour),
	  .values = colour_names },
	{ "no-progress", 0, VT_OPT_FLAG, NULL, "no progress line on a terminal",
	  offsetof(struct vt_common, no_progress) },
	{ "threads", 0, VT_OPT_NUMBER, "N", "decode on N threads; default: one a processor",
	  offsetof(struct vt_common, threads) },
	{ "ringdir", 0, VT_OPT_STRING, "DIR", "where the ring files of a run are",
	  offsetof(struct vt_common, ring_directory) },
	VT_OPT_END
};

void vt_print_version(void)
{
	printf("valktrace %s, log format %u.%u\n", VT_VERSION, VT_FORMAT_MAJOR, VT_FORMAT_MINOR);
}

unsigned vt_threads(void)
{
	cpu_set_t ours;

	if (vt_common.threads > 0)
		return vt_common.threads < VT_MAX_THREADS ? (unsigned)vt_common.threads : VT_MAX_THREADS;
	if (sched_getaffinity(0, sizeof(ours), &ours) < 0)
		return 1;
	unsigned count = (unsigned)CPU_COUNT(&ours);
	return count < 1 ? 1 : count < VT_MAX_THREADS ? count : VT_MAX_THREADS;
}

bool vt_colour_wanted(int fd)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (vt_common.colour && strcmp(vt_common.colour, "always") == 0)
		return true;
	if (vt_common.colour && strcmp(vt_common.colour, "never") == 0)
		return false;
	return !(none && *none) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}
