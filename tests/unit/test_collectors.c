/* test_collectors.c - the samplers of the machine's counters, on recorded files below a root of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/vm.h"
#include "tests/unit/fakecollect.h"

extern const struct vt_collector vt_collector_vm, vt_collector_pressure, vt_collector_cgroup;

/* ---- vm --------------------------------------------------------------------------------------------------- */

static void take(struct vt_vm *v, const char *name, uint64_t monotonic, uint64_t boot)
{
	char text[FIXTURE_SIZE];

	read_fixture(name, text);
	vt_vm_take(v, &fake.api, text, (struct vt_vm_time){ monotonic, boot });
}

static void no_rates(void)
{
	for (unsigned m = VT_M_vm_paged_in_per_second; m <= VT_M_vm_major_faults_per_second; m++)
		absent(RUN, m);
}

static void test_vm_rates(void **state)
{
	struct vt_vm v = { .interval = S };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	(void)state;

	take(&v, "vmstat-normal.txt", 10 * (uint64_t)S, 10 * (uint64_t)S);
	no_rates();
	is(RUN, VT_M_vm_paged_in, 0);
	is(RUN, VT_M_vm_faults, 0);
	/* 800 ms later: 4 and 8 KiB, 3 and 5 pages, 1500 faults, 2 of them major. */
	take(&v, "vmstat-later.txt", 10 * (uint64_t)S + 800 * MS, 10 * (uint64_t)S + 800 * MS);
	is(RUN, VT_M_vm_paged_in, 4096);
	is(RUN, VT_M_vm_paged_out, 8192);
	is(RUN, VT_M_vm_swapped_in, 3 * page);
	is(RUN, VT_M_vm_swapped_out, 5 * page);
	is(RUN, VT_M_vm_faults, 1500);
	is(RUN, VT_M_vm_major_faults, 2);
	is(RUN, VT_M_vm_paged_in_per_second, 5120);
	is(RUN, VT_M_vm_paged_out_per_second, 10240);
	is(RUN, VT_M_vm_swapped_in_per_second, 3 * page * 10 / 8);
	is(RUN, VT_M_vm_swapped_out_per_second, 5 * page * 10 / 8);
	is(RUN, VT_M_vm_faults_per_second, 1875000);
	is(RUN, VT_M_vm_major_faults_per_second, 2500);
	is(RUN, VT_M_vm_gaps, 0);
	/* At the same moment: no division by zero, and the rate of the interval before stands. */
	take(&v, "vmstat-later.txt", 10 * (uint64_t)S + 800 * MS, 10 * (uint64_t)S + 800 * MS);
	is(RUN, VT_M_vm_faults_per_second, 1875000);
	take(&v, "vmstat-later.txt", 11 * (uint64_t)S + 800 * MS, 11 * (uint64_t)S + 800 * MS);
	is(RUN, VT_M_vm_faults_per_second, 0);
}

static void test_vm_reset(void **state)
{
	struct vt_vm v = { .interval = S };
	(void)state;

	take(&v, "vmstat-normal.txt", S, S);
	take(&v, "vmstat-later.txt", 2 * (uint64_t)S, 2 * (uint64_t)S);
	take(&v, "vmstat-reset.txt", 3 * (uint64_t)S, 3 * (uint64_t)S);
	/* Went down: no rate, and nothing added. The others go on. */
	absent(RUN, VT_M_vm_paged_in_per_second);
	absent(RUN, VT_M_vm_faults_per_second);
	is(RUN, VT_M_vm_paged_in, 4096);
	is(RUN, VT_M_vm_faults, 1500);
	is(RUN, VT_M_vm_paged_out, 16384);
	is(RUN, VT_M_vm_paged_out_per_second, 8192);
	take(&v, "vmstat-reset.txt", 4 * (uint64_t)S, 4 * (uint64_t)S);
	is(RUN, VT_M_vm_paged_in_per_second, 0);
}

