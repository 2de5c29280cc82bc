/* test_process.c - the sampler of a process's counters, on recorded files below a root of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fakecollect.h"

extern const struct vt_collector vt_collector_process;

static void make_process(uint32_t pid)
{
	static const char *const files[][2] = {
		{ "stat", "stat-normal.txt" }, { "status", "status-normal.txt" }, { "io", "io-normal.txt" },
		{ "schedstat", "schedstat-normal.txt" },
	};
	char name[64];

	snprintf(name, sizeof(name), "%u", pid);
	make(name);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%u/%s", pid, files[i][0]);
		put(name, files[i][1]);
	}
	snprintf(name, sizeof(name), "%u/fd", pid);
	make(name);
	snprintf(name, sizeof(name), "%u/task", pid);
	make(name);
}

static void make_thread(const char *tid, const char *status)
{
	char name[64];

	snprintf(name, sizeof(name), "%u/task/%s", PID, tid);
	make(name);
	snprintf(name, sizeof(name), "%u/task/%s/status", PID, tid);
	put(name, status);
	snprintf(name, sizeof(name), "%u/task/%s/schedstat", PID, tid);
	put(name, "schedstat-normal.txt");
}

static void remove_thread(const char *tid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%u/task/%s", fake.root, PID, tid);
	assert_int_equal(remove_tree(path), 0);
}

static void *open_process(void)
{
	void *p = calloc(1, vt_collector_process.state_size);

	assert_int_equal(vt_collector_process.open(p, &fake.api), 0);
	return p;
}

static const struct vt_collected first = { .index = 0, .pid = PID, .start = START, .parent = VT_COLLECT_RUN };

static void test_process(void **state)
{
	uint64_t tick = S / (uint64_t)sysconf(_SC_CLK_TCK);
	void *p = open_process();
	(void)state;

	make_process(PID);
	make_thread("4194305", "status-normal.txt");
	make_thread("4194306", "status-normal.txt");
	vt_collector_process.begin(p, &fake.api, &first);
	is(FIRST, VT_M_process_cpu_user, 123 * tick);
	is(FIRST, VT_M_process_cpu_system, 45 * tick);
	is(FIRST, VT_M_process_minor_faults, 1850);
	is(FIRST, VT_M_process_major_faults, 3);
	is(FIRST, VT_M_process_threads, 4);
	is(FIRST, VT_M_process_virtual, 631209984);
	is(FIRST, VT_M_process_resident, 54800u * 1024);
	is(FIRST, VT_M_process_peak_resident, 61036u * 1024);
	is(FIRST, VT_M_process_voluntary_switches, 302);
	is(FIRST, VT_M_process_involuntary_switches, 34);
	is(FIRST, VT_M_process_run_delay, 90400000);
	is(FIRST, VT_M_process_read, 1356039);
	is(FIRST, VT_M_process_writes, 6);
	is_source(FIRST, VT_SRC_process, NULL);
	is_source(FIRST, VT_SRC_process_io, NULL);
	/* A thread has ended: what was seen of it stays in the sum. */
	remove_thread("4194306");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_voluntary_switches, 302);
	/* A zombie: counts go on, what it had in memory stays as it was last. */
	put("4194305/stat", "stat-zombie.txt");
	put("4194305/status", "status-zombie.txt");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_cpu_user, 200 * tick);
	is(FIRST, VT_M_process_voluntary_switches, 311);
	is(FIRST, VT_M_process_virtual, 631209984);
	is(FIRST, VT_M_process_threads, 4);
	is(FIRST, VT_M_process_resident, 54800u * 1024);
	/* Its pid belongs to another one now: the last values stay. */
	put("4194305/stat", "stat-reused.txt");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_cpu_user, 200 * tick);
	is(FIRST, VT_M_process_minor_faults, 2000);
	vt_collector_process.end(p, &fake.api, &first, NULL);
	is(FIRST, VT_M_process_cpu_user, 200 * tick);
	vt_collector_process.close(p);
}

static void test_process_absent(void **state)
{
	void *p = open_process();
	(void)state;

	vt_collector_process.begin(p, &fake.api, &first);
	absent(FIRST, VT_M_process_cpu_user);
	is_source(FIRST, VT_SRC_process, "/proc/4194305/stat: No such file or directory");
	assert_int_equal(fake.source[FIRST][VT_SRC_process_io], 1);
	vt_collector_process.sample(p, &fake.api, 0);
	vt_collector_process.end(p, &fake.api, &first, NULL);
	/* Everything is there but io; and what is there is nonsense. */
	make_process(PID);
	char path[128];
	snprintf(path, sizeof(path), "%s/%u/io", fake.root, PID);
	assert_int_equal(unlink(path), 0);
	put("4194305/stat", "stat-comm.txt");
	vt_collector_process.begin(p, &fake.api, &first);
	is_source(FIRST, VT_SRC_process, NULL);
	is_source(FIRST, VT_SRC_process_io, "/proc/4194305/io: No such file or directory");
	absent(FIRST, VT_M_process_read);
	put("4194305/stat", "stat-garbage.txt");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_minor_faults, 1850);
	vt_collector_process.close(p);
}

