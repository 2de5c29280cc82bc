/* test_procfile.c - texts of /proc: recorded ones, broken ones, and any bytes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collectors/cgroup.h"
#include "collectors/pressure.h"
#include "collectors/process.h"
#include "collectors/procfile.h"

static char text[32768];

static const char *fixture(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "fixtures/proc/%s", name);
	assert_true(vt_procfile_once(AT_FDCWD, path, text, sizeof(text)) >= 0);
	return text;
}

static void test_read(void **state)
{
	struct vt_procfile f = { 0 };
	char small[8], path[] = "/tmp/valktrace-procfile.XXXXXX";
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(vt_procfile_read(&f, AT_FDCWD, path, small, sizeof(small)), 7);
	assert_string_equal(small, "0123456");
	/* It stays open, and is read from its beginning again. */
	unlink(path);
	assert_int_equal(pwrite(fd, "ab", 2, 0), 2);
	assert_int_equal(ftruncate(fd, 2), 0);
	assert_int_equal(vt_procfile_read(&f, AT_FDCWD, path, small, sizeof(small)), 2);
	assert_string_equal(small, "ab");
	vt_procfile_close(&f);
	assert_int_equal(vt_procfile_read(&f, AT_FDCWD, path, small, sizeof(small)), -2);
	assert_int_equal(f.handle, 0);
	vt_procfile_close(&f);
	assert_int_equal(vt_procfile_once(AT_FDCWD, "/", small, sizeof(small)), -21);
	close(fd);
}

static void test_number(void **state)
{
	static const struct { const char *text; bool good; uint64_t value; } cases[] = {
		{ "0", true, 0 }, { "18446744073709551615 ", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 }, { "99999999999999999999999", false, 0 },
		{ "", false, 0 }, { "-1", false, 0 }, { " 1", false, 0 }, { "0007x", true, 7 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *at = cases[i].text;
		uint64_t v = 0;
		assert_int_equal(vt_proc_number(&at, &v), cases[i].good);
		assert_int_equal(v, cases[i].value);
		assert_int_equal(at > cases[i].text, cases[i].good);
	}
}

static void test_lines(void **state)
{
	static const char *const keys[] = { "pgpgin", "pgpgout", "pgfault", "pgmajfault" };
	uint64_t v[4] = { 1, 2, 3, 4 };
	bool found[4];
	(void)state;

	assert_int_equal(vt_proc_lines(fixture("vmstat-normal.txt"), keys, 4, v, found), 4);
	assert_int_equal(v[0], 1000);
	assert_int_equal(v[1], 2000);
	assert_int_equal(v[2], 5000);
	assert_int_equal(v[3], 7);
	assert_int_equal(vt_proc_lines(fixture("vmstat-empty.txt"), keys, 4, v, found), 0);
	assert_int_equal(vt_proc_lines(fixture("vmstat-garbage.txt"), keys, 4, v, found), 0);
	/* Cut in the middle of a number: that one is not 20. */
	assert_int_equal(vt_proc_lines(fixture("vmstat-truncated.txt"), keys, 4, v, found), 1);
	assert_true(found[0] && !found[1]);
	assert_int_equal(v[1], 2000);
	assert_int_equal(vt_proc_lines(fixture("vmstat-huge.txt"), keys, 4, v, found), 3);
	assert_int_equal(v[0], UINT64_MAX);
	assert_false(found[1]);
	assert_int_equal(v[3], 12);
	/* A key that is the beginning of another is not found in it. */
	assert_int_equal(vt_proc_lines("pgpginx 5\npgpgi 6\npgpgin: 8 kB\n", keys, 1, v, found), 1);
	assert_int_equal(v[0], 8);
}

static void test_stat(void **state)
{
	struct vt_proc_stat s;
	(void)state;

	assert_true(vt_proc_stat(fixture("stat-normal.txt"), &s));
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.minor, 1850);
	assert_int_equal(s.minor_of_children, 420);
	assert_int_equal(s.major, 3);
	assert_int_equal(s.major_of_children, 4);
	assert_int_equal(s.user, 123);
	assert_int_equal(s.system, 45);
	assert_int_equal(s.threads, 4);
	assert_int_equal(s.start, 98765);
	assert_int_equal(s.virtual_bytes, 631209984);
	assert_int_equal(s.resident_pages, 13700);
	/* A name that looks like the rest of the line. */
	assert_true(vt_proc_stat(fixture("stat-comm.txt"), &s));
	assert_int_equal(s.state, 'R');
	assert_int_equal(s.user, 123);
	assert_int_equal(s.start, 98765);
	assert_true(vt_proc_stat(fixture("stat-zombie.txt"), &s));
	assert_int_equal(s.state, 'Z');
	assert_int_equal(s.virtual_bytes, 0);
	assert_false(vt_proc_stat(fixture("stat-truncated.txt"), &s));
	assert_false(vt_proc_stat(fixture("stat-garbage.txt"), &s));
	assert_false(vt_proc_stat(fixture("stat-huge.txt"), &s));
	assert_false(vt_proc_stat("", &s));
	assert_false(vt_proc_stat(")", &s));
	assert_false(vt_proc_stat(") S", &s));
}