static void test_vm_missing(void **state)
{
	struct vt_vm v = { .interval = S };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	(void)state;

	take(&v, "vmstat-later.txt", S, S);
	take(&v, "vmstat-missing.txt", 2 * (uint64_t)S, 2 * (uint64_t)S);
	absent(RUN, VT_M_vm_swapped_in);
	absent(RUN, VT_M_vm_swapped_in_per_second);
	is(RUN, VT_M_vm_faults, 500);
	/* Back again: first its total, then its rate. */
	take(&v, "vmstat-later.txt", 3 * (uint64_t)S, 3 * (uint64_t)S);
	is(RUN, VT_M_vm_swapped_in, 0);
	absent(RUN, VT_M_vm_swapped_in_per_second);
	take(&v, "vmstat-reset.txt", 4 * (uint64_t)S, 4 * (uint64_t)S);
	is(RUN, VT_M_vm_swapped_in, page);
	is(RUN, VT_M_vm_swapped_in_per_second, page);
	/* Nothing of it can be read: nothing is known any more. */
	take(&v, "vmstat-garbage.txt", 5 * (uint64_t)S, 5 * (uint64_t)S);
	no_rates();
	absent(RUN, VT_M_vm_faults);
}

static void test_vm_gap(void **state)
{
	struct vt_vm v = { .interval = S };
	(void)state;

	take(&v, "vmstat-normal.txt", S, S);
	/* Suspended for an hour: the monotonic clock stood still. */
	take(&v, "vmstat-later.txt", 2 * (uint64_t)S, 3602 * (uint64_t)S);
	no_rates();
	is(RUN, VT_M_vm_gaps, 1);
	is(RUN, VT_M_vm_faults, 1500);
	take(&v, "vmstat-later.txt", 3 * (uint64_t)S, 3603 * (uint64_t)S);
	is(RUN, VT_M_vm_faults_per_second, 0);
	/* The recorder was held up for ten intervals. */
	take(&v, "vmstat-later.txt", 13 * (uint64_t)S, 3613 * (uint64_t)S);
	no_rates();
	is(RUN, VT_M_vm_gaps, 2);
}

static void test_vm_huge(void **state)
{
	struct vt_vm v = { .interval = S };
	(void)state;

	take(&v, "vmstat-normal.txt", S, S);
	take(&v, "vmstat-huge.txt", S + 600 * MS, S + 600 * MS);
	is(RUN, VT_M_vm_paged_in, UINT64_MAX);
	is(RUN, VT_M_vm_paged_in_per_second, UINT64_MAX);
	absent(RUN, VT_M_vm_paged_out);         /* more than 64 bits */
	is(RUN, VT_M_vm_faults, UINT64_MAX - 5000);
	take(&v, "vmstat-huge.txt", 3 * (uint64_t)S, 3 * (uint64_t)S);
	is(RUN, VT_M_vm_paged_in, UINT64_MAX);
	is(RUN, VT_M_vm_paged_in_per_second, 0);
}

static void test_vm_file(void **state)
{
	const struct vt_collector *k = &vt_collector_vm;
	void *vm = open_refused(k, VT_SRC_vm, "/proc/vmstat: No such file or directory");
	(void)state;

	put("vmstat", "vmstat-normal.txt");
	assert_int_equal(k->open(vm, &fake.api), 0);
	is_source(RUN, VT_SRC_vm, NULL);
	put("vmstat", "vmstat-later.txt");
	k->sample(vm, &fake.api, 0);
	is(RUN, VT_M_vm_faults, 1500);
	put("vmstat", "vmstat-empty.txt");
	k->sample(vm, &fake.api, 0);
	assert_int_equal(fake.source[RUN][VT_SRC_vm], 1);
	absent(RUN, VT_M_vm_faults);
	absent(RUN, VT_M_vm_gaps);
	k->close(vm);
}

/* ---- pressure and control groups -------------------------------------------------------------------------- */

