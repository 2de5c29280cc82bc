/* memory.c - see memory.h. */
#include "decoder/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK     65536u
#define ARENA_FIRST     8192u   /* a small log needs little */

struct vt_arena_block {
	struct vt_arena_block *next;
	size_t used, size;
	uint64_t bytes[];
};

void *vt_arena_take(struct vt_arena *a, size_t size)
{
	struct vt_arena_block *b = a->blocks;

	if (size > a->limit || a->used > a->limit - size)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (!b || b->size - b->used < size) {
		size_t room = b ? ARENA_BLOCK : ARENA_FIRST;
		room = size > room ? size : room;
		b = calloc(1, sizeof *b + room);
		if (!b)
			return NULL;
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	void *p = (char *)b->bytes + b->used;
	b->used += size;
	a->used += size;
	return p;
}

char *vt_arena_string(struct vt_arena *a, const char *bytes, size_t length)
{
	char *s = vt_arena_take(a, length + 1);

	if (s && length > 0)
		memcpy(s, bytes, length);
	return s;
}

void vt_arena_free(struct vt_arena *a)
{
	while (a->blocks) {
		struct vt_arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
}

bool vt_array_grow(void *data, size_t *capacity, size_t count, size_t size, size_t limit)
{
	void *old;

	if (count >= limit)
		return false;
	if (count < *capacity)
		return true;
	size_t want = count < 16 ? 16 : count * 2;
	memcpy(&old, data, sizeof old);
	void *grown = realloc(old, want * size);
	if (!grown)
		return false;
	memcpy(data, &grown, sizeof grown);
	*capacity = want;
	return true;
}

bool vt_table_reach(void *table, size_t *limit, size_t index)
{
	void **old;

	if (index < *limit)
		return true;
	size_t want = index + index / 2 + 16;
	memcpy(&old, table, sizeof old);
	void **grown = realloc(old, want * sizeof *grown);
	if (!grown)
		return false;
	memset(grown + *limit, 0, (want - *limit) * sizeof *grown);
	memcpy(table, &grown, sizeof grown);
	*limit = want;
	return true;
}
