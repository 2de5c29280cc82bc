/* names.c - nearest names, by edit distance. */
#include "decoder/names.h"

#include <stdint.h>
#include <string.h>

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
