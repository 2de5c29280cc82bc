/*
 * inputs.h - the files that a command was given, sorted into runs. Files of one run (parts of its log,
 * its ring files) are read together; runs are never mixed: a command gets them one after another, the
 * earliest first, and only one is open at a time unless it asks for more.
 */
#ifndef DECODER_INPUTS_H
#define DECODER_INPUTS_H

#include "decoder/input.h"

struct vt_run_files {
	uint64_t run, realtime;
	char **paths;                   /* logs first, then ring files */
	unsigned count, logs;
};

struct vt_inputs {
	struct vt_run_files *runs;      /* by start, then by run id */
	unsigned count;
	unsigned digits;                /* of a run id that tell these apart; 0: there is one run */
	int code;                       /* for what could not be used; VT_EXIT_OK if nothing */
	char **given;                   /* at most one path: as on the command line, run id not known */
	int given_count;
};

/*
 * Looks at each file and sorts it in. One that cannot be used is named on stderr, the others go on.
 * VT_EXIT_OK when there is anything to read, else the exit code; then there is nothing to free.
 */
int vt_inputs_sort(struct vt_inputs *all, char **paths, int count);
void vt_inputs_free(struct vt_inputs *all);

/* Opens run number `index`. VT_EXIT_OK, or an exit code after a message. Close it with vt_input_close. */
int vt_inputs_open(const struct vt_inputs *all, unsigned index, bool quietly, struct vt_input *in);

/*
 * Opens one run after another, calls `each`, closes it. Returns the worst exit code of all, of files
 * that could not be used too. Ends early when `each` returns VT_EXIT_FAILURE or VT_EXIT_USAGE.
 */
int vt_inputs_each(const struct vt_inputs *all, int (*each)(void *user, struct vt_input *in), void *user);

/* An output must not replace an input: VT_EXIT_OK, or VT_EXIT_USAGE after a message. NULL: there is none. */
int vt_inputs_spare(const struct vt_inputs *all, const char *output);

/* The graver of two exit codes: 1, 2, 7, 4, 5, 6, 3, 9, 8, 0. */
int vt_exit_worse(int a, int b);

#endif
