/*
 * codec_zstd.c - zstd frames.
 *
 * A block's pieces are the planes of its columns. Each is flushed, so that it gets Huffman
 * statistics of its own: a plane of high bytes has little in common with one of low bytes.
 */
#include "core/codec.h"

#include <stdbool.h>
#include <zstd.h>

#include <valktrace/format.h>

#define MIN_PIECE    1024       /* less costs more time than it saves bytes: joined with what follows */
#define BLOCK_HEADER 3          /* bytes that a flush costs at least */
#define WINDOW_LOG   20         /* a section is not longer than that: see VT_MAX_RAW */

/*
 * Level 1, the recorder's, is tuned for planes: nearly all of their redundancy is in the
 * frequencies of bytes, short matches only break them up, and a small hash table stays in the
 * first cache. So matches are looked for in few places (the target length is zstd's acceleration
 * there), while Huffman codes, which zstd would leave out with it, stay on: their parameter has a
 * number but no name in a shared library. That makes it twice as fast as the stock level and no
 * larger; where the parameter is unknown, the acceleration is left out.
 */
#define FAST_LEVEL     1
#define FAST_MIN_MATCH 7
#define FAST_HASH_LOG  11
#define FAST_SKIP      64
#define LITERALS       ZSTD_c_experimentalParam5       /* ZSTD_c_literalCompressionMode */
#define LITERALS_ON    1                                /* ZSTD_ps_enable */

VT_STATIC_ASSERT(VT_MAX_RAW <= 1u << WINDOW_LOG, "a section fits the window");

static size_t zstd_bound(size_t length)
{
	return ZSTD_compressBound(length) + (length / MIN_PIECE + 1) * BLOCK_HEADER;
}

static void *zstd_open(int level)
{
	const struct { ZSTD_cParameter name; int value; bool wanted; } settings[] = {
		{ ZSTD_c_compressionLevel, level, true },
		{ ZSTD_c_windowLog, WINDOW_LOG, true },
		{ ZSTD_c_checksumFlag, 0, true },
		{ ZSTD_c_minMatch, FAST_MIN_MATCH, level == FAST_LEVEL },
		{ ZSTD_c_hashLog, FAST_HASH_LOG, level == FAST_LEVEL },
	};
	ZSTD_CCtx *context = ZSTD_createCCtx();
	bool bad = false;

	for (size_t i = 0; context && i < sizeof(settings) / sizeof(*settings) && !bad; i++)
		if (settings[i].wanted)
			bad = ZSTD_isError(ZSTD_CCtx_setParameter(context, settings[i].name,
			                                          settings[i].value));
	if (context && !bad && level == FAST_LEVEL &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(context, LITERALS, LITERALS_ON)))
		bad = ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, FAST_SKIP));
	if (bad) {
		ZSTD_freeCCtx(context);
		context = NULL;
	}
	return context;
}

static void zstd_close(void *state)
{
	ZSTD_freeCCtx(state);
}

/* Feeds `in` to its end. False: an error, or `out` is too small. */
static bool feed(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective how)
{
	for (;;) {
		size_t left = ZSTD_compressStream2(context, out, in, how);

		if (ZSTD_isError(left))
			return false;
		if (left == 0 && in->pos == in->size)
			return true;
		if (out->pos == out->size)
			return false;
	}
}

static size_t zstd_compress(void *state, uint8_t *to, size_t capacity,
                            const uint8_t *from, const uint32_t *pieces, unsigned count)
{
	ZSTD_outBuffer out = { to, capacity, 0 };
	ZSTD_inBuffer in = { from, 0, 0 };
	size_t total = 0;

	for (unsigned i = 0; i < count; i++)
		total += pieces[i];
	if (ZSTD_isError(ZSTD_CCtx_reset(state, ZSTD_reset_session_only)) ||
	    ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(state, total)))
		return 0;

	for (unsigned i = 0; i < count; i++) {
		in.size += pieces[i];
		if (in.size - in.pos < MIN_PIECE || total - in.size < MIN_PIECE)
			continue;
		if (!feed(state, &out, &in, ZSTD_e_flush))
			return 0;
	}
	return feed(state, &out, &in, ZSTD_e_end) ? out.pos : 0;
}

static void *zstd_open_decoder(void)
{
	return ZSTD_createDCtx();
}

static void zstd_close_decoder(void *state)
{
	ZSTD_freeDCtx(state);
}

static int zstd_decompress(void *state, uint8_t *to, size_t raw, const uint8_t *from, size_t length)
{
	if (ZSTD_getFrameContentSize(from, length) != raw)
		return -1;
	return ZSTD_decompressDCtx(state, to, raw, from, length) == raw ? 0 : -1;
}

const struct vt_codec vt_codec_zstd = {
	.name = "zstd",
	.id = VT_CODEC_ZSTD,
	.level_min = -7,
	.level_max = 19,
	.level_default = 1,
	.bound = zstd_bound,
	.open = zstd_open,
	.close = zstd_close,
	.compress = zstd_compress,
	.open_decoder = zstd_open_decoder,
	.close_decoder = zstd_close_decoder,
	.decompress = zstd_decompress,
};