static void test_own_files(void **state)
{
	struct vt_proc_stat s;
	uint64_t a, b;
	(void)state;

	int dir = vt_procfile_directory("self");
	assert_true(dir >= 0);
	assert_true(vt_procfile_once(dir, "stat", text, sizeof(text)) > 0);
	assert_true(vt_proc_stat(text, &s));
	assert_int_equal(s.threads, 1);
	assert_true(vt_procfile_once(dir, "status", text, sizeof(text)) > 0);
	assert_true(vt_process_switches(text, &a, &b));
	close(dir);
}

static void test_process_texts(void **state)
{
	struct vt_process_values v = { .have = { false } };
	uint64_t a = 0, b = 0;
	(void)state;

	vt_process_take_status(&v, fixture("status-normal.txt"));
	assert_int_equal(v.value[VT_P_PEAK_RESIDENT], 61036u * 1024);
	assert_int_equal(v.value[VT_P_RESIDENT], 54800u * 1024);
	assert_true(vt_process_switches(text, &a, &b));
	assert_int_equal(a, 151);
	assert_int_equal(b, 17);
	/* A zombie has no memory: what was there last stays. */
	vt_process_take_status(&v, fixture("status-zombie.txt"));
	assert_int_equal(v.value[VT_P_PEAK_RESIDENT], 61036u * 1024);
	assert_int_equal(v.value[VT_P_RESIDENT], 54800u * 1024);
	assert_true(vt_process_switches(text, &a, &b));
	assert_int_equal(a, 160);
	vt_process_take_io(&v, fixture("io-normal.txt"));
	assert_int_equal(v.value[VT_P_READ], 1356039);
	assert_int_equal(v.value[VT_P_STORAGE_WRITTEN], 1048576);
	vt_process_take_io(&v, fixture("io-missing.txt"));
	assert_int_equal(v.value[VT_P_READ], 1356040);
	assert_int_equal(v.value[VT_P_WRITTEN], 1048949);
	assert_true(vt_process_delay(fixture("schedstat-normal.txt"), &a));
	assert_int_equal(a, 45200000);
	assert_false(vt_process_delay("12", &a));
	assert_false(vt_process_delay("12 ", &a));
	assert_false(vt_process_delay("12 34", &a));
}

