/*
 * memory.h - the reader's two ways to allocate: an arena with a limit for what lives as long as the
 * reader, and arrays that grow. Both refuse instead of following a length from a file.
 */
#ifndef DECODER_MEMORY_H
#define DECODER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct vt_arena {
	struct vt_arena_block *blocks;
	size_t used, limit;         /* bytes handed out, and how many may be */
};

/* Zeroed memory, aligned to 8; NULL: no memory or the limit is reached. */
void *vt_arena_take(struct vt_arena *a, size_t size);

/* A copy of `length` bytes and a terminating 0. */
char *vt_arena_string(struct vt_arena *a, const char *bytes, size_t length);

void vt_arena_free(struct vt_arena *a);

/*
 * Makes room for one element of `size` bytes more in an array of `count` elements. *data moves.
 * False: no memory, or `limit` elements are there.
 */
bool vt_array_grow(void *data, size_t *capacity, size_t count, size_t size, size_t limit);

/* The same for a table of pointers by index: grown to hold `index`, new places NULL. */
bool vt_table_reach(void *table, size_t *limit, size_t index);

#endif
