/*
 * test_fork.c - children of every make write nothing into their parent's ring, and record into a file of
 * their own only if they are followed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

#define MARK 0xc41d0000u                /* in values of events of children */

extern char **environ;

/* All that a program may call. */
static void use_everything(uint64_t mark)
{
	const struct vt_field field = { "size", "", VT_KIND_UINT, 0, 0, NULL };

	for (uint64_t i = 0; i < 1000; i++)
		VT_EMIT(memory, alloc, .size = mark + i);
	vt_emit_text(VT_EV_custom_note, &mark, 1, "text", 4);
	for (unsigned i = 0; i < 10; i++)
		vt_count(VT_M_gc_cycles, 1);
	vt_count_max(VT_M_gc_cycles, UINT64_MAX);
	vt_gauge_set(VT_M_gc_cycles, 99);
	vt_metric_declare(VT_M_gc_cycles);
	vt_source_say(VT_SRC_gc, true, "child");
	vt_thread_name("child");
	vt_fact("child", "yes", VT_FIELD_PUBLIC);
	vt_string("a string of the child");
	vt_register_event(vt_register_category("of_child", ""), "event", "", 0, &field, 1);
	vt_enable(~0ull);
	vt_disable(1);
}

/* The parent's file as it was, to compare with after a child has ended. */
static void *copy_of_file(void)
{
	void *copy = malloc(vt_process.file->total_size);
	memcpy(copy, vt_process.file, vt_process.file->total_size);
	return copy;
}

static bool unchanged(void *copy)
{
	bool same = memcmp(copy, vt_process.file, vt_process.file->total_size) == 0;
	free(copy);
	return same;
}

static void begin(const char *directory, bool follow)
{
	attach(directory, 4096, 4, 4, VT_OVERWRITE, follow);
	vt_string("a string of the parent");
	vt_count(VT_M_gc_cycles, 1);
	VT_EMIT(memory, alloc, .size = 1);
}

static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static pthread_key_t last_key;

static void leave(void *unused)
{
	(void)unused;
	_exit(0);
}

static void silent_children(const char *directory)
{
	static const char *const true_program[] = { "/bin/true", NULL };
	pid_t pid;

	begin(directory, false);
	void *copy = copy_of_file();
	if ((pid = fork()) == 0) {
		use_everything(MARK);
		exit(0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));

	copy = copy_of_file();
	if ((pid = raw_clone()) == 0) {
		use_everything(MARK);
		_exit(0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));

	/* The end of its thread runs the destructor that gives slots back, and then this one. */
	pthread_key_create(&last_key, leave);
	pthread_setspecific(last_key, copy = copy_of_file());
	if ((pid = raw_clone()) == 0)
		pthread_exit(NULL);
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));
	pthread_setspecific(last_key, NULL);

	copy = copy_of_file();
	CHECK_EQUAL(posix_spawn(&pid, true_program[0], NULL, NULL, (char *const *)true_program, environ), 0);
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 1);

	/* The parent goes on in its own ring. */
	struct vt_slot *slot = vt_slot_of(vt_process.file, 0);
	uint64_t before = slot->main.emitted[VT_CAT_memory];
	VT_EMIT(memory, alloc, .size = 2);
	CHECK_EQUAL(slot->main.emitted[VT_CAT_memory], before + 1);
}

/* A child of vfork runs on its parent's thread: until it has another image, what it emits is that thread's. */
static void vfork_and_exec(const char *directory)
{
	begin(directory, false);
	struct vt_slot *slot = vt_slot_of(vt_process.file, 0);
	uint64_t before = slot->main.emitted[VT_CAT_memory];
	uint64_t commit = slot->main.commit;
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(slot->main.commit, commit);
	VT_EMIT(memory, alloc, .size = 2);
	CHECK_EQUAL(slot->main.emitted[VT_CAT_memory], before + 1);
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 1);
}

static void quiet(void **state)
{
	(void)state;
	assert_int_equal(in_child(silent_children), 0);
	assert_int_equal(in_child(vfork_and_exec), 0);
}

/* ---- fork while others emit ------------------------------------------------------------------ */

static uint64_t of_children;

static void look_for_mark(void *bad, struct mem_ring *ring, const struct mem_event *e)
{
	of_children += e->id == VT_EV_memory_alloc;
	if (e->id != VT_EV_memory_alloc)
		check_number(bad, ring, e);
}

