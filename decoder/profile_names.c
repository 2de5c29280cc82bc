/* profile_names.c - functions by name and stacks of them: see profile_work.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/memory.h"
#include "decoder/profile_work.h"

static uint64_t hash_bytes(const char *text, size_t length)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* The function's number; VT_NO_NODE: no memory. */
static uint32_t function_named(struct vt_profile *p, const char *name, size_t length)
{
	struct vt_profile_work *w = p->work;

	if (p->function_count >= VT_PROFILE_FUNCTIONS - 1) {
		name = "(other functions)";
		length = strlen(name);
	}
	size_t mask = w->by_name_size - 1, at = hash_bytes(name, length) & mask;
	for (; w->by_name[at]; at = (at + 1) & mask) {
		const struct vt_function *f = &p->functions[w->by_name[at] - 1];
		if (f->length == length && memcmp(f->name, name, length) == 0)
			return w->by_name[at] - 1;
	}
	if (!vt_array_grow(&p->functions, &p->function_capacity, p->function_count, sizeof(*p->functions),
	                   VT_PROFILE_FUNCTIONS))
		return VT_NO_NODE;
	char *copy = malloc(length + 1);
	if (!copy)
		return VT_NO_NODE;
	memcpy(copy, name, length);
	copy[length] = 0;
	p->functions[p->function_count] = (struct vt_function){ .name = copy, .length = length };
	w->by_name[at] = (uint32_t)++p->function_count;
	return w->by_name[at] - 1;
}

uint32_t vt_profile_node(struct vt_profile *p, uint32_t parent, uint32_t function)
{
	struct vt_profile_work *w = p->work;
	uint64_t h = ((uint64_t)parent << 32 | function) * 0x9e3779b97f4a7c15u;
	size_t mask = w->by_stack_size - 1, at = h >> 32 & mask;

	for (; w->by_stack[at]; at = (at + 1) & mask) {
		const struct vt_call_node *n = &p->nodes[w->by_stack[at] - 1];
		if (n->parent == parent && n->function == function)
			return w->by_stack[at] - 1;
	}
	if (p->node_count == VT_PROFILE_NODES && parent != VT_NO_NODE) {
		p->capped = true;
		return parent;
	}
	if (!vt_array_grow(&p->nodes, &p->node_capacity, p->node_count, sizeof(*p->nodes),
	                   VT_PROFILE_NODES + VT_MAX_RINGS))
		return VT_NO_NODE;
	p->nodes[p->node_count] = (struct vt_call_node){ .parent = parent, .function = function };
	w->by_stack[at] = (uint32_t)++p->node_count;
	return w->by_stack[at] - 1;
}

VT_COLD uint32_t vt_profile_find_function(struct vt_profile *p, const struct vt_ring_info *ring,
                                          const struct vt_event_desc *desc, const uint64_t *id)
{
	char text[2 * VT_MAX_NAME + 2];
	size_t length;

	if (!id) {
		const char *category = ring->process->schema->categories[desc->category % VT_MAX_CATEGORIES].name;
		snprintf(text, sizeof(text), "%.*s.%.*s", (int)VT_MAX_NAME, category ? category : "",
		         (int)VT_MAX_NAME, desc->name);
		return function_named(p, text, strlen(text));
	}
	unsigned at = (unsigned)(*id % VT_PROFILE_CACHED);
	struct vt_profile_work *w = p->work;
	const char *name = vt_reader_string(p->in->reader, ring->process, *id, &length);
	if (!name) {
		snprintf(text, sizeof(text), "#%llu", (unsigned long long)*id);
		name = text;
		length = strlen(text);
	}
	uint32_t function = function_named(p, name, length);
	w->cache[at].process = function == VT_NO_NODE ? NULL : ring->process;
	w->cache[at].id = *id;
	w->cache[at].function = function;
	return function;
}
