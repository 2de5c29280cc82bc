/* test_codec.c - every codec: round trips, exact sizes, hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include <valktrace/format.h>

#include "core/codec.h"

static const struct vt_codec *const codecs[] = { &vt_codec_none, &vt_codec_lz4, &vt_codec_zstd };

#define CODECS (sizeof(codecs) / sizeof(*codecs))

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* Planes of different statistics: noise, skewed, constant, and lengths from 0 to `largest`. */
static size_t fill(uint8_t *to, uint32_t *pieces, unsigned count, uint32_t largest, uint64_t seed)
{
	size_t total = 0;

	for (unsigned i = 0; i < count; i++) {
		pieces[i] = (uint32_t)(next(&seed) % (largest + 1));
		for (uint32_t k = 0; k < pieces[i]; k++) {
			uint64_t noise = next(&seed);
			to[total++] = (uint8_t)(i % 3 == 0 ? noise : i % 3 == 1 ? noise % 7 * (noise % 3) : 5);
		}
	}
	return total;
}

struct coder {
	const struct vt_codec *codec;
	void *state, *decoder;
};

static struct coder coder_open(const struct vt_codec *codec, int level)
{
	struct coder c = { codec, NULL, NULL };

	if (codec->open)
		assert_non_null(c.state = codec->open(level));
	if (codec->open_decoder)
		assert_non_null(c.decoder = codec->open_decoder());
	return c;
}

static void coder_close(struct coder *c)
{
	if (c->codec->close)
		c->codec->close(c->state);
	if (c->codec->close_decoder)
		c->codec->close_decoder(c->decoder);
}

/* The compressed length. */
static size_t round_trip(struct coder *c, const uint8_t *raw, const uint32_t *pieces, unsigned count)
{
	size_t total = 0;

	for (unsigned i = 0; i < count; i++)
		total += pieces[i];
	size_t bound = c->codec->bound(total);
	uint8_t *packed = malloc(bound), *back = malloc(total);
	assert_non_null(packed);
	assert_non_null(back);
	size_t length = c->codec->compress(c->state, packed, bound, raw, pieces, count);
	assert_in_range(length, 1, bound);
	assert_int_equal(c->codec->decompress(c->decoder, back, total, packed, length), 0);
	assert_memory_equal(back, raw, total);
	free(packed);
	free(back);
	return length;
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODECS; i++) {
		assert_ptr_equal(vt_codec_by_id(codecs[i]->id), codecs[i]);
		assert_ptr_equal(vt_codec_by_name(codecs[i]->name), codecs[i]);
		assert_true(codecs[i]->level_min <= codecs[i]->level_default);
		assert_true(codecs[i]->level_default <= codecs[i]->level_max);
	}
	assert_int_equal(vt_codec_none.id, VT_CODEC_NONE);
	assert_int_equal(vt_codec_lz4.id, VT_CODEC_LZ4);
	assert_int_equal(vt_codec_zstd.id, VT_CODEC_ZSTD);
	assert_null(vt_codec_by_id(3));
	assert_null(vt_codec_by_name("gzip"));
	assert_null(vt_codec_by_name(""));
}

static void test_round_trips(void **state)
{
	enum { PIECES = 40, LARGEST = 3000 };
	static uint8_t raw[PIECES * LARGEST];
	uint32_t pieces[PIECES];

	(void)state;
	for (size_t i = 0; i < CODECS; i++) {
		struct coder c = coder_open(codecs[i], codecs[i]->level_default);
		for (uint64_t seed = 1; seed <= 20; seed++) {
			uint32_t largest = seed % 3 == 0 ? 5 : seed % 3 == 1 ? 90 : LARGEST;
			size_t total = fill(raw, pieces, PIECES, largest, seed * 7919);
			size_t length = round_trip(&c, raw, pieces, PIECES);
			if (largest == LARGEST && codecs[i]->id != VT_CODEC_NONE)
				assert_true(length < total);
		}
		coder_close(&c);
	}
}

static void test_levels(void **state)
{
	static uint8_t raw[20000];
	uint32_t pieces[5];

	(void)state;
	fill(raw, pieces, 5, 4000, 42);
	for (size_t i = 0; i < CODECS; i++) {
		const int levels[] = { codecs[i]->level_min, codecs[i]->level_max };
		for (unsigned k = 0; k < 2; k++) {
			struct coder c = coder_open(codecs[i], levels[k]);
			round_trip(&c, raw, pieces, 5);
			coder_close(&c);
		}
	}
}

