/* crc32c.h - CRC-32C (Castagnoli), by the processor's instruction where there is one. */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `length` bytes. To go on over several pieces pass the result so far; begin with 0. */
uint32_t vt_crc32c(uint32_t crc, const void *data, size_t length);

/* The table version, whatever the processor: for tests. */
uint32_t vt_crc32c_table(uint32_t crc, const void *data, size_t length);

#endif
