/* metrics_text.c - the bounded text that the metric renderers write into. */
#include "core/metrics_text.h"

#include <stdbool.h>
#include <string.h>

void vt_text_bytes(struct vt_text *t, const char *s, size_t length)
{
	if (t->length < t->size) {
		size_t room = t->size - t->length;
		memcpy(t->to + t->length, s, length < room ? length : room);
	}
	t->length += length;
}

void vt_text_string(struct vt_text *t, const char *s)
{
	vt_text_bytes(t, s, strlen(s));
}

/* The last `decimals` digits stand behind a point, at least one before it. */
static void put_decimal(struct vt_text *t, vt_u128 value, unsigned decimals)
{
	char digits[48];
	size_t at = sizeof(digits);
	unsigned count = 0;

	do {
		if (count > 0 && count == decimals)
			digits[--at] = '.';
		digits[--at] = (char)('0' + (unsigned)(value % 10));
		value /= 10;
		count++;
	} while (value > 0 || count <= decimals);
	vt_text_bytes(t, digits + at, sizeof(digits) - at);
}

void vt_text_number(struct vt_text *t, uint64_t value)
{
	put_decimal(t, value, 0);
}

void vt_text_hex(struct vt_text *t, uint64_t value)
{
	char digits[16];

	for (unsigned i = 0; i < 16; i++)
		digits[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	vt_text_bytes(t, digits, sizeof(digits));
}

void vt_text_ratio(struct vt_text *t, vt_u128 numerator, vt_u128 denominator, unsigned decimals)
{
	vt_u128 value = 0;

	if (denominator > 0) {
		for (unsigned i = 0; i < decimals; i++)
			numerator *= 10;
		value = (numerator + denominator / 2) / denominator;
	}
	put_decimal(t, value, decimals);
}

/* Bytes of the character at `s` if it is one that may be shown, else 0. Stops at the text's 0. */
static size_t shown(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 :
	                s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = length < 2 ? s[0] : s[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) ? 0 : length;
}

void vt_text_escaped(struct vt_text *t, const char *s, int quote)
{
	const unsigned char *p = (const unsigned char *)s;

	while (p && *p) {
		size_t length = shown(p);

		if (*p == '\n')
			vt_text_string(t, "\\n");
		else if (length == 0)
			vt_text_string(t, "\xef\xbf\xbd");
		else if (*p == '\\' || (*p == '"' && quote))
			vt_text_bytes(t, (const char[]){ '\\', (char)*p }, 2);
		else
			vt_text_bytes(t, (const char *)p, length);
		p += length > 0 ? length : 1;
	}
}

size_t vt_text_end(struct vt_text *t)
{
	if (t->size > 0)
		t->to[t->length < t->size ? t->length : t->size - 1] = '\0';
	return t->length;
}
