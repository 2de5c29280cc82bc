/*
 * attach.h - a ring without a recorder. In the library that is measured, since core/process.h is not
 * part of its interface.
 */
#ifndef BENCH_ATTACH_H
#define BENCH_ATTACH_H

#include <stdint.h>

#include <valktrace/compiler.h>

VT_API int attach_ring(const char *directory, uint64_t ring_size, uint64_t mask);
VT_API void attach_mask(uint64_t mask);

#endif