static void test_pressure(void **state)
{
	uint64_t us = 0;
	(void)state;

	assert_true(vt_pressure_total(fixture("pressure-normal.txt"), "some", &us));
	assert_int_equal(us, 12345678);
	assert_true(vt_pressure_total(text, "full", &us));
	assert_int_equal(us, 2345);
	assert_true(vt_pressure_total(fixture("pressure-no-full.txt"), "some", &us));
	assert_false(vt_pressure_total(text, "full", &us));
	assert_false(vt_pressure_total(fixture("pressure-garbage.txt"), "some", &us));
	assert_false(vt_pressure_total(text, "full", &us));
	assert_false(vt_pressure_total("", "some", &us));
}

static void test_cgroup(void **state)
{
	char path[64];
	uint64_t v;
	bool v1;
	(void)state;

	assert_true(vt_cgroup_path(fixture("cgroup-v2.txt"), path, sizeof(path), &v1));
	assert_string_equal(path, "/user.slice/job.scope");
	assert_false(v1);
	assert_false(vt_cgroup_path(text, path, 8, &v1));
	assert_true(vt_cgroup_path(fixture("cgroup-v1.txt"), path, sizeof(path), &v1));
	assert_string_equal(path, "/");
	assert_true(v1);
	assert_false(vt_cgroup_path(fixture("cgroup-outside.txt"), path, sizeof(path), &v1));
	assert_false(vt_cgroup_path("", path, sizeof(path), &v1));
	assert_true(vt_cgroup_bytes("1048576\n", &v));
	assert_int_equal(v, 1048576);
	assert_false(vt_cgroup_bytes("max\n", &v));
	assert_true(vt_cgroup_cpu_limit("150000 100000\n", &v));
	assert_int_equal(v, 1500);
	assert_false(vt_cgroup_cpu_limit("max 100000\n", &v));
	assert_false(vt_cgroup_cpu_limit("1 0\n", &v));
	assert_false(vt_cgroup_cpu_limit("1\n", &v));
}

/* ---- any bytes ------------------------------------------------------------------------------------------ */

static void parse_all(const char *t)
{
	static const char *const keys[] = { "pgpgin", "VmHWM", "pgfault" };
	struct vt_process_values v = { .have = { false } };
	struct vt_proc_stat s;
	uint64_t values[3], a, b;
	bool found[3], v1;
	char path[40];

	vt_proc_lines(t, keys, 3, values, found);
	vt_proc_stat(t, &s);
	vt_process_take_status(&v, t);
	vt_process_take_io(&v, t);
	vt_process_switches(t, &a, &b);
	vt_process_delay(t, &a);
	vt_pressure_total(t, "some", &a);
	if (vt_cgroup_path(t, path, sizeof(path), &v1))
		assert_true(strlen(path) < sizeof(path));
	vt_cgroup_bytes(t, &a);
	vt_cgroup_cpu_limit(t, &a);
}

/* Recorded texts with some bytes changed, and cut: in memory of just their size, for the sanitizer. */
static void test_any_bytes(void **state)
{
	static const char *const names[] = {
		"vmstat-normal.txt", "stat-comm.txt", "status-normal.txt", "io-normal.txt", "pressure-normal.txt",
		"cgroup-v1.txt", "schedstat-normal.txt", "vmstat-garbage.txt",
	};
	static const char marks[] = "\n :()-=/9\t\0";
	uint64_t seed = 88172645463325252u;
	(void)state;

	for (unsigned round = 0; round < 20000; round++) {
		const char *t = fixture(names[round % 8]);
		size_t length = strlen(t);
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		size_t kept = length ? seed % (length + 1) : 0;
		char *copy = malloc(kept + 1);
		assert_non_null(copy);
		memcpy(copy, t, kept);
		copy[kept] = 0;
		for (unsigned i = 0; i < round % 5 && kept > 0; i++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			copy[seed % kept] = seed >> 63 ? marks[(seed >> 32) % sizeof(marks)] : (char)(seed >> 40);
		}
		parse_all(copy);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read), cmocka_unit_test(test_number), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_stat), cmocka_unit_test(test_own_files),
		cmocka_unit_test(test_process_texts), cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_cgroup), cmocka_unit_test(test_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
