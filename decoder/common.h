/*
 * common.h - the options that every command has, in one table, and what was given for them.
 *
 * opt.c treats the rows as part of each command's own; a command that has an option or a letter of
 * the same name keeps it.
 */
#ifndef DECODER_COMMON_H
#define DECODER_COMMON_H

#include "decoder/opt.h"

#ifndef VT_VERSION
#define VT_VERSION "0.1.0"
#endif

enum vt_colour_when { VT_COLOUR_AUTO, VT_COLOUR_ALWAYS, VT_COLOUR_NEVER };

struct vt_common {
	bool help, version;
	bool quiet;                     /* no notes, no tally, no hints: only errors */
	bool verbose;                   /* all notes, the files used, times */
	bool force;                     /* -o replaces a file that is there */
	bool no_progress;
	uint64_t threads;               /* 0: as many as there are processors for us */
	const char *ring_directory;     /* where ring files of a run are looked for; NULL: the default */
	const char *colour;             /* as given: "auto", "always", "never", or NULL */
};

extern struct vt_common vt_common;

extern const struct vt_opt vt_common_rows[];    /* offsets are in struct vt_common */

void vt_print_version(void);

/* How many threads work that can be shared may use: at least 1. What comes out does not depend on it. */
unsigned vt_threads(void);

/*
 * Whether text for this descriptor may carry colours: --color says so, or it is a terminal that has
 * them and NO_COLOR is not set (https://no-color.org).
 */
bool vt_colour_wanted(int fd);

#endif
