/*
 * progress.h - one line on stderr while work takes longer than a second: what, how far, how fast.
 *
 * Only when stderr is a terminal and neither --no-progress nor --quiet is given. Messages take the
 * line away first, and vt_progress_end does at the end. The calls are cheap enough for every few hundred
 * events or every few chunks; nothing is written more often than ten times a second.
 */
#ifndef DECODER_PROGRESS_H
#define DECODER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum vt_progress_unit { VT_PROGRESS_BYTES, VT_PROGRESS_EVENTS };

/*
 * Work begins: `what` is a verb such as "reading", `name` a file's name (not copied, may be a
 * stranger's). `to_stdout`: text goes to stdout meanwhile; if that is a terminal nothing is shown.
 */
void vt_progress_begin(const char *what, const char *name, bool to_stdout);

/* `done` of `total` is behind us (0: nobody knows how much there is), with so many units. */
void vt_progress(uint64_t done, uint64_t total, uint64_t units, enum vt_progress_unit unit);

/* True while a line may be shown: work that blocks can then wait in small steps. */
bool vt_progress_on(void);

/* Takes the line away; it comes back with the next vt_progress. Safe at any time. */
void vt_progress_hide(void);
void vt_progress_end(void);

#endif
