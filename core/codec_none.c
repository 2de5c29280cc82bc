/* codec_none.c - sections as they are. */
#include "core/codec.h"

#include <string.h>

#include <valktrace/format.h>

static size_t none_bound(size_t length)
{
	return length;
}

static size_t none_compress(void *state, uint8_t *to, size_t capacity,
                            const uint8_t *from, const uint32_t *pieces, unsigned count)
{
	size_t total = 0;

	(void)state;
	for (unsigned i = 0; i < count; i++)
		total += pieces[i];
	if (total > capacity)
		return 0;
	if (total > 0)
		memcpy(to, from, total);
	return total;
}

static int none_decompress(void *state, uint8_t *to, size_t raw,
                           const uint8_t *from, size_t length)
{
	(void)state;
	if (length != raw)
		return -1;
	if (raw > 0)
		memcpy(to, from, raw);
	return 0;
}

const struct vt_codec vt_codec_none = {
	.name = "none",
	.id = VT_CODEC_NONE,
	.bound = none_bound,
	.compress = none_compress,
	.decompress = none_decompress,
};
