/* interned.c - see interned.h. */
#include "decoder/interned.h"

#include <stdlib.h>

#include <valktrace/format.h>

#define INTERNED_FIRST 64u

static uint64_t hash(uint64_t key)
{
	key *= 0x9e3779b97f4a7c15u;
	return key ^ key >> 29;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct vt_interned_slot *place(const struct vt_interned *s, uint64_t key)
{
	size_t at = hash(key) & (s->size - 1);

	while (s->slots[at].text && s->slots[at].key != key)
		at = (at + 1) & (s->size - 1);
	return &s->slots[at];
}

static bool grow(struct vt_interned *s)
{
	struct vt_interned wider = { .size = s->size ? s->size * 2 : INTERNED_FIRST };

	wider.slots = calloc(wider.size, sizeof *wider.slots);
	if (!wider.slots)
		return false;
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i].text)
			*place(&wider, s->slots[i].key) = s->slots[i];
	wider.count = s->count;
	free(s->slots);
	*s = wider;
	return true;
}

bool vt_interned_add(struct vt_interned *s, struct vt_arena *arena, uint32_t process, uint32_t id,
                    const char *text, size_t length)
{
	uint64_t key = (uint64_t)process << 32 | id;

	if (s->count * 2 >= s->size && !grow(s))
		return false;
	struct vt_interned_slot *slot = place(s, key);
	if (slot->text)
		return true;
	if (s->count >= VT_MAX_STRINGS)
		return false;
	slot->text = vt_arena_string(arena, text, length);
	if (!slot->text)
		return false;
	slot->key = key;
	slot->length = length;
	s->count++;
	return true;
}

const struct vt_interned_slot *vt_interned_find(const struct vt_interned *s, uint32_t process,
                                             uint32_t id)
{
	if (s->size == 0)
		return NULL;
	const struct vt_interned_slot *slot = place(s, (uint64_t)process << 32 | id);
	return slot->text ? slot : NULL;
}

void vt_interned_free(struct vt_interned *s)
{
	free(s->slots);
	*s = (struct vt_interned){ 0 };
}
