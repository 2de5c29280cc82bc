/* names.c - nearest names, by edit distance, and the names of the built-in schema. */
#include "decoder/names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <valktrace/schema.h>

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned vt_name_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned rows[3][VT_NAME_TRIED + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	if (n > VT_NAME_TRIED || m > VT_NAME_TRIED)
		return UINT32_MAX;
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = least(now[j], least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

const char *vt_name_nearest(const char *name, const char *const *names, size_t count)
{
	size_t length = strlen(name);
	unsigned best = (unsigned)(length < VT_NAME_TRIED ? length / 3 + 1 : 0) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!names[i])
			continue;
		unsigned d = vt_name_distance(name, names[i]);
		if (length >= 2 && strncmp(name, names[i], length) == 0)
			d = 1;
		/* Half of the letters changed is another word, however short the word. */
		if (d < best && 2 * (size_t)d <= length + 1) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

/* ---- of the built-in schema ---------------------------------------------------------------- */

const char *vt_names_of_categories(size_t i)
{
	const struct vt_schema *schema = vt_schema_builtin();

	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++)
		if (schema->categories[id].name && i-- == 0)
			return schema->categories[id].name;
	return NULL;
}

const char *vt_names_of_events(size_t i)
{
	static char text[2 * VT_MAX_NAME + 2];
	const struct vt_schema *schema = vt_schema_builtin();

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];
		if (!desc || i-- > 0)
			continue;
		const char *category = schema->categories[desc->category % VT_MAX_CATEGORIES].name;
		snprintf(text, sizeof(text), "%s.%s", category ? category : "", desc->name);
		return text;
	}
	return NULL;
}
