/* interned.h - the interned strings of all processes of a log, by process and id. */
#ifndef DECODER_INTERNED_H
#define DECODER_INTERNED_H

#include <stdint.h>

#include "decoder/memory.h"

struct vt_interned_slot {
	uint64_t key;               /* process << 32 | id */
	const char *text;           /* NULL: free */
	uint64_t length;
};

struct vt_interned {
	struct vt_interned_slot *slots;   /* open addressing; a power of two, at most half full */
	size_t count, size;
};

/* Keeps the first string of an id. False: no memory, or the limit of a log is reached. */
bool vt_interned_add(struct vt_interned *s, struct vt_arena *arena, uint32_t process, uint32_t id,
                    const char *text, size_t length);

/* NULL: unknown. */
const struct vt_interned_slot *vt_interned_find(const struct vt_interned *s, uint32_t process,
                                             uint32_t id);

void vt_interned_free(struct vt_interned *s);

#endif
