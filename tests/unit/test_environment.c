/*
 * test_environment.c - what surrounds a recording: places where no ring file can be, full file systems,
 * options. Whatever is wrong, the program runs on, and the failure is said once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace.h>

#include "core/options.h"
#include "tests/unit/child.h"
#include "tests/unit/producers.h"

/* ---- places where no ring file can be -------------------------------------------------------- */

/* Everything does nothing, quietly. */
static void run_on(void)
{
	errno = 77;
	VT_EMIT(gc, slice, .cycle = 1);
	vt_count(VT_M_gc_cycles, 1);
	CHECK_EQUAL(vt_string("a"), 0);
	vt_thread_name("x");
	vt_enable(~0ull);
	CHECK_EQUAL(vt_enabled(), 0);
	CHECK_EQUAL(vt_flush(), -ENOTCONN);
	struct vt_metrics m;
	CHECK_EQUAL(vt_metrics_read(&m), -ENOTCONN);
	CHECK_EQUAL(vt_register_category("x", ""), -ENOTCONN);
	CHECK(vt__ring == NULL);
	CHECK_EQUAL(vt_stop(), -ENOTCONN);
	CHECK_EQUAL(errno, 77);
}

/* Starts with stderr in a file. `said`: what was written there. */
static int start_in(const char *directory, const char *rings, char *said, size_t size)
{
	char path[PATH_MAX], log[PATH_MAX];

	snprintf(path, sizeof(path), "%s/stderr", directory);
	snprintf(log, sizeof(log), "%s/run.vtrace", directory);
	fflush(stderr);
	int keep = dup(2), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(file, 2);
	int err = vt_start(&(struct vt_options){ .output = log, .ring_directory = rings, .events = "all" });
	fflush(stderr);
	dup2(keep, 2);
	ssize_t n = pread(file, said, size - 1, 0);
	said[n > 0 ? n : 0] = 0;
	close(file);
	close(keep);
	return err;
}

static void refused(const char *directory, const char *rings, int want)
{
	char said[4096], log[PATH_MAX];

	CHECK_EQUAL(start_in(directory, rings, said, sizeof(said)), want);
	/* One line, which says that tracing is off. */
	CHECK(strncmp(said, "valktrace: ", 11) == 0);
	CHECK(strstr(said, "; tracing is off\n") != NULL);
	CHECK(strchr(said, '\n') == said + strlen(said) - 1);
	snprintf(log, sizeof(log), "%s/run.vtrace", directory);
	CHECK(access(log, F_OK) < 0);
	CHECK_EQUAL(count_files(directory, ".vring", NULL), 0);
	run_on();
}

static void bad_places(const char *directory)
{
	char rings[PATH_MAX], other[PATH_MAX];

	snprintf(rings, sizeof(rings), "%s/no/such", directory);
	refused(directory, rings, -ENOENT);

	snprintf(rings, sizeof(rings), "%s/fifo", directory);
	mkfifo(rings, 0600);
	refused(directory, rings, -EPERM);

	snprintf(rings, sizeof(rings), "%s/file", directory);
	close(open(rings, O_CREAT | O_WRONLY, 0600));
	refused(directory, rings, -EPERM);

	snprintf(other, sizeof(other), "%s/mine", directory);
	mkdir(other, 0700);
	snprintf(rings, sizeof(rings), "%s/link", directory);
	CHECK_EQUAL(symlink(other, rings), 0);
	refused(directory, rings, -EPERM);

	chmod(other, 0777);                     /* others could plant names in it */
	refused(directory, other, -EPERM);
	chmod(other, 0700);

	memset(rings, 'x', sizeof(rings) - 1);
	rings[sizeof(rings) - 1] = 0;
	refused(directory, rings, -ENAMETOOLONG);
	if (geteuid() == 0) {
		CHECK_EQUAL(chown(other, 65534, 65534), 0);
		refused(directory, other, -EPERM);
	}
	rmdir(other);
}

static void places(void **state)
{
	(void)state;
	assert_int_equal(in_child(bad_places), 0);
}

/* ---- file systems ---------------------------------------------------------------------------- */

static bool may_mount(const char *at)
{
	if (geteuid() != 0 || mount("tmpfs", at, "tmpfs", 0, "size=1m,mode=0700") < 0)
		return false;
	umount(at);
	return true;
}

static void read_only(const char *directory)
{
	char rings[PATH_MAX];

	snprintf(rings, sizeof(rings), "%s/ro", directory);
	mkdir(rings, 0700);
	if (CHECK_EQUAL(mount("tmpfs", rings, "tmpfs", MS_RDONLY, "size=1m,mode=0700"), 0)) {
		refused(directory, rings, -EROFS);
		umount(rings);
	}
	rmdir(rings);
}

