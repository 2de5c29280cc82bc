/* metrics_labels.c - labels of metrics: name="value",name="value", escaped as Prometheus wants it. */
#include "core/metrics_labels.h"

#include <string.h>

bool vt_label_name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9' && !first);
}

const char *vt_label_skip(const char *s)
{
	const char *name = s;

	while (vt_label_name_byte(*s, s == name))
		s++;
	if (s == name || strncmp(s, "=\"", 2) != 0)
		return NULL;
	for (s += 2; *s != '"'; s++)
		if (*s == '\0' || (*s == '\\' && *++s != '\\' && *s != '"' && *s != 'n'))
			return NULL;
	return s + 1;
}

bool vt_labels_have(const char *labels, const char *name, size_t length)
{
	while (labels && *labels) {
		if (strncmp(labels, name, length) == 0 && labels[length] == '=')
			return true;
		labels = vt_label_skip(labels);
		if (labels && *labels == ',')
			labels++;
	}
	return false;
}

bool vt_labels_meet(const char *a, const char *b)
{
	while (a && *a && *b) {
		if (vt_labels_have(b, a, strcspn(a, "=")))
			return true;
		a = vt_label_skip(a);
		if (a && *a == ',')
			a++;
	}
	return false;
}

/* A name that comes again further on. */
static bool is_repeated(const char *label, const char *rest)
{
	return *rest == ',' && vt_labels_have(rest + 1, label, strcspn(label, "="));
}

bool vt_labels_valid(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	if (*s == '\0')
		return true;
	for (const char *label = s; (s = vt_label_skip(s)); label = ++s) {
		if (strncmp(label, "__", 2) == 0 || is_repeated(label, s))
			return false;
		if (*s != ',')
			return *s == '\0';
	}
	return false;
}

/* Is this one label among the first `length` bytes of others? */
static bool is_among(const char *label, size_t size, const char *others, size_t length)
{
	for (const char *s = others; s < others + length; s++) {
		const char *end = vt_label_skip(s);
		if ((size_t)(end - s) == size && memcmp(s, label, size) == 0)
			return true;
		s = end;
	}
	return false;
}

bool vt_labels_same(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length != b_length)
		return false;
	for (const char *s = a; s < a + a_length; s++) {
		const char *end = vt_label_skip(s);
		if (!is_among(s, (size_t)(end - s), b, b_length))
			return false;
		s = end;
	}
	return true;
}

#define LE "le=\""

const char *vt_labels_le(const char *labels)
{
	const char *last = labels;

	for (const char *s = labels; s && *s; s = *s == ',' ? s + 1 : s) {
		last = s;
		s = vt_label_skip(s);
		if (!s || *s == '\0')
			break;
	}
	return strncmp(last, LE, strlen(LE)) == 0 ? last : NULL;
}

uint64_t vt_label_bound(const char *le)
{
	const char *s = le + strlen(LE);
	uint64_t value = 0;
	unsigned whole = 0, decimals = 0;
	bool point = false;

	if (strcmp(s, "+Inf\"") == 0)
		return UINT64_MAX;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		value = value * 10 + (uint64_t)(*s - '0');
		if (++*(point ? &decimals : &whole) > 9)
			return 0;
	}
	if (strcmp(s, "\"") != 0 || whole == 0)
		return 0;
	for (; decimals < 9; decimals++)
		value *= 10;
	return value;
}
