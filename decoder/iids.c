/* iids.c - see iids.h. */
#include "decoder/iids.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/memory.h"

static uint64_t hash_bytes(const char *text, size_t length)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

static size_t free_slot(const struct vt_iids *t, const char *text, size_t length)
{
	size_t mask = t->slot_count - 1, at = hash_bytes(text, length) & mask;

	for (; t->slots[at]; at = (at + 1) & mask) {
		const struct vt_iid_text *known = &t->texts[t->slots[at] - 1];
		if (known->length == length && memcmp(known->text, text, length) == 0)
			break;
	}
	return at;
}

static bool make_room(struct vt_iids *t)
{
	struct vt_iids wider = *t;

	if (2 * (t->count + 1) <= t->slot_count)
		return true;
	wider.slot_count = t->slot_count ? 2 * t->slot_count : 256;
	wider.slots = calloc(wider.slot_count, sizeof(*wider.slots));
	if (!wider.slots)
		return false;
	for (size_t i = 0; i < t->count; i++)
		wider.slots[free_slot(&wider, t->texts[i].text, t->texts[i].length)] = (uint32_t)i + 1;
	free(t->slots);
	*t = wider;
	return true;
}

uint32_t vt_iid(struct vt_iids *t, const char *text, size_t length, bool *added)
{
	*added = false;
	if (!make_room(t))
		return 0;
	size_t at = free_slot(t, text, length);
	if (t->slots[at])
		return t->slots[at];
	if (length > VT_IID_BYTES - t->bytes ||
	    !vt_array_grow(&t->texts, &t->capacity, t->count, sizeof(*t->texts), VT_IIDS))
		return 0;
	char *copy = malloc(length + 1);
	if (!copy)
		return 0;
	memcpy(copy, text, length);
	t->texts[t->count] = (struct vt_iid_text){ copy, length };
	t->bytes += length;
	t->slots[at] = (uint32_t)++t->count;
	*added = true;
	return t->slots[at];
}

void vt_iids_free(struct vt_iids *t)
{
	for (size_t i = 0; i < t->count; i++)
		free((char *)t->texts[i].text);
	free(t->texts);
	free(t->slots);
	*t = (struct vt_iids){ 0 };
}