/* exec: what the former program did is not done again by the next. */
static void test_process_exec(void **state)
{
	struct vt_collected second = first;
	void *p = open_process();
	(void)state;

	make_process(PID);
	put("4194305/stat", "stat-zombie.txt");         /* one thread */
	vt_collector_process.begin(p, &fake.api, &first);
	second.index = 1;
	vt_collector_process.begin(p, &fake.api, &second);
	vt_collector_process.end(p, &fake.api, &first, NULL);
	is(FIRST, VT_M_process_minor_faults, 2000);
	is(FIRST, VT_M_process_read, 1356039);
	is(SECOND, VT_M_process_minor_faults, 0);
	is(SECOND, VT_M_process_read, 0);
	is(SECOND, VT_M_process_peak_resident, 61036u * 1024);
	put("4194305/io", "io-missing.txt");
	vt_collector_process.sample(p, &fake.api, 0);
	is(SECOND, VT_M_process_read, 1);
	is(SECOND, VT_M_process_reads, 1);
	is(FIRST, VT_M_process_read, 1356039);
	vt_collector_process.end(p, &fake.api, &second, NULL);
	vt_collector_process.close(p);
}

#define STAT(state, minor, of_children) "4194305 (guile) " state " 1 1 1 0 -1 4194304 " minor " " of_children \
	" 3 4 123 45 6 7 20 0 1 0 98765 631209984 13700 18446744073709551615\n"

static const struct vt_collected child = { .index = 1, .pid = PID + 1, .start = START, .parent = 0 };

/* What the kernel does when the parent waits: the child has 1850 + 420 + 3 + 4 faults. */
static void reap_child(bool waited)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%u", fake.root, PID + 1);
	assert_int_equal(remove_tree(path), 0);
	if (!waited)
		return;
	put_text("4194305/stat", STAT("S", "1850", "2693"));
	put_text("4194305/io", "rchar: 2712179\nwchar: 2097898\nsyscr: 300\nsyscw: 12\n");
}

static void *with_child(void)
{
	void *p = open_process();

	make_process(PID);
	make_process(PID + 1);
	vt_collector_process.begin(p, &fake.api, &first);
	vt_collector_process.begin(p, &fake.api, &child);
	return p;
}

/* I/O of a child that was waited for is in its parent's, too. */
static void test_process_children(void **state)
{
	void *p = with_child();
	(void)state;

	vt_collector_process.end(p, &fake.api, &child, NULL);
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356039);          /* it is a zombie */
	reap_child(true);
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356140);
	is(FIRST, VT_M_process_reads, 153);
	is(SECOND, VT_M_process_read, 1356039);
	vt_collector_process.close(p);
}

/* The parent is faster than the recorder: a sample finds the child's in its before the child's end is told. */
static void test_process_children_reaped_early(void **state)
{
	void *p = with_child();
	(void)state;

	reap_child(true);
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356140);
	vt_collector_process.end(p, &fake.api, &child, NULL);
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356140);
	is(SECOND, VT_M_process_read, 1356039);
	vt_collector_process.end(p, &fake.api, &first, NULL);
	is(FIRST, VT_M_process_read, 1356140);
	vt_collector_process.close(p);
}

/* Nobody waits for a child whose parent ignores SIGCHLD; nor for one that the parent leaves behind. */
static void test_process_children_not_waited_for(void **state)
{
	void *p = with_child();
	(void)state;

	vt_collector_process.end(p, &fake.api, &child, NULL);
	reap_child(false);
	put_text("4194305/io", "rchar: 1400000\n");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1400000);
	make_process(PID + 1);
	vt_collector_process.begin(p, &fake.api, &child);
	vt_collector_process.end(p, &fake.api, &child, NULL);
	vt_collector_process.end(p, &fake.api, &first, NULL);
	is(FIRST, VT_M_process_read, 1400000);
	vt_collector_process.close(p);
}

/* In the middle of being waited for: what was read of the parent says nothing. */
static void test_process_children_leaving(void **state)
{
	void *p = with_child();
	(void)state;

	put_text("4194306/stat", STAT("X", "1850", "420"));
	put_text("4194305/io", "rchar: 2712179\n");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356039);
	reap_child(true);
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356140);
	vt_collector_process.close(p);
}

static void test_process_usage(void **state)
{
	struct rusage u = {
		.ru_utime = { 3, 250000 }, .ru_stime = { 1, 5 }, .ru_minflt = 2100, .ru_majflt = 6,
		.ru_nvcsw = 500, .ru_nivcsw = 70, .ru_maxrss = 70000,
	};
	void *p = open_process();
	(void)state;

	make_process(PID);
	vt_collector_process.begin(p, &fake.api, &first);
	/* stat-zombie.txt never waited for a child. */
	put("4194305/stat", "stat-zombie.txt");
	vt_collector_process.end(p, &fake.api, &first, &u);
	is(FIRST, VT_M_process_cpu_user, 3250 * (uint64_t)MS);
	is(FIRST, VT_M_process_cpu_system, S + 5000);
	is(FIRST, VT_M_process_minor_faults, 2100);
	is(FIRST, VT_M_process_voluntary_switches, 500);
	is(FIRST, VT_M_process_peak_resident, 70000u * 1024);
	/* stat-normal.txt did: its usage is also its children's. */
	put("4194305/stat", "stat-normal.txt");
	vt_collector_process.begin(p, &fake.api, &first);
	vt_collector_process.end(p, &fake.api, &first, &u);
	is(FIRST, VT_M_process_minor_faults, 1850);
	vt_collector_process.close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COLLECT_TEST(test_process),
		COLLECT_TEST(test_process_absent),
		COLLECT_TEST(test_process_exec),
		COLLECT_TEST(test_process_children),
		COLLECT_TEST(test_process_children_reaped_early),
		COLLECT_TEST(test_process_children_not_waited_for),
		COLLECT_TEST(test_process_children_leaving),
		COLLECT_TEST(test_process_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
