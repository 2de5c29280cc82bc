/* pack.c - see pack.h. Built with -O3. */
#include "core/pack.h"

/* Compiled for wider vectors too; the processor is asked once, at load time. */
#if defined(__x86_64__) && defined(__OPTIMIZE__) && \
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

/* `width` is a constant wherever this is inlined. */
static inline void pack_bits(uint8_t *restrict to, const uint8_t *restrict from, uint32_t length,
                             const unsigned width)
{
	for (uint32_t i = 0; i < length; i++) {
		unsigned bits = 0;
		for (unsigned k = 0; k < 8 / width; k++)
			bits |= (unsigned)from[8 / width * i + k] << k * width;
		to[i] = (uint8_t)bits;
	}
}

VECTORISED void vt_pack_bits(uint8_t *restrict to, const uint8_t *restrict from, uint32_t length,
                             unsigned width)
{
	if (width == 1)
		pack_bits(to, from, length, 1);
	else if (width == 2)
		pack_bits(to, from, length, 2);
	else
		pack_bits(to, from, length, 4);
}
