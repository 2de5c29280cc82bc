/*
 * jsonw.h - JSON: strict UTF-8 strings, numbers that survive any parser, and a small writer that
 * puts in commas and indentation.
 */
#ifndef DECODER_JSONW_H
#define DECODER_JSONW_H

#include <stdbool.h>

#include "decoder/out.h"

/* A quoted string. What is not UTF-8 becomes U+FFFD; '<' is escaped, so that it can stand in HTML. */
void vt_json_string(struct vt_sink *out, const char *text, size_t length);

/* Integers that a double cannot hold (2^53 and more) are written as strings. */
void vt_json_u64(struct vt_sink *out, uint64_t v);
void vt_json_i64(struct vt_sink *out, int64_t v);
void vt_json_float(struct vt_sink *out, double v);      /* null if it is not finite */

#define VT_JSON_DEPTH 16u

struct vt_json {
	struct vt_sink *out;
	unsigned depth;
	bool filled[VT_JSON_DEPTH];     /* by depth: something was written, a comma is due */
	bool compact;                   /* all in one line */
};

/* Keys are NULL inside arrays and for the outermost value. Indented by two blanks. */
void vt_json_open(struct vt_json *j, const char *key, char bracket);    /* '{' or '[' */
void vt_json_close(struct vt_json *j, char bracket);                    /* '}' or ']' */
void vt_json_put_string(struct vt_json *j, const char *key, const char *text);
void vt_json_put_u64(struct vt_json *j, const char *key, uint64_t v);
void vt_json_put_float(struct vt_json *j, const char *key, double v);     /* null if it is not finite */
void vt_json_put_bool(struct vt_json *j, const char *key, bool v);
void vt_json_put_null(struct vt_json *j, const char *key);

#endif
