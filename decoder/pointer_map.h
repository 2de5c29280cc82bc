/*
 * pointer_map.h - what an exporter has worked out about a ring or an event type, found by its
 * descriptor's address. Open addressing; grows with the number of descriptors, which the format limits.
 */
#ifndef DECODER_POINTER_MAP_H
#define DECODER_POINTER_MAP_H

#include <stdint.h>
#include <stdlib.h>

struct vt_pointer_map {
	struct vt_pointer_slot { const void *key; void *value; } *slots;
	size_t size, used;              /* size: 0 or a power of two, more than half of it free */
};

static inline size_t vt_pointer_hash(const void *key)
{
	uint64_t h = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15ull;
	return (size_t)(h >> 32);
}

/* The value, or NULL. */
static inline void *vt_pointer_map_get(const struct vt_pointer_map *map, const void *key)
{
	if (map->size == 0)
		return NULL;
	for (size_t i = vt_pointer_hash(key);; i++) {
		const struct vt_pointer_slot *slot = &map->slots[i & (map->size - 1)];
		if (slot->key == key)
			return slot->value;
		if (!slot->key)
			return NULL;
	}
}

static inline void vt_pointer_map_place(struct vt_pointer_map *map, const void *key, void *value)
{
	size_t i = vt_pointer_hash(key);
	while (map->slots[i & (map->size - 1)].key)
		i++;
	map->slots[i & (map->size - 1)] = (struct vt_pointer_slot){ key, value };
	map->used++;
}

/* Adds a key that is not in it. 0, or -1: no memory. */
static inline int vt_pointer_map_add(struct vt_pointer_map *map, const void *key, void *value)
{
	if (2 * (map->used + 1) > map->size) {
		struct vt_pointer_map old = *map;
		map->size = old.size ? 2 * old.size : 64;
		map->slots = calloc(map->size, sizeof(*map->slots));
		if (!map->slots) {
			*map = old;
			return -1;
		}
		map->used = 0;
		for (size_t i = 0; i < old.size; i++)
			if (old.slots[i].key)
				vt_pointer_map_place(map, old.slots[i].key, old.slots[i].value);
		free(old.slots);
	}
	vt_pointer_map_place(map, key, value);
	return 0;
}

/* Frees the map, and each value with `destroy`. */
static inline void vt_pointer_map_free(struct vt_pointer_map *map, void (*destroy)(void *value))
{
	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].key)
			destroy(map->slots[i].value);
	free(map->slots);
	*map = (struct vt_pointer_map){ NULL, 0, 0 };
}

#endif