static void test_pressure_files(void **state)
{
	const struct vt_collector *k = &vt_collector_pressure;
	void *p = open_refused(k, VT_SRC_pressure, "/proc/pressure: No such file or directory");
	(void)state;

	make("pressure");
	put("pressure/cpu", "pressure-no-full.txt");
	put("pressure/memory", "pressure-normal.txt");
	assert_int_equal(k->open(p, &fake.api), 0);
	is_source(RUN, VT_SRC_pressure, NULL);
	put_text("pressure/memory", "some total=12345778\nfull total=2350\n");
	k->sample(p, &fake.api, 0);
	is(RUN, VT_M_pressure_memory_some, 100000);
	is(RUN, VT_M_pressure_memory_full, 5000);
	is(RUN, VT_M_pressure_cpu_some, 0);
	absent(RUN, VT_M_pressure_cpu_full);
	absent(RUN, VT_M_pressure_io_some);
	k->close(p);
}

static const struct vt_collected only = { .pid = PID, .start = START, .parent = VT_COLLECT_RUN };

static void test_cgroup_files(void **state)
{
	const struct vt_collector *k = &vt_collector_cgroup;
	void *g = calloc(1, k->state_size);
	(void)state;

	assert_int_equal(k->open(g, &fake.api), 0);
	k->sample(g, &fake.api, 0);             /* no process yet: nothing is decided */
	assert_int_equal(fake.source[RUN][VT_SRC_cgroup], 0);
	fake.processes[0] = only;
	fake.count = 1;
	make("4194305");
	put("4194305/cgroup", "cgroup-v2.txt");
	make("user.slice");
	make("user.slice/job.scope");
	put_text("user.slice/memory.max", "1048576\n");
	put_text("user.slice/job.scope/memory.max", "max\n");
	put_text("user.slice/job.scope/cpu.max", "150000 100000\n");
	put_text("user.slice/job.scope/memory.current", "4096\n");
	put_text("user.slice/job.scope/memory.events", "low 0\noom 1\noom_kill 5\noom_group_kill 7\n");
	put_text("user.slice/job.scope/cpu.stat", "usage_usec 9\nnr_throttled 3\nthrottled_usec 10\n");
	k->sample(g, &fake.api, 0);
	is_source(RUN, VT_SRC_cgroup, NULL);
	is(RUN, VT_M_cgroup_memory_limit, 1048576);
	is(RUN, VT_M_cgroup_cpu_limit, 1500);
	is(RUN, VT_M_cgroup_memory, 4096);
	is(RUN, VT_M_cgroup_oom_kills, 0);
	put_text("user.slice/job.scope/memory.events", "oom_kill 6\n");
	put_text("user.slice/job.scope/cpu.stat", "nr_throttled 5\nthrottled_usec 30\n");
	k->sample(g, &fake.api, 0);
	is(RUN, VT_M_cgroup_oom_kills, 1);
	is(RUN, VT_M_cgroup_throttled, 2);
	is(RUN, VT_M_cgroup_throttled_time, 20000);
	k->close(g);
}

static void test_cgroup_absent(void **state)
{
	const struct vt_collector *k = &vt_collector_cgroup;
	static const struct { const char *fixture, *reason; } cases[] = {
		{ "cgroup-v1.txt", "control groups v1 here: only those of v2 are read" },
		{ "cgroup-v2.txt", "the process runs in no control group that has limits" },
		{ NULL, "no control groups here" },
	};
	(void)state;

	fake.processes[0] = only;
	fake.count = 1;
	make("4194305");
	for (unsigned i = 0; i < 3; i++) {
		void *g = calloc(1, k->state_size);
		put("4194305/cgroup", cases[i].fixture);
		assert_int_equal(k->open(g, &fake.api), 0);
		k->sample(g, &fake.api, 0);
		is_source(RUN, VT_SRC_cgroup, cases[i].reason);
		absent(RUN, VT_M_cgroup_memory);
		k->close(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COLLECT_TEST(test_vm_rates),
		COLLECT_TEST(test_vm_reset),
		COLLECT_TEST(test_vm_missing),
		COLLECT_TEST(test_vm_gap),
		COLLECT_TEST(test_vm_huge),
		COLLECT_TEST(test_vm_file),
		COLLECT_TEST(test_pressure_files),
		COLLECT_TEST(test_cgroup_files),
		COLLECT_TEST(test_cgroup_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
