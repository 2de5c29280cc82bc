/* codec_lz4.c - lz4 blocks. A level below 0 is faster and larger: -N is lz4's acceleration N. */
#include "core/codec.h"

#include <limits.h>
#include <lz4.h>
#include <stdlib.h>

#include <valktrace/format.h>

struct lz4_state {
	int acceleration;
	LZ4_stream_t stream;
};

static size_t lz4_bound(size_t length)
{
	return length > LZ4_MAX_INPUT_SIZE ? 0 : (size_t)LZ4_compressBound((int)length);
}

static void *lz4_open(int level)
{
	struct lz4_state *s = malloc(sizeof(*s));

	if (s)
		s->acceleration = level < 0 ? -level : 1;
	return s;
}

static size_t lz4_compress(void *state, uint8_t *to, size_t capacity,
                           const uint8_t *from, const uint32_t *pieces, unsigned count)
{
	struct lz4_state *s = state;
	size_t total = 0;

	for (unsigned i = 0; i < count; i++)
		total += pieces[i];
	if (total > LZ4_MAX_INPUT_SIZE)
		return 0;
	if (capacity > INT_MAX)
		capacity = INT_MAX;
	int length = LZ4_compress_fast_extState(&s->stream, (const char *)from, (char *)to,
	                                        (int)total, (int)capacity, s->acceleration);
	return length > 0 ? (size_t)length : 0;
}

static int lz4_decompress(void *state, uint8_t *to, size_t raw, const uint8_t *from, size_t length)
{
	(void)state;
	if (raw > INT_MAX || length > INT_MAX)
		return -1;
	int got = LZ4_decompress_safe((const char *)from, (char *)to, (int)length, (int)raw);
	return got >= 0 && (size_t)got == raw ? 0 : -1;
}

const struct vt_codec vt_codec_lz4 = {
	.name = "lz4",
	.id = VT_CODEC_LZ4,
	.level_min = -64,
	.level_max = 1,
	.level_default = 1,
	.bound = lz4_bound,
	.open = lz4_open,
	.close = free,
	.compress = lz4_compress,
	.decompress = lz4_decompress,
};
