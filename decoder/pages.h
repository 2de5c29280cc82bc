/*
 * pages.h - what a command prints, text by text, most often one a run: to stdout, or to the file of -o, which
 * appears when all of it is there.
 */
#ifndef DECODER_PAGES_H
#define DECODER_PAGES_H

#include "decoder/inputs.h"
#include "decoder/out.h"

struct vt_pages {
	const char *path;               /* of -o; NULL: stdout */
	bool apart;                     /* an empty line between the texts of two runs */
	struct vt_sink out;
	bool opened;                    /* by the first text */
};

/* Begins a memory sink for one text, with colours if they are wanted there. 0 or a negative error. */
int vt_pages_text(const struct vt_pages *p, struct vt_sink *text);

/* Takes over and frees the memory sink `text`. An exit code, after a message. */
int vt_pages_add(struct vt_pages *p, struct vt_sink *text);

/*
 * Sorts the files into runs and adds a text for each: `print` fills it and returns an exit code, after its
 * message, or a negative error, which then gets one. What it says of the log (VT_EXIT_LOSS and the like)
 * leaves the text as it is. Returns the worst code of all.
 */
int vt_pages_of_runs(struct vt_pages *p, char **files, int count,
                     int (*print)(void *user, struct vt_input *in, struct vt_sink *text), void *user);

/* `code` is that of the work: after a failure the file stays as it was. An exit code, after a message. */
int vt_pages_close(struct vt_pages *p, int code);

#endif
