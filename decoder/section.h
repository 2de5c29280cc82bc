/* section.h - one section of the log, read, checked, decompressed and mapped. */
#ifndef DECODER_SECTION_H
#define DECODER_SECTION_H

#include "core/columns.h"
#include "decoder/log.h"

struct vt_opened {
	struct vt_section map;
	struct vt_log_ring *ring;
	uint8_t *raw;
	const struct vt_event_desc **desc;      /* by type, never NULL */
	uint32_t bytes;                         /* of memory, about */
};

/*
 * 0; -VT_E_DAMAGED: the section is damaged, which was noted and its events are counted as lost now;
 * -ENOMEM.
 */
int vt_opened_load(struct vt_opened *o, struct vt_log *log, struct vt_section_ref *ref);

void vt_opened_free(struct vt_opened *o);

#endif
