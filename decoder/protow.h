/*
 * protow.h - writes protobuf messages (https://protobuf.dev/programming-guides/encoding) into a
 * sink.
 *
 * A message within another is opened, filled and closed; its length has four bytes from the start,
 * a varint that is not the shortest, which every reader takes. Text is made UTF-8: readers refuse a
 * string that is not.
 */
#ifndef DECODER_PROTOW_H
#define DECODER_PROTOW_H

#include <stdbool.h>

#include "decoder/out.h"

#define VT_PROTO_LONGEST ((1u << 28) - 1)       /* bytes of a message within another */

void vt_proto_varint(struct vt_sink *out, uint64_t v);

/* uint32, uint64, enumerations, and int64 when it is cast. */
void vt_proto_u64(struct vt_sink *out, unsigned field, uint64_t v);
void vt_proto_bool(struct vt_sink *out, unsigned field, bool v);
void vt_proto_fixed64(struct vt_sink *out, unsigned field, uint64_t v);
void vt_proto_double(struct vt_sink *out, unsigned field, double v);
void vt_proto_bytes(struct vt_sink *out, unsigned field, const void *data, size_t length);

/* What is not UTF-8 becomes U+FFFD, byte by byte. */
void vt_proto_string(struct vt_sink *out, unsigned field, const char *text, size_t length);

/*
 * Between the two calls all goes into the message. Only in a memory sink; `at` is what open
 * returned.
 */
size_t vt_proto_open(struct vt_sink *memory, unsigned field);
void vt_proto_close(struct vt_sink *memory, size_t at);

#endif
