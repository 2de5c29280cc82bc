/* profile_work.h - what profile.c and profile_names.c share while they go through a run. */
#ifndef DECODER_PROFILE_WORK_H
#define DECODER_PROFILE_WORK_H

#include "decoder/profile.h"

#define VT_PROFILE_CACHED 1024u         /* string ids whose function is remembered */

struct vt_profile_gap;

struct vt_frame {                       /* of an open span */
	uint32_t node, function;
	bool outermost;                 /* the first of its function on its stack */
	uint64_t exclusive, called;     /* ns of itself, and of the calls that it made */
};

struct vt_profile_work {
	const struct vt_filter *filter;
	bool all, stacks;
	struct vt_pointer_map tracks;
	uint32_t *by_name, *by_stack;   /* open addressing: index + 1 */
	size_t by_name_size, by_stack_size;
	struct { const struct vt_process_info *process; uint64_t id; uint32_t function; } cache[VT_PROFILE_CACHED];
	struct vt_frame *frames;
	size_t frame_count, frame_capacity;
	uint32_t *spare;                /* frames to use again */
	size_t spare_count, spare_capacity;
	struct vt_profile_gap *gaps;
	size_t gap_count, gap_capacity;
	const char *names[VT_MAX_CATEGORIES];   /* categories with functions */
	unsigned name_count;
	int error;
};

/* The function's number; VT_NO_NODE: no memory. `id` NULL: the type has no name, it goes by its own. */
uint32_t vt_profile_find_function(struct vt_profile *p, const struct vt_ring_info *ring,
                                  const struct vt_event_desc *desc, const uint64_t *id);

/* The stack of `parent` with a function on top; at the limit the parent's own. VT_NO_NODE: no memory. */
uint32_t vt_profile_node(struct vt_profile *p, uint32_t parent, uint32_t function);

/* As vt_profile_find_function: nearly always one of the last that were asked for. */
static inline uint32_t vt_profile_function(struct vt_profile *p, const struct vt_ring_info *ring,
                                           const struct vt_event_desc *desc, const uint64_t *id)
{
	const struct vt_profile_work *w = p->work;
	unsigned at = id ? (unsigned)(*id % VT_PROFILE_CACHED) : 0;

	if (vt_likely(id && w->cache[at].process == ring->process && w->cache[at].id == *id))
		return w->cache[at].function;
	return vt_profile_find_function(p, ring, desc, id);
}

#endif