/* Threads that get no memory lose their events, which are counted; a ring may have fewer segments. */
static void full_file_system(const char *directory)
{
	enum { COUNT = 12 };
	static struct producer p[COUNT];
	char rings[PATH_MAX];
	struct memlog log;
	uint64_t bad = 0;

	snprintf(rings, sizeof(rings), "%s/full", directory);
	mkdir(rings, 0700);
	if (!CHECK_EQUAL(mount("tmpfs", rings, "tmpfs", 0, "size=1m,mode=0700"), 0))
		return;
	attach(rings, 16384, 8, 64, VT_OVERWRITE, false);
	memlog_follow(&log, NULL);
	log.each = check_number;
	log.user = &bad;
	for (unsigned i = 0; i < COUNT; i++) {
		p[i].count = 30000;
		pthread_create(&p[i].thread, NULL, produce, &p[i]);
		pthread_join(p[i].thread, NULL);
	}
	memlog_finish(&log);
	uint64_t attempted = 0, seen = 0, no_room = 0;
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		for (unsigned i = 0; i < COUNT; i++)
			attempted += p[i].attempted[c];
		seen += memlog_decoded(&log, 0, c) + memlog_lost(&log, 0, c) + log.no_ring[c];
		no_room += log.no_ring[c];
	}
	no_room += memlog_lost_by(&log, 0, VT_LOST_NORING);
	CHECK_EQUAL(seen, attempted);
	CHECK(no_room > 0);
	CHECK(log.events > 0);
	CHECK_EQUAL(bad, 0);
	CHECK_EQUAL(memlog_unbalanced(&log), 0);
	memlog_close(&log);
	CHECK_EQUAL(umount2(rings, MNT_DETACH), 0);
	rmdir(rings);
}

static void file_systems(void **state)
{
	char directory[DIRECTORY_SIZE];

	(void)state;
	make_directory(directory);
	bool may = may_mount(directory);
	remove_directory(directory);
	if (!may) {
		print_message("skipped: file systems (mount needs root)\n");
		return;
	}
	assert_int_equal(in_child(read_only), 0);
	assert_int_equal(in_child(full_file_system), 0);
}

/* ---- the files that are made ----------------------------------------------------------------- */

static void modes(const char *directory)
{
	char path[PATH_MAX], said[4096], rings[PATH_MAX];
	struct stat st;

	umask(0);
	snprintf(rings, sizeof(rings), "%s/rings", directory);
	CHECK_EQUAL(start_in(directory, rings, said, sizeof(said)), 0);
	CHECK_EQUAL(strlen(said), 0);
	CHECK_EQUAL(stat(rings, &st), 0);
	CHECK_EQUAL(st.st_mode, S_IFDIR | 0700);
	CHECK_EQUAL(count_files(rings, ".vring", path), 1);
	CHECK_EQUAL(stat(path, &st), 0);
	CHECK_EQUAL(st.st_mode, S_IFREG | 0600);
	snprintf(path, sizeof(path), "%s/run.vtrace", directory);
	CHECK_EQUAL(stat(path, &st), 0);
	CHECK_EQUAL(st.st_mode, S_IFREG | 0600);
	CHECK_EQUAL(vt_start(NULL), -EALREADY);
	CHECK_EQUAL(vt_stop(), 0);
	remove_directory(rings);
}

static void files_are_private(void **state)
{
	(void)state;
	assert_int_equal(in_child(modes), 0);
}

/* VALKTRACE wins over what the host says; a mistake in it is said, and the rest is used. */
static void environment_wins(const char *directory)
{
	char path[PATH_MAX], said[4096];

	snprintf(path, sizeof(path), "events=gc+loop,colour=red,output=%s/other.vtrace,level=99,codec=lz4",
	         directory);
	setenv("VALKTRACE", path, 1);
	CHECK_EQUAL(start_in(directory, directory, said, sizeof(said)), 0);
	CHECK(strncmp(said, "valktrace: VALKTRACE: unknown option 'colour'; known: events ", 60) == 0);
	CHECK(strchr(said, '\n') == said + strlen(said) - 1);
	CHECK_EQUAL(vt_enabled(), 1ull << VT_CAT_gc | 1ull << VT_CAT_loop);
	CHECK_EQUAL(count_files(directory, ".vtrace", path), 1);
	CHECK(strstr(path, "/other.vtrace") != NULL);
	CHECK_EQUAL(vt_stop(), 0);

	setenv("VALKTRACE", "events=gc+colour", 1);
	CHECK_EQUAL(start_in(directory, directory, said, sizeof(said)), 0);
	CHECK(strcmp(said, "valktrace: events: no category 'colour' is known (yet)\n") == 0);
	CHECK_EQUAL(vt_enabled(), 1ull << VT_CAT_gc);
	CHECK_EQUAL(vt_stop(), 0);

	setenv("VALKTRACE", "0", 1);
	CHECK_EQUAL(start_in(directory, directory, said, sizeof(said)), -ECANCELED);
	CHECK(strcmp(said, "") == 0);
	CHECK_EQUAL(vt_stop(), -ENOTCONN);
}

