/* section.h - one section of the log, read, checked, decompressed and mapped. */
#ifndef DECODER_SECTION_H
#define DECODER_SECTION_H

#include "core/columns.h"
#include "decoder/log.h"

struct vt_opened {
	struct vt_section map;
	struct vt_log_ring *ring;
	uint8_t *raw;
	const struct vt_event_desc **desc;      /* by type, never NULL once it is loaded */
	uint32_t bytes;                         /* of memory, about */
	bool strange;                           /* only read: a type is new to the catalog, its desc is NULL */
};

/*
 * Reads a section and changes nothing else, so that several threads may do it at once, each with an unpacker
 * of its own. 0, the enum vt_note_code of the damage, or -ENOMEM; then nothing stays allocated.
 */
int vt_opened_read(struct vt_opened *o, const struct vt_log *log, struct vt_unpacker *unpacker,
                   const struct vt_section_ref *ref);

/* The section's events count as lost from now on; told and counted once, by one thread. */
void vt_section_give_up(struct vt_log *log, struct vt_section_ref *ref, int code);

/*
 * Reads a section, describes what is new to the catalog, and accounts for damage. 0; -VT_E_DAMAGED: it is
 * damaged, now or already before; -ENOMEM. One thread.
 */
int vt_opened_load(struct vt_opened *o, struct vt_log *log, struct vt_section_ref *ref);

void vt_opened_free(struct vt_opened *o);

#endif
