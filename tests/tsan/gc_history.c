/*
 * gc_history.c - a program for the race detector: threads that collect, threads that ask for the last
 * cycles, totals and pauses, and one that resets, all at once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <valktrace.h>

#include "tests/unit/child.h"

enum { WRITERS = 3, READERS = 2, EACH = 20000 };

static bool over;
static uint64_t asked;

static void *collect(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < EACH; i++) {
		vt_gc_begin(i % 2 ? VT_GC_MINOR : VT_GC_MAJOR);
		vt_gc_phase(VT_GC_MARK);
		vt_gc_phase(VT_GC_SWEEP);
		vt_gc_alloc(VT_GC_ALLOC_PAIR, 16);
		vt_gc_heap(4096 * (uint64_t)i, 1 << 30);
		vt_gc_end(.reclaimed = 1000, .objects_reclaimed = 10, .heap_used = i + 1);
	}
	return NULL;
}

static void look(const struct vt_gc_cycle *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t sum = c[i].other + c[i].phases[VT_GC_MARK] + c[i].phases[VT_GC_SWEEP];
		CHECK_EQUAL(sum, c[i].time);
		CHECK_EQUAL(c[i].reclaimed, 1000);
		CHECK_EQUAL(c[i].pauses, 1);
	}
}

static void *ask(void *unused)
{
	struct vt_gc_cycle c[VT_GC_HISTORY], last;
	struct vt_gc_totals t;
	struct vt_gc_heap_sizes s;

	(void)unused;
	while (!vt_load_relaxed(&over)) {
		look(c, vt_gc_recent(c, VT_GC_HISTORY));
		if (vt_gc_last(&last))
			look(&last, 1);
		vt_gc_totals_read(&t);
		vt_gc_heap_read(&s);
		CHECK_EQUAL(t.cycles, t.minor + t.major + t.incremental);
		CHECK(vt_gc_average_pause(10) <= UINT64_MAX / 2 && vt_gc_max_pause(10) <= UINT64_MAX / 2);
		vt_add_relaxed(&asked, 1);
	}
	return NULL;
}

int main(void)
{
	pthread_t writers[WRITERS], readers[READERS];
	char directory[DIRECTORY_SIZE], log[DIRECTORY_SIZE + 16];
	static struct vt_metrics m;

	make_directory(directory);
	snprintf(log, sizeof(log), "%s/log.vtrace", directory);
	CHECK_EQUAL(vt_start(&(struct vt_options){ .program = "tsan", .output = log, .mode = "ring",
	                                           .ring_directory = directory }), 0);
	for (unsigned i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, ask, NULL);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, collect, NULL);
	for (unsigned i = 0; i < 20; i++) {
		usleep(1000);
		vt_reset();
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	CHECK_EQUAL(vt_metrics_read(&m), 0);
	CHECK_EQUAL(m.values[VT_M_gc_cycles], m.values[VT_M_gc_minor] + m.values[VT_M_gc_major]);
	vt_stop();
	remove_directory(directory);
	printf("%llu rounds of questions\n", (unsigned long long)asked);
	printf("%u passed, %u failed\n", checks_failed() == 0, checks_failed() > 0);
	return checks_failed() > 0;
}
