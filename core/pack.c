/* pack.c - see pack.h. Built with -O3. */
#include <string.h>

#include "core/pack.h"

/* Compiled for wider vectors too; the processor is asked once, at load time. clang names what it makes of
 * it so that other files do not find it. */
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTORISED __attribute__((noinline, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED __attribute__((noinline))
#endif

static inline uint64_t zigzag(uint64_t v)
{
	return v << 1 ^ (uint64_t)((int64_t)v >> 63);
}

VECTORISED uint64_t vt_gather(uint64_t *restrict to, const uint64_t *restrict from,
                              const uint32_t *restrict places, uint32_t count)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < count; i++)
		all |= to[i] = from[places[i]];
	return all;
}

VECTORISED uint64_t vt_gather_signed(uint64_t *restrict to, const uint64_t *restrict from,
                                     const uint32_t *restrict places, uint32_t count)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < count; i++)
		all |= to[i] = zigzag(from[places[i]]);
	return all;
}

uint64_t vt_gather_changes(uint64_t *restrict to, const uint64_t *restrict from,
                           const uint32_t *restrict places, uint32_t count)
{
	uint64_t all = 0, before = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t value = from[places[i]];
		all |= to[i] = zigzag(value - before);
		before = value;
	}
	return all;
}

VECTORISED uint64_t vt_pack_steps(uint64_t *restrict to, const uint64_t *restrict ticks, uint32_t count)
{
	uint64_t all = 0;

	to[0] = 0;
	for (uint32_t i = 1; i < count; i++)
		all |= to[i] = ticks[i] - ticks[i - 1] - 1;
	return all;
}

VECTORISED void vt_pack_plane(uint8_t *restrict to, const uint64_t *restrict values, uint32_t count,
                              unsigned shift)
{
	for (uint32_t i = 0; i < count; i++)
		to[i] = (uint8_t)(values[i] >> shift);
}

/* Eight values to a word's low bits: neighbours are moved together, in pairs, fours and eights. */
static inline uint64_t together(uint64_t x, unsigned width)
{
	switch (width) {
	case 1:
		return x * 0x0102040810204080u >> 56;   /* byte i of x to bit 56 + i, and no other there */
	case 2:
		x = (x | x >> 6) & 0x000f000f000f000fu;
		x = (x | x >> 12) & 0x000000ff000000ffu;
		return (x | x >> 24) & 0xffff;
	default:
		x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
		x = (x | x >> 8) & 0x0000ffff0000ffffu;
		return (x | x >> 16) & 0xffffffff;
	}
}

/* `width` is a constant wherever this is inlined. */
static inline void pack_bits(uint8_t *restrict to, const uint8_t *restrict from, uint32_t length,
                             const unsigned width)
{
	uint32_t at = 0;

	/* Eight values fill `width` bytes; they are stored as a word as long as one fits. */
	for (; at + 8 <= length; at += width, from += 8) {
		uint64_t x;
		memcpy(&x, from, 8);
		x = together(x, width);
		memcpy(to + at, &x, 8);
	}
	for (; at < length; at += width, from += 8) {
		uint64_t x = 0;
		uint32_t left = length - at < width ? length - at : width;
		memcpy(&x, from, left * (8 / width));
		x = together(x, width);
		memcpy(to + at, &x, left);
	}
}

void vt_pack_bits(uint8_t *restrict to, const uint8_t *restrict from, uint32_t length, unsigned width)
{
	if (width == 1)
		pack_bits(to, from, length, 1);
	else if (width == 2)
		pack_bits(to, from, length, 2);
	else
		pack_bits(to, from, length, 4);
}
