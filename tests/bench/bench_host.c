/*
 * bench_host.c - one sample of what a recorder in a host costs while it does nothing, and in memory.
 *
 *   idle LOG SECONDS   idle_cpu_percent: CPU time of a process that has started (gc and loop on) and emits
 *                      nothing, recorder included, over wall time
 *   first LOG          first_emit_us: the first emit of a new thread, which claims its slot; median of 64
 *                      threads that all stay, so that none takes over what another has touched
 *   rss LOG            Pss of the process, which counts the pages of the ring file once:
 *     rss_base_kib       growth by vt_start, one second of nothing and one event, less the pages of that
 *                        thread's slot and ring
 *     rss_drained_kib    the same after that ring went round and was drained: the recorder's buffers
 *                        are now as large as a ring makes them
 *     rss_thread_kib     growth by each of 8 more threads that fill their ring once, less what a bare
 *                        thread took before
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valktrace.h>

#include "tests/bench/bench.h"

enum { THREADS = 8, FIRSTS = 64, RING = 512 << 10, SLOT_KIB = VT_SLOT_HEADER >> 10, RECORD = 24 };

static void start(const char *path)
{
	const struct vt_options options = { .size = sizeof(options), .output = path, .events = "gc,loop" };
	int err = vt_start(&options);

	if (err < 0)
		bench_die(path, err);
}

static void idle(const char *path, unsigned seconds)
{
	start(path);
	sleep(1);               /* what starting costs is not what idling costs */
	uint64_t cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID), wall = bench_clock(CLOCK_MONOTONIC);
	sleep(seconds);
	cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = bench_clock(CLOCK_MONOTONIC) - wall;
	vt_stop();
	bench_print("idle_cpu_percent", 100 * (double)cpu / (double)wall);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static double memory_kib(void)
{
	char line[256];
	double kib = -1;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	if (!f)
		bench_die("/proc/self/smaps_rollup", -errno);
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %lf kB", &kib) != 1)
			kib = -1;
	fclose(f);
	return kib;
}

static void fill_ring(unsigned laps)
{
	for (uint64_t i = 0; i < (uint64_t)laps * RING / RECORD; i++)
		VT_EMIT(gc, pause_end, .cycle = i, .time = i);
}

static sem_t ready, leave;

static void *thread_main(void *emits)
{
	if (emits)
		fill_ring(1);
	sem_post(&ready);
	sem_wait(&leave);
	return NULL;
}

/* Growth by each of 8 threads that stand still; with `emits` after each has filled its ring. */
static double kib_of_a_thread(bool emits)
{
	pthread_t threads[THREADS];
	double before = memory_kib();

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread_main, emits ? &threads[i] : NULL);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	if (emits)
		vt_flush();
	double grown = memory_kib() - before;
	for (int i = 0; i < THREADS; i++)
		sem_post(&leave);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return grown / THREADS;
}

static void rss(const char *path)
{
	sem_init(&ready, 0, 0);
	sem_init(&leave, 0, 0);
	double bare = kib_of_a_thread(false);
	double before = memory_kib();
	start(path);
	sleep(1);
	VT_EMIT(gc, pause_end, .cycle = 1, .time = 1);
	double base = memory_kib() - before;
	fill_ring(2);
	vt_flush();
	double drained = memory_kib() - before;
	double thread = kib_of_a_thread(true);
	vt_stop();
	bench_print("rss_base_kib", base - SLOT_KIB - (RING >> 10) / 8);        /* one segment was entered */
	bench_print("rss_drained_kib", drained - SLOT_KIB - (RING >> 10));
	bench_print("rss_thread_kib", thread - bare);
}

/* ---- the first emit ------------------------------------------------------------------------------------ */

static void *emit_first(void *us)
{
	uint64_t start = bench_clock(CLOCK_MONOTONIC);

	VT_EMIT(gc, pause_end, .cycle = 1, .time = 1);
	*(double *)us = (double)(bench_clock(CLOCK_MONOTONIC) - start) / 1000;
	sem_post(&ready);
	sem_wait(&leave);
	return NULL;
}

/* One after the other: a thread that waits for the lock of another would measure that. */
static void first(const char *path)
{
	pthread_t threads[FIRSTS];
	double us[FIRSTS];

	sem_init(&ready, 0, 0);
	sem_init(&leave, 0, 0);
	start(path);
	for (int i = 0; i < FIRSTS; i++) {
		pthread_create(&threads[i], NULL, emit_first, &us[i]);
		sem_wait(&ready);
	}
	for (int i = 0; i < FIRSTS; i++)
		sem_post(&leave);
	for (int i = 0; i < FIRSTS; i++)
		pthread_join(threads[i], NULL);
	vt_stop();
	bench_print("first_emit_us", bench_median(us, FIRSTS));
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "idle")) {
		idle(argv[2], (unsigned)atoi(argv[3]));
	} else if (argc == 3 && !strcmp(argv[1], "first")) {
		first(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "rss")) {
		rss(argv[2]);
	} else {
		fprintf(stderr, "usage: bench_host idle LOG SECONDS | first LOG | rss LOG\n");
		return 2;
	}
	return 0;
}
