/*
 * wire_record.h - what the record coders of core/wire_*.c share: framing and strings.
 *
 * Encoders cut strings to the lengths that decoders accept, so that a host's long name never
 * makes its own log unreadable.
 */
#ifndef CORE_WIRE_RECORD_H
#define CORE_WIRE_RECORD_H

#include "core/wire.h"

static inline struct vt_span vt__span_of(const char *s)
{
	return s ? (struct vt_span){ s, strlen(s) } : (struct vt_span){ "", 0 };
}

static inline void vt__put_span(struct vt_out *out, struct vt_span s, size_t limit)
{
	vt_out_str(out, s.at, s.length < limit ? s.length : limit);
}

static inline bool vt__get_span(struct vt_in *in, struct vt_span *s, size_t limit)
{
	s->at = vt_in_str(in, &s->length);
	return !in->bad && s->length <= limit;
}

static inline bool vt__get_text(struct vt_in *in, struct vt_span *s)
{
	return vt__get_span(in, s, VT_MAX_STRING);
}

static inline bool vt__is_process(uint32_t index)
{
	return index < VT_MAX_PROCESSES || index == VT_NO_PROCESS;
}

/* Where the record starts: to be handed to `vt__rec_end`, which knows its length. */
static inline size_t vt__rec_begin(struct vt_out *out, uint16_t kind)
{
	size_t start = out->length;

	vt_out_u32(out, 0);
	vt_out_u16(out, kind);
	vt_out_u16(out, 0);
	return start;
}

static inline void vt__rec_end(struct vt_out *out, size_t start)
{
	static const uint8_t zeros[8];

	vt_out_bytes(out, zeros, (start - out->length) & 7);
	if (!out->failed)
		vt_put_le32(out->data + start, (uint32_t)(out->length - start));
}

#endif
