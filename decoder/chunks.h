/* chunks.h - what a single chunk adds to what is known of the run. */
#ifndef DECODER_CHUNKS_H
#define DECODER_CHUNKS_H

#include "decoder/log.h"

/*
 * Takes in a chunk with a good header. `bytes` are the first `have` of it. Damage is noted. 0 or -ENOMEM.
 */
int vt_chunk_take(struct vt_log *log, uint32_t feed, uint64_t offset,
                  const struct vt_chunk_header *h, const uint8_t *bytes, size_t have);

/*
 * The payload of a chunk that is no EVENTS chunk, decompressed into log->payload. 0, a note code or
 * -ENOMEM.
 */
int vt_chunk_payload(struct vt_log *log, uint32_t feed, uint64_t offset,
                     const struct vt_chunk_header *h);

/* Notes a damaged chunk or section of the run. */
void vt_chunk_damaged(struct vt_log *log, int code, uint32_t feed, uint64_t offset, uint64_t bytes,
                      const char *what);

#endif
