/* scope.h - one set of descriptors of a log, built record by record: the recorder's or a process's. */
#ifndef DECODER_SCOPE_H
#define DECODER_SCOPE_H

#include "core/wire.h"
#include "decoder/memory.h"

struct vt_scope {
	struct vt_schema schema;
	const struct vt_event_desc **events;    /* by id */
	struct vt_enum_desc **enums;            /* by id */
	size_t event_limit, enum_limit;
	unsigned event_count;
};

/*
 * Takes one SCHEMA record. `parent` (or NULL) is where enumerations are looked up that `s` lacks. 0 or
 * the note code of what is wrong with it.
 */
int vt_scope_record(struct vt_scope *s, const struct vt_scope *parent, struct vt_arena *arena,
                    uint16_t kind, struct vt_in body);

/* Fills what `s` lacks from `parent` and sets s->schema.events. False: no memory. */
bool vt_scope_finish(struct vt_scope *s, const struct vt_scope *parent);

void vt_scope_free(struct vt_scope *s);

#endif
