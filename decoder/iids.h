/*
 * iids.h - numbers for texts that come again and again, from 1 on, in the order in which they are
 * first seen: what a format needs to say a text once. At most VT_IIDS texts of VT_IID_BYTES
 * together; the rest has no number.
 */
#ifndef DECODER_IIDS_H
#define DECODER_IIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VT_IIDS      65536u
#define VT_IID_BYTES (16u << 20)

struct vt_iids {
	struct vt_iid_text { const char *text; size_t length; } *texts;    /* by number, less one */
	size_t count, capacity;
	uint32_t *slots;                /* open addressing: number; 0 free */
	size_t slot_count;
	size_t bytes;
};

/* The number of a text; 0: it has none and must be written out. *added: it is new. */
uint32_t vt_iid(struct vt_iids *t, const char *text, size_t length, bool *added);

void vt_iids_free(struct vt_iids *t);

#endif
