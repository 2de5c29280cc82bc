/*
 * profile.h - where the time of a run went, by function and by stack of functions, out of the log alone.
 *
 * A function is a span whose BEGIN names it by a STRING field; types without one go by their own name. The
 * time between two events of a category on a ring is that of the innermost open span: its exclusive time.
 * Inclusive time is that of a function and of all it calls; a recursion counts once. While a coroutine
 * waits it takes no time. REPLACE ends a function and begins another in its place. What a gap hid is
 * left out: open spans are forgotten there, and the time until the next event is nobody's.
 */
#ifndef DECODER_PROFILE_H
#define DECODER_PROFILE_H

#include <valktrace/reader.h>

#include "decoder/input.h"
#include "decoder/pointer_map.h"

#define VT_PROFILE_NODES     65536u     /* distinct stacks; deeper ones count for their nearest caller */
#define VT_PROFILE_FUNCTIONS 65536u     /* the rest is one function, "(other functions)" */
#define VT_NO_NODE           UINT32_MAX

struct vt_function {
	char *name;
	size_t length;
	uint64_t calls, exclusive, inclusive, longest;  /* ns */
};

struct vt_call_node {                   /* one stack: its innermost function and the stack it is called from */
	uint32_t parent;                /* VT_NO_NODE: `function` is the number of a ring in the run */
	uint32_t function;
	uint64_t exclusive;
};

struct vt_profile {
	const struct vt_input *in;
	struct vt_function *functions;
	size_t function_count, function_capacity;
	struct vt_call_node *nodes;     /* callers before those they call; only with VT_PROFILE_STACKS */
	size_t node_count, node_capacity;
	uint64_t lived, missing;        /* ns from first to last event of each ring, and in gaps of it */
	uint64_t inside;                /* ns in functions */
	uint64_t open;                  /* calls without an end when the log ends */
	uint64_t dropped;               /* calls whose end was lost */
	uint64_t unmatched;             /* ends whose call was lost, or began before the log */
	uint64_t deeper;                /* calls too deep to follow: their time is their caller's */
	bool capped;                    /* there were more than VT_PROFILE_NODES stacks */
	/* private */
	struct vt_profile_work *work;
};

enum vt_profile_what { VT_PROFILE_FUNCTIONS_ONLY, VT_PROFILE_STACKS };

/*
 * Goes through the run. `filter`: categories, rings and times count; the reader's selection is changed.
 * VT_PROFILE_STACKS: stacks as well, and, where categories are named, spans without names too. 0 or a
 * negative error; vt_profile_free in any case.
 */
int vt_profile_make(struct vt_profile *p, const struct vt_input *in, const struct vt_filter *filter,
                    enum vt_profile_what what);

/* True if spans of the category are functions: the events that are gone through when none are asked for. */
bool vt_profile_has_functions(const struct vt_schema *schema, unsigned category);

/* Longest exclusive time first. Numbers of functions in nodes are void after it. */
void vt_profile_sort(struct vt_profile *p);

void vt_profile_free(struct vt_profile *p);

#endif