static void environment(void **state)
{
	(void)state;
	assert_int_equal(in_child(environment_wins), 0);
}

/* ---- options --------------------------------------------------------------------------------- */

static const struct vt_option_row *row_of(const char *name)
{
	for (unsigned i = 0; i < vt_option_count; i++)
		if (strcmp(vt_option_rows[i].name, name) == 0)
			return &vt_option_rows[i];
	return NULL;
}

static uint64_t number_in(const struct vt_settings *s, const struct vt_option_row *row)
{
	uint64_t n;
	memcpy(&n, (const char *)s + row->offset, sizeof(n));
	return n;
}

static void every_row(void **state)
{
	struct vt_settings s;
	char problem[512], text[64];

	(void)state;
	assert_true(vt_option_count >= 12);
	for (unsigned i = 0; i < vt_option_count; i++) {
		const struct vt_option_row *row = &vt_option_rows[i];
		vt_settings_default(&s);
		if (row->kind == VT_OPTION_NAMES || row->kind == VT_OPTION_TEXT) {
			assert_int_equal(vt_settings_set(&s, row->name, "word", problem, sizeof(problem)), 0);
			assert_string_equal((char *)&s + row->offset, "word");
			char longest[VT_OPTION_WORD + 1];
			memset(longest, 'x', sizeof(longest));
			longest[VT_OPTION_WORD] = 0;
			assert_int_equal(vt_settings_set(&s, row->name, longest, problem, sizeof(problem)),
			                 -VT_E_OPTION);
			assert_string_equal((char *)&s + row->offset, "word");
			continue;
		}
		if (row->kind == VT_OPTION_RULES) {
			/* Each behind those before it, until there is no room; a bad one changes nothing. */
			assert_int_equal(vt_settings_set(&s, row->name, "lost>0", problem, sizeof(problem)), 0);
			assert_int_equal(vt_settings_set(&s, row->name, "word", problem, sizeof(problem)), -VT_E_OPTION);
			assert_int_equal(vt_settings_set(&s, row->name, "gc.time > 10%", problem, sizeof(problem)), 0);
			assert_string_equal((char *)&s + row->offset, "lost > 0;gc.time > 10 %;");
			unsigned more = 0;
			while (vt_settings_set(&s, row->name, "lost > 1", problem, sizeof(problem)) == 0)
				assert_true(++more < VT_OPTION_WORD);
			assert_true(strlen((char *)&s + row->offset) < VT_OPTION_WORD && more > 40);
			assert_non_null(strstr(problem, "more rules"));
			continue;
		}
		const char *unit = row->kind == VT_OPTION_TIME ? "us" : "";
		uint64_t factor = row->kind == VT_OPTION_TIME ? 1000 : 1;
		assert_true(number_in(&s, row) == row->standard);
		const uint64_t good[] = { row->least / factor, row->most / factor };
		for (unsigned k = 0; k < 2; k++) {
			snprintf(text, sizeof(text), "%llu%s", (unsigned long long)good[k], unit);
			assert_int_equal(vt_settings_set(&s, row->name, text, problem, sizeof(problem)), 0);
			assert_true(number_in(&s, row) == (good[k] ? good[k] * factor : row->standard));
		}
		snprintf(text, sizeof(text), "%llu%s", (unsigned long long)row->most / factor + 1, unit);
		assert_int_equal(vt_settings_set(&s, row->name, text, problem, sizeof(problem)), -VT_E_OPTION);
		assert_non_null(strstr(problem, row->name));
		assert_non_null(strstr(problem, "out of range"));
		assert_int_equal(vt_settings_set(&s, row->name, "0", problem, sizeof(problem)), 0);
		assert_true(number_in(&s, row) == row->standard);
	}
}

