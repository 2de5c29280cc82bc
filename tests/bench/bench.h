/* bench.h - what the benchmark programs share: clocks, pinning, medians, the bare timestamp loop. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Producers run on core 1 and recorders on core 0 where there are two. */
enum { BENCH_RECORDER_CORE = 0, BENCH_PRODUCER_CORE = 1 };

uint64_t bench_clock(clockid_t clock);          /* ns */
void bench_pin(int core);                       /* the calling thread, and those it makes */
double bench_median(double *values, size_t count);      /* sorts them */

/* ns an iteration of a loop of bare timestamp reads: the unit of every ratio. */
double bench_timestamp_ns(void);

/* One sample of a figure; run.sh takes the median of five. */
void bench_print(const char *name, double value);

_Noreturn void bench_die(const char *what, int err);

/* A directory of our own below `parent`; bench_remove empties and removes it. */
char *bench_directory(const char *parent);
void bench_remove(const char *directory);

#endif
