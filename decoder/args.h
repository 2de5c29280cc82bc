/*
 * args.h - what an event carries, as keys and values that a viewer shows beside a slice.
 */
#ifndef DECODER_ARGS_H
#define DECODER_ARGS_H

#include <valktrace/reader.h>

#include "decoder/input.h"
#include "decoder/out.h"

enum vt_arg_kind { VT_ARG_UNSIGNED, VT_ARG_SIGNED, VT_ARG_REAL, VT_ARG_BOOL, VT_ARG_TEXT };

struct vt_arg {
	enum vt_arg_kind kind;
	uint64_t number;                /* a signed one as well, and a bool */
	double real;
	const char *text;               /* a stranger's, not terminated; lives as long as the event */
	size_t length;
};

struct vt_args {
	const struct vt_input *in;
	void (*put)(void *user, const char *key, size_t length, const struct vt_arg *arg);
	void *user;
	struct vt_sink key;             /* room for one; private */
};

/* 0, or -ENOMEM. */
int vt_args_init(struct vt_args *a, const struct vt_input *in);
void vt_args_free(struct vt_args *a);

/* `put` for each field that is there but the one that names it: its key is that of --format json. */
void vt_args_of_event(struct vt_args *a, const struct vt_event *event);

/*
 * The same of the END of a slice whose BEGIN was told: what both have is told once, or as end_KEY.
 */
void vt_args_of_end(struct vt_args *a, const struct vt_event *event);

/* What a gap swallowed: its cause, from_ns, to_ns, and lost_CATEGORY for each that lost some. */
void vt_args_of_gap(struct vt_args *a, const struct vt_event *event);

/* Text of the program's own. */
void vt_args_note(struct vt_args *a, const char *key, const char *text);

/* The BEGIN of an END's type; any other type is its own. */
const struct vt_event_desc *vt_args_begin(const struct vt_event *event);

/*
 * The name of what an event is about: of its first STRING field if it has one, else category.event.
 * An END is named as its BEGIN. `room` is for the text if it has to be composed.
 */
/* The second half of that alone: category.event of a type. Returns `room`. */
const char *vt_args_type_name(const struct vt_ring_info *ring, const struct vt_event_desc *desc,
                              char *room, size_t *length);

#define VT_ARGS_NAME (2 * VT_MAX_NAME + 2)
const char *vt_args_name(const struct vt_input *in, const struct vt_event *event, char room[VT_ARGS_NAME],
                         size_t *length);

#endif
