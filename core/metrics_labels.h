/*
 * metrics_labels.h - the labels of metrics as they stand in a schema, which may be a stranger's:
 * name="value",name="value", with backslash, quotation mark and newline escaped.
 */
#ifndef CORE_METRICS_LABELS_H
#define CORE_METRICS_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May this byte be in a name, or begin one? */
bool vt_label_name_byte(char c, bool first);

/* The end of one name="value", or NULL if there is none. */
const char *vt_label_skip(const char *s);

/* Is a label of this name among them? */
bool vt_labels_have(const char *labels, const char *name, size_t length);

/* Do two sets of labels have a name in common? */
bool vt_labels_meet(const char *a, const char *b);

/* Well-formed, no name twice, none that Prometheus keeps to itself (__...), and printable ASCII only. */
bool vt_labels_valid(const char *labels);

/*
 * The same labels, in whatever order: the first bytes of two texts that are valid, up to the end of a label. Equal
 * lengths and each of one among the other are enough, as no name comes twice.
 */
bool vt_labels_same(const char *a, size_t a_length, const char *b, size_t b_length);

/* Labels of a bucket end in le="BOUND": where that begins, else NULL. Of valid labels only. */
const char *vt_labels_le(const char *labels);

/* That bound in thousand millionths: bounds compare. UINT64_MAX: +Inf; 0: it is none that we take. */
uint64_t vt_label_bound(const char *le);

#endif
