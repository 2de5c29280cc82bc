/*
 * test_ring.c - the ring with real producers and a reader in the same process: nothing torn, nothing
 * invented, and every attempt to emit is decoded or counted as lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

/*
 * This test's own copy of the reader's side: it copies a word at a time and lets others run after 64 of
 * them, so that a producer gets into the middle of a copy. Without this no test sees a torn record.
 */
static void copy_slowly(uint64_t *to, const uint64_t *from, uint64_t words)
{
	static unsigned copied;

	for (uint64_t i = 0; i < words; i++) {
		to[i] = vt_load_relaxed(from + i);
		if (++copied % 64 == 0)
			sched_yield();
	}
}
#define VT_COPY_PIECE copy_slowly
#include "core/drain.c"

/* ---- a tiny ring and a slow reader ----------------------------------------------------------- */

static uint64_t torn;

static void count_torn(void *unused, struct mem_ring *ring, const struct mem_event *e)
{
	check_number(&torn, ring, e);
	(void)unused;
}

/* The mutant reads until it has read something torn. That takes half a second, on a busy machine more. */
static bool enough(const struct timespec *start, bool mutant)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec >= (mutant ? 30 : 3) || (mutant && torn > 0);
}

/*
 * Drains the slot while its producer runs. The mutant looks at a copy of commit and horizon that is as old
 * as its look at the ring: it never learns that it was overtaken while it copied.
 */
static void read_tiny(struct vt_slot *slot, bool *stop, pthread_t producer, bool mutant)
{
	const struct vt_ring_file *f = vt_process.file;
	static const uint64_t none[VT_MAX_CATEGORIES];
	struct vt_ring old;
	struct timespec start;
	struct vt_ring_view view;
	struct memlog log;
	struct vt_drain_ring r;

	vt_ring_view_borrow(&view, vt_process.file);
	memlog_open(&log, &view, NULL);
	log.each = count_torn;
	struct vt_drain_sink sink = memlog_sink(&log);
	vt_drain_begin(&r, mutant ? &old : &slot->main, (char *)slot + VT_SLOT_HEADER, f->segment_size,
	               f->segment_count, 0, none);
	r.id = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (bool last = false; !last;) {
		last = enough(&start, mutant);
		if (last) {
			__atomic_store_n(stop, true, __ATOMIC_RELAXED);
			pthread_join(producer, NULL);
		}
		old = slot->main;
		uint64_t commit = vt_load_acquire(mutant ? &old.commit : &slot->main.commit);
		vt_drain(&r, commit, UINT64_MAX, log.splitter, &view, &sink);
	}
	if (!mutant) {
		const struct mem_ring *got = memlog_ring(&log, 1);
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			CHECK_EQUAL(got->decoded[c] + got->gaps[VT_LOST_OVERWRITTEN][c], slot->main.emitted[c]);
		CHECK_EQUAL(log.wrong, 0);
		CHECK(log.events > 0);
	}
	memlog_close(&log);
	vt_ring_view_close(&view);
}

static bool stop_emitting;

static void *emit_until_stopped(void *unused)
{
	for (uint64_t n = 1; !__atomic_load_n(&stop_emitting, __ATOMIC_RELAXED); n++)
		emit_number(n, false);
	return unused;
}

static void tiny_ring(const char *directory, uint32_t segments, bool mutant)
{
	pthread_t producer;

	torn = 0;
	attach(directory, VT_MIN_SEGMENT, segments, 4, VT_OVERWRITE, false);
	pthread_create(&producer, NULL, emit_until_stopped, NULL);
	while (vt_load_acquire(&vt_threads_of(vt_process.file)[0].tid) == 0)
		sched_yield();
	if (mutant && !freopen("/dev/null", "w", stderr))
		CHECK(false);
	read_tiny(vt_slot_of(vt_process.file, 0), &stop_emitting, producer, mutant);
}

static void two_segments(const char *directory)
{
	tiny_ring(directory, 2, false);
	CHECK_EQUAL(torn, 0);
}