static void values(void **state)
{
	static const struct { const char *name, *value; uint64_t want; } good[] = {
		{ "ring-size", "16384", 16384 }, { "ring-size", "64K", 64 << 10 },
		{ "ring-size", "1M", 1 << 20 }, { "ring-size", "2MiB", 2 << 20 }, { "max-size", "3G", 3ull << 30 },
		{ "flush", "5ms", 5000000 }, { "flush", "1500us", 1500000 }, { "flush", "2s", 2000000000 },
		{ "flush", "3", 3000000000 }, { "counters", "2m", 120000000000 },
		{ "counters", "1h", 3600000000000 }, { "level", "19", 19 },
	};
	static const struct { const char *name, *value; } bad[] = {
		{ "ring-size", "" }, { "ring-size", "many" }, { "ring-size", "-1" }, { "ring-size", "64 K" },
		{ "ring-size", "64k" }, { "ring-size", "1000" }, { "ring-size", "99999999999999999999" },
		{ "ring-size", "17179869185G" }, { "ring-size", "0x4000" }, { "flush", "5 ms" },
		{ "flush", "5d" }, { "flush", "1us" }, { "level", "1K" }, { "level", "20" }, { "level", "-3" },
	};
	struct vt_settings s;
	char problem[512];

	(void)state;
	vt_settings_default(&s);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(vt_settings_set(&s, good[i].name, good[i].value, problem, sizeof(problem)), 0);
		assert_true(number_in(&s, row_of(good[i].name)) == good[i].want);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vt_settings before = s;
		*problem = 0;
		assert_int_equal(vt_settings_set(&s, bad[i].name, bad[i].value, problem, sizeof(problem)),
		                 -VT_E_OPTION);
		assert_non_null(strstr(problem, bad[i].value));
		assert_null(strchr(problem, '\n'));
		assert_memory_equal(&s, &before, sizeof(s));
	}
	assert_int_equal(vt_settings_set(&s, "ringsize", "1", problem, sizeof(problem)), -VT_E_OPTION);
	assert_non_null(strstr(problem, "unknown option 'ringsize'; known:"));
	for (unsigned i = 0; i < vt_option_count; i++)
		assert_non_null(strstr(problem, vt_option_rows[i].name));
	/* Too small for the message: cut, not overrun. */
	for (size_t room = 1; room < 64; room++) {
		memset(problem, '#', sizeof(problem));
		assert_int_equal(vt_settings_set(&s, "ringsize", "1", problem, room), -VT_E_OPTION);
		assert_true(strlen(problem) < room);
		assert_true(problem[room] == '#');
	}
}

static void lists(void **state)
{
	struct vt_settings s;
	struct vt_resolved r;
	char problem[512], text[5000];

	(void)state;
	vt_settings_default(&s);
	assert_int_equal(vt_settings_parse(&s, "events=gc+loop,mode=discard,,ring-size=1M,codec=none", problem,
	                                   sizeof(problem)), 0);
	assert_string_equal(s.events, "gc+loop");
	assert_int_equal(vt_settings_resolve(&s, &r, problem, sizeof(problem)), 0);
	assert_int_equal(r.geometry.mode, VT_DISCARD);
	assert_int_equal(r.geometry.segment_size * r.geometry.segment_count, 1 << 20);
	assert_string_equal(r.codec->name, "none");

	/* The first mistake is told, what follows is used. */
	assert_int_equal(vt_settings_parse(&s, "level=x,nonsense,flush=7ms", problem, sizeof(problem)),
	                 -VT_E_OPTION);
	assert_non_null(strstr(problem, "level"));
	assert_true(s.flush_ns == 7000000);

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(vt_settings_parse(&s, text, problem, sizeof(problem)), -VT_E_OPTION);

	strcpy(s.mode, "sideways");
	assert_int_equal(vt_settings_resolve(&s, &r, problem, sizeof(problem)), -VT_E_OPTION);
	assert_non_null(strstr(problem, "sideways"));
	strcpy(s.mode, "overwrite");
	strcpy(s.codec, "gzip");
	assert_int_equal(vt_settings_resolve(&s, &r, problem, sizeof(problem)), -VT_E_OPTION);
	assert_non_null(strstr(problem, "gzip"));
}

static void categories(void **state)
{
	static const uint64_t gc = 1ull << VT_CAT_gc, loop = 1ull << VT_CAT_loop;
	static const struct { const char *names; uint64_t want; } good[] = {
		{ "", 0 }, { "none", 0 }, { "gc", gc }, { "gc,loop", gc | loop }, { "gc+loop", gc | loop },
		{ "gc loop", gc | loop }, { "all", ~0ull }, { "!gc", ~gc }, { "all,!gc,!loop", ~(gc | loop) },
		{ "gc,!gc", 0 }, { "gc,gc", gc },
	};
	uint64_t set;
	char bad[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(vt_category_set(good[i].names, &set, bad, sizeof(bad)), 0);
		assert_true(set == good[i].want);
	}
	assert_int_equal(vt_category_set("gc,!colour", &set, bad, sizeof(bad)), -VT_E_UNKNOWN_CATEGORY);
	assert_string_equal(bad, "colour");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(file_systems),
		cmocka_unit_test(files_are_private),
		cmocka_unit_test(environment),
		cmocka_unit_test(every_row),
		cmocka_unit_test(values),
		cmocka_unit_test(lists),
		cmocka_unit_test(categories),
	};

	unsetenv("VALKTRACE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
