/* notes.c - see notes.h. */
#include "decoder/notes.h"

#include <stdarg.h>
#include <stdio.h>

static const struct { int code; const char *name; } note_names[] = {
#define XX(symbol, code, name) { code, name },
	NOTE_MAP(XX)
#undef XX
};

static const char *note_name(int code)
{
	for (size_t i = 0; i < sizeof note_names / sizeof note_names[0]; i++)
		if (note_names[i].code == code)
			return note_names[i].name;
	return "?";
}

/* Escapes all but printable ASCII: names in the details come from strangers. */
static void escape(char *to, size_t size, const char *from)
{
	size_t at = 0;

	for (; *from && at + 5 < size; from++) {
		unsigned char c = (unsigned char)*from;
		if (c >= ' ' && c < 0x7f)
			to[at++] = (char)c;
		else
			at += (size_t)snprintf(to + at, size - at, "\\x%02x", c);
	}
	to[at] = 0;
}

void vt_notes_add(struct vt_notes *n, enum vt_note_code code, const char *file, uint64_t offset,
               const char *details, ...)
{
	char raw[256], clean[512], text[640];
	va_list args;

	if (code > 0)
		n->damage++;
	else
		n->remarks++;
	if (!n->each)
		return;
	va_start(args, details);
	vsnprintf(raw, sizeof raw, details, args);
	va_end(args);
	escape(clean, sizeof clean, raw);
	snprintf(text, sizeof text, "%c%02d %s at 0x%llx: %s", code > 0 ? 'E' : 'N',
	         code > 0 ? code : -code, note_name(code), (unsigned long long)offset, clean);
	n->each(n->user, &(struct vt_note){ .code = code, .file = file, .offset = offset,
	                                    .text = text });
}