static void three_segments(const char *directory)
{
	tiny_ring(directory, 3, false);
	CHECK_EQUAL(torn, 0);
}

/* The mutant must be seen, or the two tests above see nothing either. */
static void mutant(const char *directory)
{
	tiny_ring(directory, 3, true);
	_exit(torn > 0 ? 0 : 1);
}

static void nothing_torn(void **state)
{
	(void)state;
	assert_int_equal(in_child(two_segments), 0);
	assert_int_equal(in_child(three_segments), 0);
	assert_int_equal(in_child(mutant), 0);
}

/* ---- saturation ------------------------------------------------------------------------------ */

static unsigned thread_count;
static enum vt_ring_mode mode;

static void saturate(const char *directory)
{
	static struct producer p[4];
	struct memlog log;
	uint64_t bad = 0, too_big = 0, left = 0;

	attach(directory, 2048, 4, 8, mode, false);
	memlog_follow(&log, NULL);
	log.each = check_number;
	log.user = &bad;
	for (unsigned i = 0; i < thread_count; i++) {
		p[i].count = 120000;
		pthread_create(&p[i].thread, NULL, produce, &p[i]);
	}
	for (left = thread_count; left > 0;) {
		CHECK(memlog_round(&log) >= 0);
		left -= pthread_tryjoin_np(p[left - 1].thread, NULL) == 0;
	}
	memlog_finish(&log);
	for (unsigned i = 0; i < thread_count; i++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			CHECK_EQUAL(memlog_decoded(&log, p[i].tid, c) + memlog_lost(&log, p[i].tid, c),
			            p[i].attempted[c]);
	too_big = memlog_lost_by(&log, 0, VT_LOST_TOOBIG);
	CHECK(too_big > 0);
	CHECK_EQUAL(memlog_lost_by(&log, 0, mode == VT_DISCARD ? VT_LOST_OVERWRITTEN : VT_LOST_DISCARDED), 0);
	CHECK(memlog_lost_by(&log, 0, mode == VT_DISCARD ? VT_LOST_DISCARDED : VT_LOST_OVERWRITTEN) > 0);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(bad, 0);
	CHECK_EQUAL(log.wrong, 0);
	CHECK(log.events > 0);
	memlog_close(&log);
}

static void saturation(void **state)
{
	(void)state;
	for (thread_count = 1; thread_count <= 4; thread_count *= 2)
		for (mode = VT_OVERWRITE; mode <= VT_DISCARD; mode++)
			assert_int_equal(in_child(saturate), 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

static uint64_t handled, handler_number;
static volatile sig_atomic_t jump_out;
static sigjmp_buf landing;

static void on_timer(int signal_number)
{
	(void)signal_number;
	handled++;
	VT_EMIT(gc, slice, .cycle = ++handler_number);
	if (jump_out)
		siglongjmp(landing, 1);
}

static timer_t start_timer(long ns)
{
	struct sigaction action = { .sa_handler = on_timer };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec each = { { 0, ns }, { 0, ns } };
	timer_t timer;

	event._sigev_un._tid = gettid();
	sigaction(SIGUSR1, &action, NULL);
	CHECK_EQUAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQUAL(timer_settime(timer, 0, &each, NULL), 0);
	return timer;
}

static void emit_interrupted(const char *directory)
{
	struct memlog log;
	uint64_t attempts = 0;

	attach(directory, 4096, 64, 2, VT_OVERWRITE, false);
	memlog_follow(&log, NULL);
	timer_t timer = start_timer(50000);
	while (handled < 6000) {
		for (unsigned i = 0; i < 64; i++)
			VT_EMIT(memory, alloc, .size = ++attempts);
		if (attempts % 65536 == 0)
			CHECK(memlog_round(&log) >= 0);
	}
	timer_delete(timer);
	signal(SIGUSR1, SIG_IGN);
	memlog_finish(&log);
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_memory) + memlog_lost(&log, 0, VT_CAT_memory), attempts);
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_gc) + memlog_lost(&log, 0, VT_CAT_gc), handled);
	CHECK_EQUAL(memlog_lost_by(&log, 0, VT_LOST_ABORTED), 0);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(log.wrong, 0);
	CHECK_EQUAL(log.ring_count, 2);         /* the signal ring was needed */
	memlog_close(&log);
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(in_child(emit_interrupted), 0);
}

