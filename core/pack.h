/*
 * pack.h - the loops that make columns out of words: what splitting spends its time in, and nothing else.
 *
 * Those that return a word return the bits that any of their values has, for the column's width.
 */
#ifndef CORE_PACK_H
#define CORE_PACK_H

#include <stdint.h>

/* to[i] is from[places[i]], zigzag of it, or zigzag of its distance to the one before (0 before the first). */
uint64_t vt_gather(uint64_t *restrict to, const uint64_t *restrict from,
                   const uint32_t *restrict places, uint32_t count);
uint64_t vt_gather_signed(uint64_t *restrict to, const uint64_t *restrict from,
                          const uint32_t *restrict places, uint32_t count);
uint64_t vt_gather_changes(uint64_t *restrict to, const uint64_t *restrict from,
                           const uint32_t *restrict places, uint32_t count);

/* Rising ticks to their distances less 1; 0 for the first. */
uint64_t vt_pack_steps(uint64_t *restrict to, const uint64_t *restrict ticks, uint32_t count);

/* The bytes of all values at bit `shift`. */
void vt_pack_plane(uint8_t *restrict to, const uint64_t *restrict values, uint32_t count, unsigned shift);

/* `length` bytes out of 8 / width times as many values of `width` bits (1, 2 or 4), lowest bits first. */
void vt_pack_bits(uint8_t *restrict to, const uint8_t *restrict from, uint32_t length, unsigned width);

#endif
