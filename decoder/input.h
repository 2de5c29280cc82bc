/*
 * input.h - opens the logs that a command names, says on stderr what is wrong with them, and knows
 * the exit code that follows.
 */
#ifndef DECODER_INPUT_H
#define DECODER_INPUT_H

#include <valktrace/reader.h>

#include "decoder/parts.h"

#define VT_DEFAULT_LOG      "valktrace.vtrace"
#define VT_NOTES_OF_A_KIND  20u         /* printed; the rest are counted */
#define VT_NOTE_KINDS       64u

struct vt_input {
	struct vt_reader *reader;
	const struct vt_run_info *run;
	const char *name;               /* of the first file, for messages */
	const char *const *paths;
	unsigned count;
	struct vt_parts parts;          /* when one name stood for several files: what paths points to */
	int spool;                      /* copy of stdin, or -1 */
	struct { int code; unsigned seen; } notes[VT_NOTE_KINDS];
	bool several_processes;
	unsigned run_digits;            /* several runs are printed: digits of the run id that tell; else 0 */
	unsigned index;                 /* which of them this is */
	bool quiet;                     /* notes and the tally were said already, or will be */
	uint64_t begun_us;              /* monotonic, for --verbose */
};

/*
 * Opens `count` files, or the default one when there is none; "-" is stdin; a single name means all parts
 * of its run. Returns VT_EXIT_OK,
 * or an exit code after a message.
 */
int vt_input_open(struct vt_input *in, char **paths, int count);

/* The same for a look ahead: its notes and tally are said when it is read for good. */
int vt_input_open_quietly(struct vt_input *in, char **paths, int count);

/*
 * Closes it and says what was lost or damaged. Returns `code`, or the code for damage if `code`
 * is OK, or a verdict on what is in it.
 */
int vt_input_close(struct vt_input *in, int code);

/* A file descriptor of a nameless copy of standard input, or a negative error. */
int vt_input_spool(void);

/* A message for an error of a vt_reader_* call, and its exit code. */
int vt_input_failed(const struct vt_input *in, int err);

/* The name of enum vt_lost_cause. */
const char *vt_cause_name(unsigned cause);

/* Events lost over all causes: of one category, or of all of them. */
uint64_t vt_lost_of(const uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES], unsigned category);
uint64_t vt_lost_all(const struct vt_run_info *run);
/* Events of all categories lost to one cause. */
uint64_t vt_lost_to(const struct vt_run_info *run, unsigned cause);
uint64_t vt_decoded_all(const struct vt_run_info *run);

/* Name of a category of this run, or NULL if no schema of it has one. */
const char *vt_category_name(const struct vt_run_info *run, unsigned id);

#endif
