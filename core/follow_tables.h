/*
 * follow_tables.h - inside of follow.h: the records that precede the events which refer to them. Each
 * writes what is new since it last did. 0 or the error of the output.
 */
#ifndef CORE_FOLLOW_TABLES_H
#define CORE_FOLLOW_TABLES_H

#include "core/follow.h"

unsigned vt_follow_slots_used(const struct vt_followed *p);

/* Writes the payload as one chunk if it is longer than `limit`, and empties it. */
int vt_follow_flush(struct vt_followed *p, const struct vt_follow_out *out, enum vt_chunk_type type,
                    struct vt_out *payload, size_t limit);

int vt_follow_write_types(struct vt_followed *p, const struct vt_follow_out *out);
int vt_follow_write_strings(struct vt_followed *p, const struct vt_follow_out *out);
int vt_follow_write_process(struct vt_followed *p, const struct vt_follow_out *out);
int vt_follow_write_threads(struct vt_followed *p, const struct vt_follow_out *out);

/* Snapshots that the host took since the last round, in their order. */
int vt_follow_write_snapshots(struct vt_followed *p, const struct vt_follow_out *out);

/* The bytes of an interned string; empty if it is not there. */
struct vt_span vt_follow_string(const struct vt_followed *p, uint32_t id);

/* The PROCESS record as things stand. */
void vt_follow_put_process(const struct vt_followed *p, struct vt_out *payload);

#endif
