/* crc32c.c - CRC-32C by the SSE4.2 or ARMv8 instruction, else by tables, eight bytes a step. */
#include "core/crc32c.h"

#include <string.h>

#include "core/bytes.h"

#if defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/*
 * tables[k][n] is the remainder of byte n followed by k zero bytes. Remainders are linear, so each
 * table follows from the eight of its single bits, which are all that is written out.
 */
#define BIT(n, b, c)  (((n) >> (b) & 1u) != 0 ? (c) : 0u)
#define ONE(n, a, b, c, d, e, f, g, h) \
	(BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^ \
	 BIT(n, 4, e) ^ BIT(n, 5, f) ^ BIT(n, 6, g) ^ BIT(n, 7, h))
#define FOUR(n, ...)    ONE(n, __VA_ARGS__), ONE(n + 1u, __VA_ARGS__), \
			ONE(n + 2u, __VA_ARGS__), ONE(n + 3u, __VA_ARGS__)
#define SIXTEEN(n, ...) FOUR((n), __VA_ARGS__), FOUR((n + 4u), __VA_ARGS__), \
			FOUR((n + 8u), __VA_ARGS__), FOUR((n + 12u), __VA_ARGS__)
#define SIXTY4(n, ...)  SIXTEEN((n), __VA_ARGS__), SIXTEEN((n + 16u), __VA_ARGS__), \
			SIXTEEN((n + 32u), __VA_ARGS__), SIXTEEN((n + 48u), __VA_ARGS__)
#define ALL(...)        SIXTY4(0u, __VA_ARGS__), SIXTY4(64u, __VA_ARGS__), \
			SIXTY4(128u, __VA_ARGS__), SIXTY4(192u, __VA_ARGS__)

static const uint32_t tables[8][256] = {
	{ ALL(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu,
	      0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u) },
	{ ALL(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u,
	      0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u) },
	{ ALL(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u,
	      0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u) },
	{ ALL(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u,
	      0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu) },
	{ ALL(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u,
	      0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu) },
	{ ALL(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu,
	      0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u) },
	{ ALL(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u,
	      0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u) },
	{ ALL(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau,
	      0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u) },
};

uint32_t vt_crc32c_table(uint32_t crc, const void *data, size_t length)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; length >= 8; p += 8, length -= 8) {
		uint32_t low = crc ^ vt_le32(p), high = vt_le32(p + 4);
		crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
		      tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
		      tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
		      tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
	}
	for (; length > 0; p++, length--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
#define HAVE_INSTRUCTION    __builtin_cpu_supports("sse4.2")
#define CRC_TARGET          __attribute__((target("sse4.2")))
#define CRC_WORD(crc, word) (uint32_t)__builtin_ia32_crc32di((crc), (word))
#define CRC_BYTE(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
#elif defined(__ARM_FEATURE_CRC32)
#define HAVE_INSTRUCTION    1
#define CRC_TARGET
#define CRC_WORD(crc, word) __crc32cd((crc), (word))
#define CRC_BYTE(crc, byte) __crc32cb((crc), (byte))
#endif

#if defined(HAVE_INSTRUCTION)
/*
 * The instruction's result comes after three cycles, but one can begin in each: three lanes at once.
 * over[k][n] is the remainder of byte n, k bytes up, followed by a lane of zeros: it carries the
 * remainder of one lane over the next.
 */
enum { LANE = 1024 };

static const uint32_t over[4][256] = {
	{ ALL(0xfe314258u, 0xf98ef241u, 0xf6f19273u, 0xe80f5217u,
	      0xd5f2d2dfu, 0xae09d34fu, 0x59ffd06fu, 0xb3ffa0deu) },
	{ ALL(0x6213374du, 0xc4266e9au, 0x8da0abc5u, 0x1ead217bu,
	      0x3d5a42f6u, 0x7ab485ecu, 0xf5690bd8u, 0xef3e6141u) },
	{ ALL(0xdb90b473u, 0xb2cd1e17u, 0x60764adfu, 0xc0ec95beu,
	      0x84355d8du, 0x0d86cdebu, 0x1b0d9bd6u, 0x361b37acu) },
	{ ALL(0x6c366f58u, 0xd86cdeb0u, 0xb535cb91u, 0x6f87e1d3u,
	      0xdf0fc3a6u, 0xbbf3f1bdu, 0x720b958bu, 0xe4172b16u) },
};

static uint32_t carry_over(uint32_t crc)
{
	return over[0][crc & 0xff] ^ over[1][crc >> 8 & 0xff] ^ over[2][crc >> 16 & 0xff] ^
	       over[3][crc >> 24];
}

CRC_TARGET static uint32_t three_lanes(uint32_t crc, const uint8_t *p)
{
	uint32_t second = 0, third = 0;

	for (size_t i = 0; i < LANE; i += 8) {
		uint64_t words[3];
		memcpy(&words[0], p + i, 8);
		memcpy(&words[1], p + LANE + i, 8);
		memcpy(&words[2], p + 2 * LANE + i, 8);
		crc = CRC_WORD(crc, words[0]);
		second = CRC_WORD(second, words[1]);
		third = CRC_WORD(third, words[2]);
	}
	return carry_over(carry_over(crc) ^ second) ^ third;
}

CRC_TARGET static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t length)
{
	crc = ~crc;
	for (; length >= 3 * LANE; p += 3 * LANE, length -= 3 * LANE)
		crc = three_lanes(crc, p);
	for (; length >= 8; p += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		crc = CRC_WORD(crc, word);
	}
	for (; length > 0; p++, length--)
		crc = CRC_BYTE(crc, *p);
	return ~crc;
}
#endif

uint32_t vt_crc32c(uint32_t crc, const void *data, size_t length)
{
#if defined(HAVE_INSTRUCTION)
	if (HAVE_INSTRUCTION)
		return by_instruction(crc, data, length);
#endif
	return vt_crc32c_table(crc, data, length);
}
