/* loops.h - the loops that are timed; compiled into the executable, and again into a shared library. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stdint.h>

#include <valktrace/compiler.h>

/* `n` iterations each. Arguments come from the loop counter, so that no generator is in the way. */
VT_API void loop_empty(uint64_t n);
VT_API void loop_timestamp(uint64_t n);
VT_API void loop_emit(uint64_t n);                      /* gc.pause_end: two u64 fields */
VT_API void loop_emit_words(uint64_t n, unsigned id);   /* a registered type with two fields */
VT_API void loop_count(uint64_t n);

/*
 * The least that any recorder of this kind does on this machine: read the timestamp, store 24 bytes behind
 * the position, store the position with release; a ring of 512 KiB that nobody reads.
 */
VT_API void loop_floor(uint64_t n);

#endif
