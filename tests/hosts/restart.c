/*
 * restart.c - vt_start, vt_stop, vt_start again, with threads that emit through all of it.
 *
 *   restart FIRST.vtrace SECOND.vtrace
 *
 * Prints, for each recording, what was emitted in category gc between its start and its stop:
 * "first 8000". Its threads go quiet around stop and start, so that these numbers are exact: three
 * that live through both, and five short ones that take over the slot of the one before. One more
 * thread emits always, in category loop.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <valktrace.h>

#define EACH 1000u
#define COUNTED 3u
#define SHORT   5u

static pthread_barrier_t round_begins, round_ends;
static bool over;

static void emit(void)
{
	for (unsigned i = 0; i < EACH; i++) {
		VT_EMIT(gc, refused, .outcome = VT_gc_outcome_skipped);
		vt_count(VT_M_gc_refused, 1);
	}
}

static void *emit_once(void *unused)
{
	(void)unused;
	emit();
	return NULL;
}

static void *emit_in_rounds(void *index)
{
	char name[32];

	for (;;) {
		pthread_barrier_wait(&round_begins);
		if (over)
			return NULL;
		snprintf(name, sizeof(name), "counted %zu", (size_t)index);
		vt_thread_name(name);
		emit();
		pthread_barrier_wait(&round_ends);
	}
}

/* In the middle of an emit or between two whenever a recording begins and ends. */
static void *emit_always(void *unused)
{
	(void)unused;
	vt_thread_name("always");
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < 100; i++)
			VT_EMIT(loop, iteration, .events = i);
		usleep(100);
	}
	return NULL;
}

static int record(const char *which, const char *output, uint64_t depth)
{
	int err = vt_start(&(struct vt_options){
		.program = "restart", .version = which, .output = output, .events = "gc,loop" });
	if (err < 0)
		return err;
	vt_count_max(VT_M_interp_depth_max, depth);
	pthread_barrier_wait(&round_begins);
	pthread_barrier_wait(&round_ends);
	for (unsigned i = 0; i < SHORT; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, emit_once, NULL);
		pthread_join(thread, NULL);
		vt_flush();     /* the recorder frees its slot */
	}
	err = vt_stop();
	printf("%s %u\n", which, (COUNTED + SHORT) * EACH);
	return err;
}

int main(int argc, char **argv)
{
	pthread_t threads[COUNTED + 1];

	if (argc != 3)
		return 2;
	pthread_barrier_init(&round_begins, NULL, COUNTED + 1);
	pthread_barrier_init(&round_ends, NULL, COUNTED + 1);
	for (size_t i = 0; i < COUNTED; i++)
		pthread_create(&threads[i], NULL, emit_in_rounds, (void *)i);
	pthread_create(&threads[COUNTED], NULL, emit_always, NULL);

	int first = record("first", argv[1], 100);
	usleep(20000);          /* the third thread emits into nothing */
	int second = record("second", argv[2], 10);

	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_barrier_wait(&round_begins);
	for (size_t i = 0; i < COUNTED + 1; i++)
		pthread_join(threads[i], NULL);
	if (first < 0 || second < 0)
		fprintf(stderr, "restart: %s, %s\n", vt_strerror(first), vt_strerror(second));
	return first < 0 || second < 0;
}
