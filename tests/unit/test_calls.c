/*
 * test_calls.c - statistics of calls in the cells of threads: sums, bounds, bases of a new recording, names,
 * handlers, forked children.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace.h>

#include "core/sample.h"
#include "core/thread.h"
#include "tests/unit/child.h"
#include "tests/unit/producers.h"

static struct vt_call_sample sample;

static void take_sample(void)
{
	struct vt_ring_view view;

	vt_ring_view_borrow(&view, vt_process.file);
	vt_sample_calls(&view, &sample);
}

static const struct vt_call_total *total_of(unsigned call)
{
	static const struct vt_call_total none;

	for (unsigned i = 0; i < sample.count; i++)
		if (sample.totals[i].call == call)
			return &sample.totals[i];
	return &none;
}

static void check_total(unsigned call, uint64_t count, uint64_t errors, uint64_t time, uint64_t error_time,
                        uint64_t least, uint64_t most)
{
	const struct vt_call_total *t = total_of(call);

	CHECK_EQUAL(t->count, count);
	CHECK_EQUAL(t->errors, errors);
	CHECK_EQUAL(t->time, time);
	CHECK_EQUAL(t->error_time, error_time);
	CHECK_EQUAL(t->least, least);
	CHECK_EQUAL(t->most, most);
}

/* ---- one thread, and bases ------------------------------------------------------------------------- */

static void counted(const char *directory)
{
	attach(directory, 4096, 4, 4, VT_OVERWRITE, false);
	take_sample();
	CHECK_EQUAL(sample.count, 0);
	VT_EMIT(memory, alloc, .size = 1);
	/* A thread's first emit makes no pages for calls. */
	CHECK_EQUAL(((struct vt_slot *)(void *)vt__ring)->calls, 0);

	vt_syscall(3, 10, 500);
	vt_syscall(3, -2, 100);
	vt_syscall(3, 0, 0);
	vt_syscall(127, 0, 7);
	vt_syscall(128, 0, 7);          /* beyond: no statistics of its own */
	vt_syscall(UINT64_MAX, 0, 7);
	vt_syscall_name(3, "three");
	take_sample();
	CHECK_EQUAL(sample.count, 2);
	check_total(VT_HOST_CALLS + 3, 3, 1, 600, 100, 0, 500);
	check_total(VT_HOST_CALLS + 127, 1, 0, 7, 0, 7, 7);
	CHECK_EQUAL(total_of(VT_HOST_CALLS + 3)->name.length, 5);
	CHECK_EQUAL(total_of(VT_HOST_CALLS + 127)->name.length, 0);

	/* Another recording in the same process: what came before is its base. */
	char other[DIRECTORY_SIZE];
	make_directory(other);
	vt_process_detach();
	attach(other, 4096, 4, 4, VT_OVERWRITE, false);
	take_sample();
	CHECK_EQUAL(sample.count, 0);
	vt_syscall(3, -1, 300);
	take_sample();
	check_total(VT_HOST_CALLS + 3, 1, 1, 300, 300, 300, 300);
	remove_directory(other);
}

/* ---- threads ---------------------------------------------------------------------------------------- */

enum { THREADS = 6, CALLS = 20000 };

static void *call_often(void *number)
{
	for (uint64_t i = 0; i < CALLS; i++)
		vt_syscall(5, i % 10 == 0 ? -1 : 0, 100 + (uint64_t)(uintptr_t)number);
	return NULL;
}

static void threads(const char *directory)
{
	pthread_t all[THREADS];

	attach(directory, 4096, 4, THREADS, VT_OVERWRITE, false);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&all[i], NULL, call_often, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(all[i], NULL);
	take_sample();
	check_total(VT_HOST_CALLS + 5, THREADS * CALLS, THREADS * CALLS / 10,
	            (uint64_t)CALLS * (6 * 100 + 15), (uint64_t)CALLS / 10 * (6 * 100 + 15), 100, 105);
	CHECK_EQUAL(sample.missed, 0);

	/* All slots are taken: this thread has none, and says how many of its calls are not in the sums. */
	for (unsigned i = 0; i < 50; i++)
		vt_syscall(6, 0, 1);
	take_sample();
	CHECK_EQUAL(sample.missed, 50);
	CHECK_EQUAL(total_of(VT_HOST_CALLS + 6)->count, 0);
}

/* ---- handlers ---------------------------------------------------------------------------------------- */

static volatile sig_atomic_t handled;

static void on_alarm(int number)
{
	(void)number;
	handled++;
	vt_syscall(9, handled % 2 ? -1 : 0, 3);
}

/* A handler that interrupts a count anywhere makes no count wrong. */
static void handlers(const char *directory)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	uint64_t own = 0;

	attach(directory, 4096, 4, 4, VT_OVERWRITE, false);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 2000 && own < 200000000)
		for (unsigned i = 0; i < 1000; i++, own++)
			vt_syscall(9, -1, 3);
	setitimer(ITIMER_REAL, &never, NULL);
	uint64_t all = own + (uint64_t)handled;
	take_sample();
	CHECK(handled > 100);
	check_total(VT_HOST_CALLS + 9, all, own + (uint64_t)(handled + 1) / 2, 3 * all,
	            3 * (own + (uint64_t)(handled + 1) / 2), 3, 3);
}

/* ---- forked children --------------------------------------------------------------------------------- */

static uint64_t calls_in_children(const char *directory, unsigned calls, bool settle)
{
	char path[4096];
	pid_t pid = fork();

	if (pid == 0) {
		for (unsigned i = 0; i < calls; i++)
			vt__count_call(12, false, 5);
		if (settle)
			vt_calls_settle();
		_exit(0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	unsigned files = count_files(directory, ".vring", path);
	if (files == 1)
		return 0;
	/* The child's is the one that is not ours. */
	struct vt_ring_view view;
	char name[64];
	snprintf(name, sizeof(name), "-%d-", (int)pid);
	CHECK(strstr(path, name) || (unlink(vt_process.place.path), count_files(directory, ".vring", path)));
	CHECK_EQUAL(vt_ring_view_open(&view, path, VT_VIEW_COPY), 0);
	vt_sample_calls(&view, &sample);
	vt_ring_view_close(&view);
	unlink(path);
	return sample.count == 1 ? sample.totals[0].count : UINT64_MAX;
}

static void children(const char *directory)
{
	attach(directory, 4096, 4, 4, VT_OVERWRITE, true);
	vt__count_call(12, false, 5);
	/* A few calls, as before an exec, make no ring file; what they were is told at the end. */
	CHECK_EQUAL(calls_in_children(directory, 10, false), 0);
	CHECK_EQUAL(calls_in_children(directory, 10, true), 10);
}

static void more_children(const char *directory)
{
	attach(directory, 4096, 4, 4, VT_OVERWRITE, true);
	vt__count_call(12, false, 5);
	CHECK_EQUAL(calls_in_children(directory, 1000, false), 1000);
}

#define IN_CHILD(name) static void test_##name(void **state) { (void)state; assert_int_equal(in_child(name), 0); }
IN_CHILD(counted)
IN_CHILD(threads)
IN_CHILD(handlers)
IN_CHILD(children)
IN_CHILD(more_children)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counted), cmocka_unit_test(test_threads), cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_children), cmocka_unit_test(test_more_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
