/* test_collectors.c - the samplers of the kernel's counters, on recorded files below a root of their own. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/cgroup.h"
#include "collectors/process.h"
#include "collectors/vm.h"
#include "core/options.h"

extern const struct vt_collector vt_collector_process, vt_collector_vm, vt_collector_pressure, vt_collector_cgroup;

/* No process can have it: the kernel's own clock of it is never asked. */
#define PID 4194305u
#define START 98765u
#define MS 1000000u
#define S 1000000000u

/* ---- the recorder's side, as the collectors see it ---------------------------------------------------- */

enum { RUN, FIRST, SECOND, PLACES };

static struct fake {
	struct vt_collect api;
	struct vt_settings settings;
	struct vt_collected processes[2];
	unsigned count;
	uint64_t value[PLACES][VT_MAX_METRICS];
	bool have[PLACES][VT_MAX_METRICS];
	int source[PLACES][VT_MAX_SOURCES];     /* 0 nothing was said, 1 absent, 2 there */
	char reason[PLACES][VT_MAX_SOURCES][128];
	char root[64];
} fake;

static unsigned place(uint32_t process)
{
	assert_true(process == VT_COLLECT_RUN || process < 2);
	return process == VT_COLLECT_RUN ? RUN : FIRST + process;
}

static bool give(const struct vt_collect *c, unsigned i, struct vt_collected *p)
{
	(void)c;
	if (i >= fake.count)
		return false;
	*p = fake.processes[i];
	return true;
}

static void set(const struct vt_collect *c, uint32_t process, unsigned metric, uint64_t value)
{
	(void)c;
	assert_non_null(vt_schema_builtin()->metrics[metric].name);
	fake.value[place(process)][metric] = value;
	fake.have[place(process)][metric] = true;
}

static void unset(const struct vt_collect *c, uint32_t process, unsigned metric)
{
	(void)c;
	fake.have[place(process)][metric] = false;
}

static void source(const struct vt_collect *c, uint32_t process, enum vt_source_id id, bool available,
                   const char *reason)
{
	(void)c;
	fake.source[place(process)][id] = available ? 2 : 1;
	snprintf(fake.reason[place(process)][id], 128, "%s", reason);
}

