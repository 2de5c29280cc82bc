/*
 * labels.h - `--label NAME=VALUE`: labels that every sample of a metrics dump gets, to tell runs apart.
 *
 * In a value %r is the run id, %p the program's name, %f the input's base name and %% a percent sign.
 */
#ifndef DECODER_LABELS_H
#define DECODER_LABELS_H

#include "decoder/input.h"
#include "decoder/opt.h"
#include "decoder/out.h"

/* VT_EXIT_OK, or VT_EXIT_USAGE after a message: a name that is none or is taken, an unknown %. */
int vt_labels_check(const struct vt_list *labels);

/*
 * name="value",name="value" of one run, escaped as Prometheus wants it; "" without labels. Two runs with
 * one text would have the same samples. To be freed; NULL: no memory.
 */
char *vt_labels_text(const struct vt_list *labels, const struct vt_input *in);

/* {"name":"value"} of one run. */
void vt_labels_json(struct vt_sink *out, const struct vt_list *labels, const struct vt_input *in);

#endif
