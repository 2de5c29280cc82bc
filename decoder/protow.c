/* protow.c - see protow.h. */
#include "decoder/protow.h"

#include <errno.h>

enum wire { VARINT = 0, FIXED64 = 1, DELIMITED = 2 };

void vt_proto_varint(struct vt_sink *out, uint64_t v)
{
	char *p = vt_sink_room(out, 10);

	for (; v >= 0x80; v >>= 7)
		*p++ = (char)(v | 0x80);
	*p++ = (char)v;
	vt_sink_upto(out, p);
}

static void put_tag(struct vt_sink *out, unsigned field, enum wire wire)
{
	vt_proto_varint(out, (uint64_t)field << 3 | wire);
}

void vt_proto_u64(struct vt_sink *out, unsigned field, uint64_t v)
{
	put_tag(out, field, VARINT);
	vt_proto_varint(out, v);
}

void vt_proto_bool(struct vt_sink *out, unsigned field, bool v)
{
	vt_proto_u64(out, field, v);
}

void vt_proto_fixed64(struct vt_sink *out, unsigned field, uint64_t v)
{
	put_tag(out, field, FIXED64);
	for (unsigned i = 0; i < 8; i++)
		vt_sink_char(out, (char)(v >> 8 * i));
}

void vt_proto_double(struct vt_sink *out, unsigned field, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	vt_proto_fixed64(out, field, bits);
}

void vt_proto_bytes(struct vt_sink *out, unsigned field, const void *data, size_t length)
{
	put_tag(out, field, DELIMITED);
	vt_proto_varint(out, length);
	vt_sink_bytes(out, data, length);
}

/* How long the text is as UTF-8. */
static size_t length_as_utf8(const char *text, size_t length)
{
	uint32_t code;
	size_t total = 0;

	for (size_t i = 0; i < length;) {
		unsigned n = vt_utf8_decode(text + i, length - i, &code);
		total += n ? n : 3;
		i += n ? n : 1;
	}
	return total;
}

void vt_proto_string(struct vt_sink *out, unsigned field, const char *text, size_t length)
{
	uint32_t code;

	put_tag(out, field, DELIMITED);
	vt_proto_varint(out, length_as_utf8(text, length));
	for (size_t i = 0; i < length;) {
		unsigned n = vt_utf8_decode(text + i, length - i, &code);
		vt_sink_bytes(out, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
		i += n ? n : 1;
	}
}

size_t vt_proto_open(struct vt_sink *memory, unsigned field)
{
	put_tag(memory, field, DELIMITED);
	size_t at = memory->used;
	vt_sink_bytes(memory, "\0\0\0", 4);
	return at;
}

void vt_proto_close(struct vt_sink *memory, size_t at)
{
	size_t length;

	/* After an error what was written may be gone. */
	if (memory->error || memory->used < at + 4)
		return;
	length = memory->used - at - 4;
	if (length > VT_PROTO_LONGEST) {
		memory->error = EFBIG;
		return;
	}
	for (unsigned i = 0; i < 4; i++, length >>= 7)
		memory->buffer[at + i] = (char)((length & 0x7f) | (i < 3 ? 0x80 : 0));
}