/* Which numbers came out, and whether one came twice. */
static uint8_t *came;
static uint64_t twice;

static void note_number(void *unused, struct mem_ring *ring, const struct mem_event *e)
{
	(void)unused;
	(void)ring;
	if (e->id == VT_EV_memory_alloc)
		twice += came[e->values[0]]++ > 0;
}

/* Not inlined: all emits of the loop are at one depth, as in a program. */
static __attribute__((noinline)) void emit_and_be_thrown_out(volatile uint64_t *tried)
{
	for (;;) {
		++*tried;
		VT_EMIT(memory, alloc, .size = *tried);
		if (handled >= 3000)
			return;
	}
}

enum { MOST_NUMBERS = 40000000 };

static volatile uint64_t tried;
static volatile unsigned jumps;

static void jump_about(void)
{
	timer_t timer = start_timer(100000);

	if (sigsetjmp(landing, 1) == 0)
		jump_out = 1;
	else
		jumps++;
	emit_and_be_thrown_out(&tried);
	jump_out = 0;
	timer_delete(timer);
	signal(SIGUSR1, SIG_IGN);
}

static void emit_and_jump(const char *directory)
{
	struct memlog log;
	uint64_t lost, seen = 0;

	attach(directory, 64 << 10, 4000, 1, VT_OVERWRITE, false);
	came = calloc(MOST_NUMBERS, 1);
	jump_about();

	/* The main ring is in use again, whatever was interrupted last. */
	struct vt_slot *slot = vt_slot_of(vt_process.file, 0);
	VT_EMIT(loop, idle, .time = 1);
	uint64_t before = slot->main.emitted[VT_CAT_loop], aside = slot->signal.emitted[VT_CAT_loop];
	for (unsigned i = 0; i < 100; i++)
		VT_EMIT(loop, idle, .time = 1);
	CHECK_EQUAL(slot->main.emitted[VT_CAT_loop], before + 100);
	CHECK_EQUAL(slot->signal.emitted[VT_CAT_loop], aside);
	CHECK_EQUAL(slot->main.nest, 0);

	memlog_follow(&log, NULL);
	log.each = note_number;
	memlog_finish(&log);
	CHECK(tried < MOST_NUMBERS);
	for (uint64_t n = 1; n <= tried; n++)
		seen += came[n];
	lost = memlog_lost_by(&log, 0, VT_LOST_ABORTED);
	CHECK(jumps > 1000);
	CHECK(lost > 0 && lost <= jumps);       /* jumps do hit emits, and each at most one */
	CHECK_EQUAL(twice, 0);
	CHECK(seen + jumps >= tried && seen <= tried);
	/* The signal ring is for handlers and for the one emit that finds the main ring taken. */
	CHECK(slot->signal.emitted[VT_CAT_memory] <= jumps);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(log.wrong, 0);
	memlog_close(&log);
	free(came);
}

static void jumps_out_of_emits(void **state)
{
	(void)state;
	assert_int_equal(in_child(emit_and_jump), 0);
}

/* ---- threads that come and go ---------------------------------------------------------------- */

enum { ALIVE = 64, THREADS = 2000, EACH = 20 };

static void *emit_some(void *unused)
{
	for (uint64_t i = 0; i < EACH; i++)
		VT_EMIT(memory, alloc, .size = i);
	return unused;
}

static void churn(const char *directory)
{
	static pthread_t threads[ALIVE];
	struct memlog log;

	attach(directory, 4096, 2, 200, VT_OVERWRITE, false);
	memlog_follow(&log, NULL);
	for (unsigned i = 0; i < THREADS + ALIVE; i++) {
		if (i >= ALIVE)
			pthread_join(threads[i % ALIVE], NULL);
		CHECK(memlog_round(&log) >= 0);
		if (i < THREADS)
			pthread_create(&threads[i % ALIVE], NULL, emit_some, NULL);
	}
	memlog_finish(&log);
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_memory), (uint64_t)THREADS * EACH);
	CHECK(vt_process.file->slots_used <= ALIVE + 2);
	CHECK_EQUAL(log.ring_count, THREADS);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(log.wrong, 0);
	memlog_close(&log);
}

