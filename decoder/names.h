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

/*
 * Names of the built-in schema, for the rows of options: number `i`, NULL behind the last. An event is
 * "category.event", in a buffer that the next call uses again.
 */
const char *vt_names_of_categories(size_t i);
const char *vt_names_of_events(size_t i);

#endif
