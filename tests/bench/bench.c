/* bench.c - see bench.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "tests/bench/bench.h"
#include "tests/bench/loops.h"

uint64_t bench_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void bench_pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)        /* one core: stay there */
		fprintf(stderr, "bench: core %d: %s\n", core, strerror(errno));
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

double bench_timestamp_ns(void)
{
	enum { SLICES = 21, ITERATIONS = 100000 };
	double ns[SLICES];

	for (int i = 0; i < SLICES; i++) {
		uint64_t start = bench_clock(CLOCK_THREAD_CPUTIME_ID);
		loop_timestamp(ITERATIONS);
		ns[i] = (double)(bench_clock(CLOCK_THREAD_CPUTIME_ID) - start) / ITERATIONS;
	}
	return bench_median(ns, SLICES);
}

void bench_print(const char *name, double value)
{
	printf("%s %.6f\n", name, value);
}

void bench_die(const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s\n", what, err ? vt_strerror(err) : "failed");
	exit(1);
}

char *bench_directory(const char *parent)
{
	char *path;

	if (asprintf(&path, "%s/valktrace-bench-XXXXXX", parent) < 0)
		bench_die("memory", -ENOMEM);
	if (!mkdtemp(path))
		bench_die(path, -errno);
	return path;
}

void bench_remove(const char *directory)
{
	DIR *d = opendir(directory);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (*e->d_name != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(directory);
}
