/* jsonw.c - writing of JSON. */
#include "decoder/jsonw.h"

#include <math.h>

#include "decoder/units.h"

#define EXACT_LIMIT (1ull << 53)

static unsigned put_special(struct vt_sink *out, const char *p, size_t left)
{
	char *to = vt_sink_room(out, 16);
	uint32_t code = 0xfffd;
	unsigned n = vt_utf8_decode(p, left, &code);

	if (n == 0)
		to = (char *)memcpy(to, "\xef\xbf\xbd", 3) + 3;
	else if (code == '"' || code == '\\')
		*to++ = '\\', *to++ = (char)code;
	else if (code == '\n')
		to = (char *)memcpy(to, "\\n", 2) + 2;
	else if (code == '\t')
		to = (char *)memcpy(to, "\\t", 2) + 2;
	else if (code < ' ' || code == '<' || code == 0x7f || (code < 0x10000 && vt_utf8_steers(code)))
		to = vt_num_hex((char *)memcpy(to, "\\u", 2) + 2, code, 4);
	else
		to = (char *)memcpy(to, p, n) + n;
	vt_sink_upto(out, to);
	return n > 0 ? n : 1;
}

void vt_json_string(struct vt_sink *out, const char *text, size_t length)
{
	const char *end = text + length;

	vt_sink_char(out, '"');
	while (text < end) {
		const char *plain = text;
		while (text < end && *text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\' &&
		       *text != '<')
			text++;
		vt_sink_bytes(out, plain, (size_t)(text - plain));
		if (text < end)
			text += put_special(out, text, (size_t)(end - text));
	}
	vt_sink_char(out, '"');
}

void vt_json_u64(struct vt_sink *out, uint64_t v)
{
	char *p = vt_sink_room(out, VT_NUM_MAX);
	bool quoted = v >= EXACT_LIMIT;

	if (quoted)
		*p++ = '"';
	p = vt_num_u64(p, v);
	if (quoted)
		*p++ = '"';
	vt_sink_upto(out, p);
}

void vt_json_i64(struct vt_sink *out, int64_t v)
{
	char *p = vt_sink_room(out, VT_NUM_MAX);
	bool quoted = v >= (int64_t)EXACT_LIMIT || v <= -(int64_t)EXACT_LIMIT;

	if (quoted)
		*p++ = '"';
	p = vt_num_i64(p, v);
	if (quoted)
		*p++ = '"';
	vt_sink_upto(out, p);
}

void vt_json_float(struct vt_sink *out, double v)
{
	if (isfinite(v))
		vt_sink_upto(out, vt_num_float(vt_sink_room(out, VT_NUM_MAX), v));
	else
		vt_sink_string(out, "null");
}

/* ---- nested -------------------------------------------------------------------------------- */

static void start_value(struct vt_json *j, const char *key)
{
	unsigned at = j->depth < VT_JSON_DEPTH ? j->depth : VT_JSON_DEPTH - 1;

	if (j->filled[at])
		vt_sink_char(j->out, ',');
	if (j->depth > 0 && !j->compact) {
		vt_sink_char(j->out, '\n');
		vt_sink_blanks(j->out, 2 * (size_t)j->depth);
	}
	j->filled[at] = true;
	if (key) {
		vt_json_string(j->out, key, strlen(key));
		vt_sink_string(j->out, j->compact ? ":" : ": ");
	}
}

void vt_json_open(struct vt_json *j, const char *key, char bracket)
{
	start_value(j, key);
	vt_sink_char(j->out, bracket);
	if (++j->depth < VT_JSON_DEPTH)
		j->filled[j->depth] = false;
}

void vt_json_close(struct vt_json *j, char bracket)
{
	bool filled = j->depth >= VT_JSON_DEPTH || j->filled[j->depth];

	j->depth--;
	if (filled && !j->compact) {
		vt_sink_char(j->out, '\n');
		vt_sink_blanks(j->out, 2 * (size_t)j->depth);
	}
	vt_sink_char(j->out, bracket);
}

void vt_json_put_string(struct vt_json *j, const char *key, const char *text)
{
	start_value(j, key);
	vt_json_string(j->out, text, strlen(text));
}

void vt_json_put_u64(struct vt_json *j, const char *key, uint64_t v)
{
	start_value(j, key);
	vt_json_u64(j->out, v);
}

void vt_json_put_bool(struct vt_json *j, const char *key, bool v)
{
	start_value(j, key);
	vt_sink_string(j->out, v ? "true" : "false");
}

void vt_json_put_null(struct vt_json *j, const char *key)
{
	start_value(j, key);
	vt_sink_string(j->out, "null");
}

void vt_json_put_float(struct vt_json *j, const char *key, double v)
{
	start_value(j, key);
	vt_json_float(j->out, v);
}
