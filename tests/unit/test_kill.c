/*
 * test_kill.c - SIGKILL at random moments: every emit that returned is in the log, in the ring file, or
 * counted as lost; nothing is there twice, and nothing that was never emitted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace.h>
#include <valktrace/reader.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

enum { PRODUCERS = 2, ROUNDS = 50 };

/* What a killed process leaves behind, besides its files. */
struct shared {
	uint64_t acknowledged[PRODUCERS];
	uint32_t tids[PRODUCERS];
};

static struct shared *shared;

static void *produce_for_ever(void *user)
{
	unsigned index = (unsigned)(uintptr_t)user;

	__atomic_store_n(&shared->tids[index], (uint32_t)gettid(), __ATOMIC_RELEASE);
	for (uint64_t n = 1;; n++) {
		emit_number(n, true);
		__atomic_store_n(&shared->acknowledged[index], n, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* The victim; never returns. A log: it records itself. NULL: nobody reads its rings. */
static _Noreturn void live(const char *directory, const char *log, uint64_t ring_size,
                           enum vt_ring_mode mode)
{
	pthread_t thread;

	if (log) {
		int err = vt_start(&(struct vt_options){
			.output = log, .ring_directory = directory, .events = "all", .flush_ms = 1,
			.mode = mode == VT_DISCARD ? "discard" : "overwrite", .ring_size = ring_size,
		});
		if (err)
			_exit(1);
	} else {
		struct vt_geometry g;
		vt_geometry_of(&g, ring_size, mode);
		if (vt_process_attach(directory, 0x7e57, &g, ~0ull, NULL, true) != 0)
			_exit(1);
	}
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		pthread_create(&thread, NULL, produce_for_ever, (void *)i);
	for (;;)
		pause();
}

static void kill_one(const char *directory, const char *log, uint64_t ring_size, enum vt_ring_mode mode,
                     uint64_t *random)
{
	memset(shared, 0, sizeof(*shared));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live(directory, log, ring_size, mode);
	for (unsigned i = 0; i < PRODUCERS; i++)
		while (__atomic_load_n(&shared->acknowledged[i], __ATOMIC_ACQUIRE) == 0)
			sched_yield();
	sleep_us((unsigned)(300 + random_next(random) % 3700));
	kill(pid, SIGKILL);
	int status = status_of(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int producer_of(uint32_t tid)
{
	for (int i = 0; i < PRODUCERS; i++)
		if (shared->tids[i] == tid)
			return i;
	return -1;
}

static uint64_t lost_in(const struct vt_ring_info *ring)
{
	uint64_t sum = 0;
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			if (c != VT_CAT_meta)
				sum += ring->lost[cause][c];
	return sum;
}

/* What came out of it, by producer. */
struct outcome { uint64_t decoded, lost, last; };

static void take_event(struct outcome *o, unsigned id, const uint64_t *values, const char *text)
{
	uint64_t number = number_of(id, values, text);

	assert_true(number > o->last);          /* 0: invented; less: twice */
	o->last = number;
	o->decoded++;
}

static void check_outcome(const struct outcome o[PRODUCERS])
{
	for (unsigned p = 0; p < PRODUCERS; p++) {
		uint64_t sum = o[p].decoded + o[p].lost, returned = shared->acknowledged[p];
		if (sum != returned && sum != returned + 1)
			print_error("%llu decoded, %llu lost, last %llu; %llu returned\n",
			            (unsigned long long)o[p].decoded, (unsigned long long)o[p].lost,
			            (unsigned long long)o[p].last, (unsigned long long)returned);
		assert_true(sum == returned || sum == returned + 1);
		assert_true(o[p].last <= returned + 1);
	}
}

/* The last chunk may be torn: what was in it is still in its ring. No other damage. */
static void note(void *user, const struct vt_note *n)
{
	(void)user;
	if (n->code > 0 && n->code != 7)
		fail_msg("E%02d %s", n->code, n->text);
}

/* The log and the ring file, put together by the reader. */
static void check_log(const char *path, const char *directory)
{
	struct outcome outcome[PRODUCERS] = { 0 };
	struct vt_reader_options options = { .size = sizeof(options), .ring_directory = directory,
	                                     .note = note };
	const struct vt_event *e;
	struct vt_reader *reader;

	/* On a busy machine the recorder may be killed before it has made its log. */
	int err = vt_reader_open(&reader, &path, 1, &options);
	if (err == -ENOENT)
		return;
	assert_int_equal(err, 0);
	while (vt_reader_next(reader, &e) > 0) {
		if (e->gap || e->desc->category == VT_CAT_meta)
			continue;
		int p = producer_of(e->ring->tid);
		assert_true(p >= 0);
		take_event(&outcome[p], e->desc->id, e->values, e->text);
	}
	const struct vt_run_info *run = vt_reader_run(reader);
	for (unsigned i = 0; i < run->ring_count; i++)
		if (producer_of(run->rings[i]->tid) >= 0)
			outcome[producer_of(run->rings[i]->tid)].lost += lost_in(run->rings[i]);
	check_outcome(outcome);
	vt_reader_close(reader);
}

/* The order of a ring is by category here, so the last number is too. */
static void check_event(void *bad, struct mem_ring *ring, const struct mem_event *e)
{
	if (e->id >> 8 != VT_CAT_meta)
		check_number(bad, ring, e);
}

/* The ring file, without a log. */
static void check_ring_file(const char *path)
{
	struct outcome outcome[PRODUCERS] = { 0 };
	struct vt_ring_view view;
	struct memlog log;
	uint64_t bad = 0;

	assert_int_equal(vt_ring_view_open(&view, path, VT_VIEW_COPY), 0);
	memlog_follow(&log, &view);
	log.process.ending = VT_END_GONE;
	log.each = check_event;
	log.user = &bad;
	memlog_finish(&log);
	for (unsigned p = 0; p < PRODUCERS; p++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			if (c == VT_CAT_meta)
				continue;
			outcome[p].decoded += memlog_decoded(&log, shared->tids[p], c);
			outcome[p].lost += memlog_lost(&log, shared->tids[p], c);
		}
	for (unsigned i = 0; i < log.ring_count; i++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			int p = producer_of(log.rings[i].tid);
			if (p >= 0 && log.rings[i].last_number[c] > outcome[p].last)
				outcome[p].last = log.rings[i].last_number[c];
		}
	check_outcome(outcome);
	assert_int_equal(bad, 0);
	assert_int_equal(log.wrong, 0);
	assert_int_equal(memlog_unbalanced(&log), 0);
	memlog_close(&log);
}

static void rounds(bool recorded, uint64_t ring_size, enum vt_ring_mode mode)
{
	uint64_t random = 88172645463325252u + ring_size + mode;
	char directory[DIRECTORY_SIZE], path[PATH_MAX];

	for (unsigned i = 0; i < ROUNDS; i++) {
		make_directory(directory);
		snprintf(path, sizeof(path), "%s/run.vtrace", directory);
		kill_one(directory, recorded ? path : NULL, ring_size, mode, &random);
		if (recorded) {
			check_log(path, directory);
		} else {
			assert_int_equal(count_files(directory, ".vring", path), 1);
			check_ring_file(path);
		}
		remove_directory(directory);
	}
}

static void overwrite(void **state)
{
	(void)state;
	rounds(true, 64 << 10, VT_OVERWRITE);
	rounds(true, 512 << 10, VT_OVERWRITE);
}

static void discard(void **state)
{
	(void)state;
	rounds(true, 64 << 10, VT_DISCARD);
	rounds(true, 512 << 10, VT_DISCARD);
}

/* As under the agent when `valktrace record` is gone too: the ring file is all there is. */
static void nobody_reads(void **state)
{
	(void)state;
	rounds(false, 64 << 10, VT_OVERWRITE);
	rounds(false, 512 << 10, VT_OVERWRITE);
	rounds(false, 512 << 10, VT_DISCARD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overwrite),
		cmocka_unit_test(discard),
		cmocka_unit_test(nobody_reads),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
