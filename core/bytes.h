/*
 * bytes.h - bounded reading and growing writing of little-endian bytes.
 *
 * An input cursor never passes its end: after the first short read `bad` is set, every later read
 * gives zeros, and the caller checks once. An output buffer's `failed` is sticky in the same way.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint16_t vt_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t vt_le32(const uint8_t *p) { return vt_le16(p) | (uint32_t)vt_le16(p + 2) << 16; }
static inline uint64_t vt_le64(const uint8_t *p) { return vt_le32(p) | (uint64_t)vt_le32(p + 4) << 32; }

static inline void vt_put_le16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void vt_put_le32(uint8_t *p, uint32_t v) { vt_put_le16(p, (uint16_t)v); vt_put_le16(p + 2, (uint16_t)(v >> 16)); }
static inline void vt_put_le64(uint8_t *p, uint64_t v) { vt_put_le32(p, (uint32_t)v); vt_put_le32(p + 4, (uint32_t)(v >> 32)); }

struct vt_in {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct vt_in vt_in_of(const void *data, size_t length)
{
	const uint8_t *p = data;
	return (struct vt_in){ p, length > 0 ? p + length : p, false };         /* p may be NULL then */
}

/* The next `length` bytes, or NULL. */
static inline const uint8_t *vt_in_take(struct vt_in *in, size_t length)
{
	if (in->bad || (size_t)(in->end - in->at) < length) {
		in->bad = true;
		return NULL;
	}
	const uint8_t *p = in->at;
	in->at += length;
	return p;
}

static inline uint8_t vt_in_u8(struct vt_in *in) { const uint8_t *p = vt_in_take(in, 1); return p ? *p : 0; }
static inline uint16_t vt_in_u16(struct vt_in *in) { const uint8_t *p = vt_in_take(in, 2); return p ? vt_le16(p) : 0; }
static inline uint32_t vt_in_u32(struct vt_in *in) { const uint8_t *p = vt_in_take(in, 4); return p ? vt_le32(p) : 0; }
static inline uint64_t vt_in_u64(struct vt_in *in) { const uint8_t *p = vt_in_take(in, 8); return p ? vt_le64(p) : 0; }

/* A string: u16 length and bytes. Not terminated; NULL with length 0 when short. */
static inline const char *vt_in_str(struct vt_in *in, size_t *length)
{
	*length = vt_in_u16(in);
	const uint8_t *p = vt_in_take(in, *length);
	if (!p)
		*length = 0;
	return (const char *)p;
}

struct vt_out {
	uint8_t *data;
	size_t length, capacity;
	bool failed;                /* out of memory: nothing was added since */
};

/* Room for `more` bytes at the end, or NULL. The bytes count only when `length` is raised. */
static inline uint8_t *vt_out_room(struct vt_out *out, size_t more)
{
	if (out->failed)
		return NULL;
	if (out->capacity - out->length < more) {
		size_t want = out->capacity * 2 > out->length + more ? out->capacity * 2 : out->length + more;
		uint8_t *data = realloc(out->data, want);
		if (!data) {
			out->failed = true;
			return NULL;
		}
		out->data = data;
		out->capacity = want;
	}
	return out->data + out->length;
}

static inline void vt_out_bytes(struct vt_out *out, const void *data, size_t length)
{
	uint8_t *p = vt_out_room(out, length);
	if (p && length > 0) {
		memcpy(p, data, length);
		out->length += length;
	}
}

static inline void vt_out_u8(struct vt_out *out, uint8_t v) { vt_out_bytes(out, &v, 1); }
static inline void vt_out_u16(struct vt_out *out, uint16_t v) { uint8_t b[2]; vt_put_le16(b, v); vt_out_bytes(out, b, 2); }
static inline void vt_out_u32(struct vt_out *out, uint32_t v) { uint8_t b[4]; vt_put_le32(b, v); vt_out_bytes(out, b, 4); }
static inline void vt_out_u64(struct vt_out *out, uint64_t v) { uint8_t b[8]; vt_put_le64(b, v); vt_out_bytes(out, b, 8); }

static inline void vt_out_str(struct vt_out *out, const char *s, size_t length)
{
	length = length > UINT16_MAX ? UINT16_MAX : length;
	vt_out_u16(out, (uint16_t)length);
	vt_out_bytes(out, s, length);
}

static inline void vt_out_pad8(struct vt_out *out)
{
	static const uint8_t zeros[8];
	vt_out_bytes(out, zeros, -out->length & 7);
}

static inline void vt_out_free(struct vt_out *out)
{
	free(out->data);
	*out = (struct vt_out){ 0 };
}

#endif
