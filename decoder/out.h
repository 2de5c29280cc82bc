/*
 * out.h - where all output goes: a buffer with a sticky error, and safe text.
 *
 * A sink writes to stdout, to a file (through a temporary one that is renamed at the end, so
 * that a reader of the name never sees half of it) or into memory. After an error everything
 * more is thrown away; vt_sink_close tells. Nothing that comes from a log goes to a sink but
 * through vt_sink_escaped or the escapers of jsonw.h. A signal that ends the program (INT, TERM,
 * HUP, QUIT, PIPE) takes the temporary file away first; one sink at a time has such a file.
 */
#ifndef DECODER_OUT_H
#define DECODER_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VT_SINK_BUFFER  (256u << 10)
#define VT_SINK_ROOM    4096u           /* most bytes that one vt_sink_room gives */

struct vt_sink {
	char *buffer;
	size_t used, size;
	int fd;                         /* -1: memory */
	int error;                      /* errno of the first failure; 0 none */
	char *path, *temporary;         /* of -o; NULL: none */
	bool colour;                    /* vt_sink_role writes something */
	bool coloured;                  /* a role has begun and not ended */
	bool replace;                   /* the named file, if there is one when it is closed */
};

/* What colours are for; which they are stands in one table in out.c. */
enum vt_role {
	VT_ROLE_END,                    /* back to plain */
	VT_ROLE_PLAIN,
	VT_ROLE_DIM,                    /* time and thread of an event */
	VT_ROLE_HEADING,
	VT_ROLE_BAD,                    /* loss, damage, a violent end, an error */
	VT_ROLE_GOOD,                   /* complete */
};

enum vt_sink_flags { VT_SINK_REPLACE = 1 };

/*
 * path NULL or "-": stdout, with colours if they are wanted there (common.h). 0 or -errno; -EEXIST:
 * there is a file and VT_SINK_REPLACE is not set.
 */
int vt_sink_open(struct vt_sink *s, const char *path, unsigned flags);
int vt_sink_memory(struct vt_sink *s);
/* Writes out what is left and renames. 0 or the first -errno; then the named file is as it was. */
int vt_sink_close(struct vt_sink *s);
/* Writes out what is there so far, of a sink that is no memory. */
void vt_sink_flush(struct vt_sink *s);
/* Throws away what was not written yet, and the temporary file. */
void vt_sink_discard(struct vt_sink *s);

void vt_sink_make_room(struct vt_sink *s, size_t n);

/* Room for n <= VT_SINK_ROOM bytes; always a valid place. Tell vt_sink_upto how far it was used. */
static inline char *vt_sink_room(struct vt_sink *s, size_t n)
{
	if (__builtin_expect(s->size - s->used < n, 0))
		vt_sink_make_room(s, n);
	return s->buffer + s->used;
}

static inline void vt_sink_upto(struct vt_sink *s, const char *end)
{
	s->used = (size_t)(end - s->buffer);
}

void vt_sink_long(struct vt_sink *s, const void *data, size_t length);

static inline void vt_sink_bytes(struct vt_sink *s, const void *data, size_t length)
{
	if (__builtin_expect(length > VT_SINK_ROOM, 0)) {
		vt_sink_long(s, data, length);
		return;
	}
	memcpy(vt_sink_room(s, length), data, length);
	s->used += length;
}

static inline void vt_sink_string(struct vt_sink *s, const char *text)
{
	vt_sink_bytes(s, text, strlen(text));
}

static inline void vt_sink_char(struct vt_sink *s, char c)
{
	*vt_sink_room(s, 1) = c;
	s->used++;
}

/* From here on in this role. Returns the bytes written, which no terminal shows; 0: no colours. */
size_t vt_sink_role(struct vt_sink *s, enum vt_role role);

void vt_sink_blanks(struct vt_sink *s, size_t count);
void vt_sink_printf(struct vt_sink *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Text of a memory sink so far, terminated. Lives until the next call that adds. */
const char *vt_sink_text(struct vt_sink *s);

enum vt_escape {
	VT_ESCAPE_ALL = 0,
	VT_KEEP_BLANKS = 1,             /* else a blank is \x20 */
	VT_KEEP_UTF8 = 2,               /* else all beyond ASCII is \u{...} */
};

/*
 * Bytes of a stranger made harmless: control bytes, C1 and what is not UTF-8 as \xNN, characters
 * that steer a terminal (bidi, line separators, invisible ones) as \u{...}, backslash doubled.
 */
void vt_sink_escaped(struct vt_sink *s, const char *text, size_t length, unsigned keep);

/* A character that changes how others are shown, or that cannot be seen. */
bool vt_utf8_steers(uint32_t code);

/* Length of the UTF-8 sequence at p (1 to 4) and its code point; 0: not UTF-8. */
unsigned vt_utf8_decode(const char *p, size_t length, uint32_t *code);

#endif