static pthread_barrier_t all_there;

static void *emit_and_stay(void *user)
{
	produce(user);
	pthread_barrier_wait(&all_there);       /* until all have had their try */
	return NULL;
}

static void more_threads_than_slots(const char *directory)
{
	enum { COUNT = 40, SLOTS = 4, TRIES = 5000 };
	static struct producer p[COUNT];
	struct memlog log;
	uint64_t missing[VT_MAX_CATEGORIES] = { 0 };
	unsigned with = 0;

	attach(directory, 4096, 2, SLOTS, VT_OVERWRITE, false);
	memlog_follow(&log, NULL);
	pthread_barrier_init(&all_there, NULL, COUNT + 1);
	for (unsigned i = 0; i < COUNT; i++) {
		p[i].count = TRIES;
		pthread_create(&p[i].thread, NULL, emit_and_stay, &p[i]);
	}
	pthread_barrier_wait(&all_there);
	memlog_finish(&log);
	for (unsigned i = 0; i < COUNT; i++) {
		bool has = false;
		pthread_join(p[i].thread, NULL);
		for (unsigned k = 0; k < log.ring_count; k++)
			has = has || log.rings[k].tid == p[i].tid;
		with += has;
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			missing[c] += has ? 0 : p[i].attempted[c];
	}
	CHECK_EQUAL(with, SLOTS);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		CHECK_EQUAL(log.no_ring[c], missing[c]);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	memlog_close(&log);
}

static void slots(void **state)
{
	(void)state;
	assert_int_equal(in_child(churn), 0);
	assert_int_equal(in_child(more_threads_than_slots), 0);
}

/* ---- at the end of threads and of the process ------------------------------------------------ */

static pthread_key_t late_key;

static void emit_late(void *value)
{
	uintptr_t round = (uintptr_t)value;

	VT_EMIT(memory, alloc, .size = round);
	if (round < 4)
		pthread_setspecific(late_key, (void *)(round + 1));
}

static void *emit_to_the_end(void *unused)
{
	VT_EMIT(memory, alloc, .size = 0);
	pthread_setspecific(late_key, (void *)1);
	return unused;
}

static void emit_at_exit(void)
{
	VT_EMIT(loop, idle, .time = 77);
}

static void ends_late(const char *directory)
{
	pthread_t thread;

	attach(directory, 4096, 2, 20, VT_OVERWRITE, false);
	atexit(emit_at_exit);
	pthread_key_create(&late_key, emit_late);
	for (unsigned i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, emit_to_the_end, NULL);
		pthread_join(thread, NULL);
	}
}

__attribute__((destructor)) static void emit_last(void)
{
	VT_EMIT(loop, idle, .time = 99);
}

/* The child's ring file is all that is left of it. */
static void after_the_end(const char *directory)
{
	char path[PATH_MAX];
	struct vt_ring_view view;
	struct memlog log;

	pid_t pid = fork();
	if (pid == 0) {
		ends_late(directory);
		exit(checks_failed() > 0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(count_files(directory, ".vring", path), 1);
	if (!CHECK_EQUAL(vt_ring_view_open(&view, path, VT_VIEW_COPY), 0))
		return;
	memlog_follow(&log, &view);
	log.process.ending = VT_END_GONE;
	memlog_finish(&log);
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_memory), 3 * (1 + 4));
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_loop), 2);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(log.wrong, 0);
	memlog_close(&log);
}

static void late_emits(void **state)
{
	(void)state;
	assert_int_equal(in_child(after_the_end), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_torn),
		cmocka_unit_test(saturation),
		cmocka_unit_test(signals),
		cmocka_unit_test(jumps_out_of_emits),
		cmocka_unit_test(slots),
		cmocka_unit_test(late_emits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
