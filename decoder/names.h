/* names.h - which of the known names did the user mean? */
#ifndef DECODER_NAMES_H
#define DECODER_NAMES_H

#include <stddef.h>

#define VT_NAME_TRIED 128u      /* longer names are not compared */

/* Insertions, deletions, substitutions and swaps of neighbours that make one name of the other. */
unsigned vt_name_distance(const char *a, const char *b);

/*
 * The nearest of `count` names (NULL ones are skipped), or NULL if none is near: a prefix, or a
 * distance of at most a third of the length. The first of equals.
 */
const char *vt_name_nearest(const char *name, const char *const *names, size_t count);

#endif