static void put(const char *name, const char *from)
{
	char path[256], text[32768];
	ssize_t n = 0;

	if (from) {
		snprintf(path, sizeof(path), "fixtures/proc/%s", from);
		n = vt_procfile_once(AT_FDCWD, path, text, sizeof(text));
		assert_true(n >= 0);
	}
	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	/* In place: the collectors keep it open. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
}

static void put_text(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	vt_settings_default(&fake.settings);
	fake.api = (struct vt_collect){
		.settings = &fake.settings, .process = give, .set = set, .unset = unset, .source = source,
	};
	strcpy(fake.root, "/tmp/valktrace-collect.XXXXXX");
	assert_non_null(mkdtemp(fake.root));
	vt_proc_root = vt_cgroup_root = fake.root;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(fake.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void absent(unsigned where, unsigned metric)
{
	assert_false(fake.have[where][metric]);
}

static void is(unsigned where, unsigned metric, uint64_t value)
{
	assert_true(fake.have[where][metric]);
	assert_int_equal(fake.value[where][metric], value);
}

/* ---- vm --------------------------------------------------------------------------------------------------- */

static void take(struct vt_vm *v, const char *name, uint64_t monotonic, uint64_t boot)
{
	char path[128], text[16384];

	snprintf(path, sizeof(path), "fixtures/proc/%s", name);
	assert_true(vt_procfile_once(AT_FDCWD, path, text, sizeof(text)) >= 0);
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
	(void)state;

	void *vm = calloc(1, k->state_size);
	assert_int_equal(k->open(vm, &fake.api), -ENOENT);
	assert_int_equal(fake.source[RUN][VT_SRC_vm], 1);
	assert_string_equal(fake.reason[RUN][VT_SRC_vm], "/proc/vmstat: No such file or directory");
	put("vmstat", "vmstat-normal.txt");
	memset(vm, 0, k->state_size);
	assert_int_equal(k->open(vm, &fake.api), 0);
	assert_int_equal(fake.source[RUN][VT_SRC_vm], 2);
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

/* ---- process ------------------------------------------------------------------------------------------ */

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
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
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
	assert_int_equal(fake.source[FIRST][VT_SRC_process], 2);
	assert_int_equal(fake.source[FIRST][VT_SRC_process_io], 2);
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
	assert_int_equal(fake.source[FIRST][VT_SRC_process], 1);
	assert_string_equal(fake.reason[FIRST][VT_SRC_process], "/proc/4194305/stat: No such file or directory");
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
	assert_int_equal(fake.source[FIRST][VT_SRC_process], 2);
	assert_int_equal(fake.source[FIRST][VT_SRC_process_io], 1);
	assert_string_equal(fake.reason[FIRST][VT_SRC_process_io], "/proc/4194305/io: No such file or directory");
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

/* I/O of a child that was waited for is in its parent's, too. */
static void test_process_children(void **state)
{
	struct vt_collected child = { .index = 1, .pid = PID + 1, .start = START, .parent = 0 };
	void *p = open_process();
	(void)state;

	make_process(PID);
	make_process(PID + 1);
	vt_collector_process.begin(p, &fake.api, &first);
	vt_collector_process.begin(p, &fake.api, &child);
	vt_collector_process.end(p, &fake.api, &child, NULL);
	put_text("4194305/io", "rchar: 2712179\nwchar: 2097898\nsyscr: 300\nsyscw: 12\n");
	vt_collector_process.sample(p, &fake.api, 0);
	is(FIRST, VT_M_process_read, 1356140);
	is(FIRST, VT_M_process_reads, 153);
	is(SECOND, VT_M_process_read, 1356039);
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

/* ---- pressure and control groups -------------------------------------------------------------------------- */

static void test_pressure_files(void **state)
{
	const struct vt_collector *k = &vt_collector_pressure;
	void *p = calloc(1, k->state_size);
	(void)state;

	assert_true(k->open(p, &fake.api) < 0);
	assert_string_equal(fake.reason[RUN][VT_SRC_pressure], "/proc/pressure: No such file or directory");
	make("pressure");
	put("pressure/cpu", "pressure-no-full.txt");
	put("pressure/memory", "pressure-normal.txt");
	memset(p, 0, k->state_size);
	assert_int_equal(k->open(p, &fake.api), 0);
	assert_int_equal(fake.source[RUN][VT_SRC_pressure], 2);
	put_text("pressure/memory", "some total=12345778\nfull total=2350\n");
	k->sample(p, &fake.api, 0);
	is(RUN, VT_M_pressure_memory_some, 100000);
	is(RUN, VT_M_pressure_memory_full, 5000);
	is(RUN, VT_M_pressure_cpu_some, 0);
	absent(RUN, VT_M_pressure_cpu_full);
	absent(RUN, VT_M_pressure_io_some);
	k->close(p);
}

static void test_cgroup_files(void **state)
{
	const struct vt_collector *k = &vt_collector_cgroup;
	void *g = calloc(1, k->state_size);
	(void)state;

	assert_int_equal(k->open(g, &fake.api), 0);
	k->sample(g, &fake.api, 0);             /* no process yet: nothing is decided */
	assert_int_equal(fake.source[RUN][VT_SRC_cgroup], 0);
	fake.processes[0] = first;
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
	assert_int_equal(fake.source[RUN][VT_SRC_cgroup], 2);
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

	fake.processes[0] = first;
	fake.count = 1;
	make("4194305");
	for (unsigned i = 0; i < 3; i++) {
		void *g = calloc(1, k->state_size);
		put("4194305/cgroup", cases[i].fixture);
		assert_int_equal(k->open(g, &fake.api), 0);
		k->sample(g, &fake.api, 0);
		assert_int_equal(fake.source[RUN][VT_SRC_cgroup], 1);
		assert_string_equal(fake.reason[RUN][VT_SRC_cgroup], cases[i].reason);
		absent(RUN, VT_M_cgroup_memory);
		k->close(g);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vm_rates), TEST(test_vm_reset), TEST(test_vm_missing), TEST(test_vm_gap),
		TEST(test_vm_huge), TEST(test_vm_file), TEST(test_process), TEST(test_process_absent),
		TEST(test_process_exec), TEST(test_process_children), TEST(test_process_usage),
		TEST(test_pressure_files), TEST(test_cgroup_files), TEST(test_cgroup_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