/* The largest section, of noise and of one byte, still fits the format's stored length. */
static void test_largest(void **state)
{
	uint8_t *raw = malloc(VT_MAX_RAW);
	uint32_t *pieces = calloc(VT_MAX_RAW / 64, sizeof(*pieces));
	uint64_t seed = 99;

	(void)state;
	assert_non_null(raw);
	assert_non_null(pieces);
	for (size_t i = 0; i < VT_MAX_RAW; i++)
		raw[i] = (uint8_t)next(&seed);
	for (unsigned i = 0; i < VT_MAX_RAW / 64; i++)
		pieces[i] = 64;
	for (size_t i = 0; i < CODECS; i++) {
		struct coder c = coder_open(codecs[i], codecs[i]->level_default);
		assert_true(codecs[i]->bound(VT_MAX_RAW) <= VT_MAX_STORED);
		round_trip(&c, raw, pieces, VT_MAX_RAW / 64);
		coder_close(&c);
	}
	memset(raw, 0, VT_MAX_RAW);
	for (size_t i = 0; i < CODECS; i++) {
		struct coder c = coder_open(codecs[i], codecs[i]->level_default);
		size_t length = round_trip(&c, raw, (const uint32_t[]){ VT_MAX_RAW }, 1);
		assert_true(codecs[i]->id == VT_CODEC_NONE || length < VT_MAX_RAW / 200);
		coder_close(&c);
	}
	free(raw);
	free(pieces);
}

static void test_too_small(void **state)
{
	static uint8_t raw[4000], packed[8000];
	uint32_t pieces[4];
	size_t total = fill(raw, pieces, 4, 1000, 3);

	(void)state;
	assert_true(total > 100);
	for (size_t i = 0; i < CODECS; i++) {
		struct coder c = coder_open(codecs[i], codecs[i]->level_default);
		size_t good = codecs[i]->compress(c.state, packed, sizeof(packed), raw, pieces, 4);
		for (size_t room = 0; room < good; room += 37)
			assert_int_equal(codecs[i]->compress(c.state, packed, room, raw, pieces, 4), 0);
		/* A failure leaves the state usable. */
		round_trip(&c, raw, pieces, 4);
		coder_close(&c);
	}
}

/* Only the exact length is accepted, and nothing that is cut, changed or longer crashes. */
static void test_hostile(void **state)
{
	static uint8_t raw[3000], packed[4000];
	uint32_t pieces[3];
	size_t total = fill(raw, pieces, 3, 1000, 11);
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < CODECS; i++) {
		struct coder c = coder_open(codecs[i], codecs[i]->level_default);
		size_t length = codecs[i]->compress(c.state, packed, sizeof(packed), raw, pieces, 3);
		uint8_t *back = malloc(total + 1), *damaged = malloc(length);

		assert_non_null(back);
		assert_non_null(damaged);
		assert_int_equal(codecs[i]->decompress(c.decoder, back, total - 1, packed, length), -1);
		assert_int_equal(codecs[i]->decompress(c.decoder, back, total + 1, packed, length), -1);
		for (size_t cut = 0; cut < length; cut += 13) {
			memcpy(damaged, packed, cut);
			assert_int_equal(codecs[i]->decompress(c.decoder, back, total, damaged, cut), -1);
		}
		for (unsigned round = 0; round < 500; round++) {
			memcpy(damaged, packed, length);
			damaged[next(&seed) % length] ^= (uint8_t)(1u << next(&seed) % 8);
			int result = codecs[i]->decompress(c.decoder, back, total, damaged, length);
			assert_true(result == 0 || result == -1);
		}
		free(back);
		free(damaged);
		coder_close(&c);
	}
}

/* What a stranger's frame may claim: no content size, a dictionary, another frame behind it. */
static void test_zstd_frames(void **state)
{
	static uint8_t raw[1000], packed[4000], back[1000];
	struct coder c = coder_open(&vt_codec_zstd, 1);
	ZSTD_CCtx *context = ZSTD_createCCtx();

	(void)state;
	ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
	size_t length = ZSTD_compress2(context, packed, sizeof(packed), raw, sizeof(raw));
	assert_false(ZSTD_isError(length));
	assert_int_equal(vt_codec_zstd.decompress(c.decoder, back, sizeof(back), packed, length), -1);
	length = ZSTD_compressCCtx(context, packed, sizeof(packed), raw, 500, 1);
	length += ZSTD_compressCCtx(context, packed + length, sizeof(packed) - length, raw, 500, 1);
	assert_int_equal(vt_codec_zstd.decompress(c.decoder, back, sizeof(back), packed, length), -1);
	ZSTD_freeCCtx(context);

	uint32_t pieces[] = { 400, 0, 600 };
	length = vt_codec_zstd.compress(c.state, packed, sizeof(packed), raw, pieces, 3);
	assert_int_equal(ZSTD_getFrameContentSize(packed, length), 1000);
	assert_int_equal(ZSTD_findFrameCompressedSize(packed, length), length);
	coder_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_zstd_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