static void with_threads(const char *directory)
{
	enum { COUNT = 8, FORKS = 30 };
	static struct producer p[COUNT];
	struct memlog log;
	uint64_t bad = 0;

	attach(directory, 4096, 16, COUNT + 1, VT_OVERWRITE, false);
	memlog_follow(&log, NULL);
	log.each = look_for_mark;
	log.user = &bad;
	for (unsigned i = 0; i < COUNT; i++) {
		p[i].count = 60000;
		pthread_create(&p[i].thread, NULL, produce, &p[i]);
	}
	for (unsigned i = 0; i < FORKS; i++) {
		pid_t pid = i % 2 ? fork() : raw_clone();
		if (pid == 0) {
			for (uint64_t n = 0; n < 3000; n++)
				VT_EMIT(memory, alloc, .size = MARK + n);
			_exit(0);
		}
		CHECK_EQUAL(status_of(pid), 0);
		CHECK(memlog_round(&log) >= 0);
	}
	for (unsigned i = 0; i < COUNT; i++)
		pthread_join(p[i].thread, NULL);
	memlog_finish(&log);
	for (unsigned i = 0; i < COUNT; i++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			CHECK_EQUAL(memlog_decoded(&log, p[i].tid, c) + memlog_lost(&log, p[i].tid, c),
			            p[i].attempted[c]);
	CHECK_EQUAL(of_children, 0);
	CHECK_EQUAL(bad, 0);
	CHECK_EQUAL(log.wrong, 0);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	memlog_close(&log);
}

static void among_threads(void **state)
{
	(void)state;
	assert_int_equal(in_child(with_threads), 0);
}

/* ---- children that are followed -------------------------------------------------------------- */

static void own_events_only(void *first, struct mem_ring *ring, const struct mem_event *e)
{
	(void)ring;
	if (e->id == VT_EV_memory_alloc)
		CHECK_EQUAL(e->values[0], (*(uint64_t *)first)++);
}

/* Reads the ring file of a dead child and removes it. */
static void read_child(const char *directory, pid_t pid, uint64_t first, uint64_t events)
{
	char path[PATH_MAX], aside[PATH_MAX + 8];
	struct vt_ring_view view;
	struct memlog log;

	snprintf(aside, sizeof(aside), "%s.aside", vt_process.place.path);
	rename(vt_process.place.path, aside);
	CHECK_EQUAL(count_files(directory, ".vring", path), 1);
	rename(aside, vt_process.place.path);
	if (!CHECK_EQUAL(vt_ring_view_open(&view, path, VT_VIEW_COPY), 0))
		return;
	CHECK_EQUAL(view.file->pid, pid);
	CHECK_EQUAL(view.file->run, vt_process.file->run);
	memlog_follow(&log, &view);
	log.process.ending = VT_END_GONE;
	log.each = own_events_only;
	log.user = &first;
	memlog_finish(&log);
	CHECK_EQUAL(memlog_decoded(&log, 0, VT_CAT_memory), events);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	CHECK_EQUAL(log.wrong, 0);
	memlog_close(&log);
	unlink(path);
}

static void emit_from(uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		VT_EMIT(memory, alloc, .size = first + i);
}

static void followed_children(const char *directory)
{
	pid_t pid;

	begin(directory, true);
	void *copy = copy_of_file();
	if ((pid = fork()) == 0)
		_exit(0);
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 1);     /* it emitted nothing: no file */

	/* Several segments, so that it also rings the bell. */
	if ((pid = fork()) == 0) {
		emit_from(MARK, 700);
		_exit(0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));
	read_child(directory, pid, MARK, 700);

	/* A counter is a first word as well. */
	copy = copy_of_file();
	if ((pid = fork()) == 0) {
		vt_count(VT_M_gc_cycles, 5);
		_exit(vt_slot_of(vt_process.file, 0)->cells[VT_M_gc_cycles] != 5);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK(unchanged(copy));
	read_child(directory, pid, 0, 0);

	if ((pid = raw_clone()) == 0) {
		emit_from(MARK, 10);
		_exit(0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 1);
}

/* The child in between has emitted nothing yet, and has no file, when it forks. */
static void followed_grandchild(const char *directory)
{
	int ends[2];
	pid_t pid, grandchild = 0;

	begin(directory, true);
	CHECK_EQUAL(pipe(ends), 0);
	if ((pid = fork()) == 0) {
		grandchild = fork();
		if (grandchild == 0) {
			emit_from(MARK, 50);
			_exit(0);
		}
		ssize_t n = write(ends[1], &grandchild, sizeof(grandchild));
		_exit(n != sizeof(grandchild) || status_of(grandchild) != 0);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	read_child(directory, grandchild, MARK, 50);
}

/* A recording that has ended is followed by nobody. */
static void after_the_recording(const char *directory)
{
	begin(directory, true);
	vt_process_detach();
	pid_t pid = fork();
	if (pid == 0) {
		use_everything(MARK);
		_exit(vt__ring != NULL);
	}
	CHECK_EQUAL(status_of(pid), 0);
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 1);
}

static void followed(void **state)
{
	(void)state;
	assert_int_equal(in_child(followed_children), 0);
	assert_int_equal(in_child(followed_grandchild), 0);
	assert_int_equal(in_child(after_the_recording), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet),
		cmocka_unit_test(among_threads),
		cmocka_unit_test(followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
