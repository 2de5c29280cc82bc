/* test_ring_input.c - a ring file without its log: whole, overwritten, still written, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <valktrace/error.h>
#include <valktrace/reader.h>

#include "tests/unit/child.h"
#include "tests/unit/producers.h"

enum { SEGMENT = 4096, SEGMENTS = 4, FEW = 50, MANY = 20000 };

static void emit_all(const char *directory, enum vt_ring_mode mode, uint64_t count)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);       /* a failed assertion must not leave it behind */
	attach(directory, SEGMENT, SEGMENTS, 4, mode, false);
	for (uint64_t n = 1; n <= count; n++)
		emit_number(n, true);
	_exit(0);
}

/* A process that emits `count` events, or for ever, and leaves its ring file in `directory`. */
static pid_t producer(const char *directory, enum vt_ring_mode mode, uint64_t count)
{
	pid_t pid = fork();

	if (pid == 0)
		emit_all(directory, mode, count);
	assert_true(pid > 0);
	return pid;
}

struct seen {
	uint64_t events, lost, last, invented;
};

/* Everything that a reader of this file alone delivers. 0 or the error of opening it. */
static int read_alone(const char *path, struct seen *seen, bool genuine)
{
	struct vt_reader_options options = { .size = sizeof(options), .no_ring_files = true };
	const struct vt_event *e;
	struct vt_reader *reader;

	memset(seen, 0, sizeof(*seen));
	int err = vt_reader_open(&reader, &path, 1, &options);
	if (err < 0)
		return err;
	while (vt_reader_next(reader, &e) > 0) {
		if (e->gap || e->desc->category == VT_CAT_meta)
			continue;
		uint64_t n = genuine ? number_of(e->desc->id, e->values, e->text) : seen->last + 1;
		seen->invented += n <= seen->last;
		seen->last = n;
		seen->events++;
	}
	const struct vt_run_info *run = vt_reader_run(reader);
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			if (c != VT_CAT_meta && (!genuine || cause == VT_LOST_OVERWRITTEN))
				seen->lost += run->lost[cause][c];
	assert_int_equal(run->parts, 0);
	vt_reader_close(reader);
	return 0;
}

static void whole_and_overwritten(void **state)
{
	char directory[DIRECTORY_SIZE], path[PATH_MAX];
	struct seen seen;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t count = i == 0 ? FEW : MANY;
		make_directory(directory);
		status_of(producer(directory, VT_OVERWRITE, count));
		assert_int_equal(count_files(directory, ".vring", path), 1);
		assert_int_equal(read_alone(path, &seen, true), 0);
		assert_int_equal(seen.invented, 0);
		assert_int_equal(seen.events + seen.lost, count);
		assert_int_equal(seen.last, count);
		assert_true(i == 0 ? seen.lost == 0 : seen.lost > 0 && seen.events > FEW);
		remove_directory(directory);
	}
}

static void discarded(void **state)
{
	char directory[DIRECTORY_SIZE], path[PATH_MAX];
	struct seen seen;

	(void)state;
	make_directory(directory);
	status_of(producer(directory, VT_DISCARD, MANY));
	assert_int_equal(count_files(directory, ".vring", path), 1);
	assert_int_equal(read_alone(path, &seen, true), 0);
	assert_int_equal(seen.invented, 0);
	assert_int_equal(seen.lost, 0);         /* by overwriting */
	assert_true(seen.events > 0 && seen.last < MANY);
	remove_directory(directory);
}

/* Read again and again while it is written at full speed: nothing torn, and what is gone is counted. */
static void while_it_is_written(void **state)
{
	char directory[DIRECTORY_SIZE], path[PATH_MAX];
	struct seen seen;
	uint64_t last = 0;

	(void)state;
	make_directory(directory);
	pid_t pid = producer(directory, VT_OVERWRITE, UINT64_MAX);
	while (count_files(directory, ".vring", path) == 0 || read_alone(path, &seen, true) < 0)
		sleep_us(1000);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(read_alone(path, &seen, true), 0);
		assert_int_equal(seen.invented, 0);
		assert_true(seen.last >= last || seen.events == 0);
		if (seen.events > 0) {
			assert_int_equal(seen.events + seen.lost, seen.last);
			last = seen.last;
		}
	}
	assert_true(last > 0);
	kill(pid, SIGKILL);
	status_of(pid);
	remove_directory(directory);
}

/* ---- hostile ----------------------------------------------------------------------------------------- */

struct target {
	char directory[DIRECTORY_SIZE], path[PATH_MAX];
	int fd;
	off_t size;
};

static void open_target(struct target *t)
{
	make_directory(t->directory);
	status_of(producer(t->directory, VT_OVERWRITE, MANY));
	assert_int_equal(count_files(t->directory, ".vring", t->path), 1);
	t->fd = open(t->path, O_RDWR);
	assert_true(t->fd >= 0);
	t->size = lseek(t->fd, 0, SEEK_END);
}

static void close_target(struct target *t)
{
	close(t->fd);
	remove_directory(t->directory);
}

/* A place that holds data: the file is sparse. */
static off_t some_place(const struct target *t, uint64_t *random)
{
	for (;;) {
		off_t at = lseek(t->fd, (off_t)(random_next(random) % (uint64_t)t->size), SEEK_DATA);
		if (at >= 0 && at < t->size)
			return at + (off_t)(random_next(random) % 4096) < t->size ?
			       at + (off_t)(random_next(random) % 512) * 8 % 4096 : at;
	}
}

/* The checksum guards against accidents; who forges a header forges it, too. */
static void forge_checksum(const struct target *t)
{
	static struct vt_ring_file header;

	assert_int_equal(pread(t->fd, &header, sizeof(header), 0), sizeof(header));
	header.crc = vt_ring_file_crc(&header);
	assert_int_equal(pwrite(t->fd, &header, sizeof(header), 0), sizeof(header));
}

static void change(const struct target *t, off_t at, uint64_t *random)
{
	static const uint64_t nasty[] = { 0, 1, 7, UINT64_MAX, INT64_MAX, UINT32_MAX, 1ull << 30, 1ull << 40,
	                                  0x8000000000000008ull };
	uint64_t r = random_next(random), word = nasty[r % (sizeof(nasty) / sizeof(*nasty))];
	size_t width = r >> 8 & 1 ? 8 : r >> 9 & 1 ? 4 : 1;

	if (r >> 10 & 1)
		word = random_next(random);
	assert_int_equal(pwrite(t->fd, &word, width, at), width);
}

static void mutants(void **state)
{
	uint64_t random = 20261121;
	struct seen seen;
	struct target t;
	char before[8];
	unsigned opened = 0;

	(void)state;
	open_target(&t);
	for (unsigned i = 0; i < 3000; i++) {
		/* A third into the header's numbers, which everything hangs on. */
		off_t at = i % 3 ? some_place(&t, &random) : (off_t)(random_next(&random) % 70) * 4;
		assert_int_equal(pread(t.fd, before, 8, at), 8);
		change(&t, at, &random);
		if (at < (off_t)offsetof(struct vt_ring_file, wanted_mask))
			forge_checksum(&t);
		opened += read_alone(t.path, &seen, false) == 0;
		assert_int_equal(pwrite(t.fd, before, 8, at), 8);
		forge_checksum(&t);
	}
	assert_true(opened > 1000);
	assert_int_equal(read_alone(t.path, &seen, true), 0);
	assert_int_equal(seen.events + seen.lost, MANY);
	close_target(&t);
}

/* Many words at once, and never put back: it gets worse and worse. */
static void rotten(void **state)
{
	uint64_t random = 5;
	struct seen seen;
	struct target t;

	(void)state;
	open_target(&t);
	for (unsigned i = 0; i < 500; i++) {
		off_t at = some_place(&t, &random);
		if (at >= (off_t)offsetof(struct vt_ring_file, wanted_mask))
			change(&t, at, &random);
		read_alone(t.path, &seen, false);
	}
	close_target(&t);
}

static void truncations(void **state)
{
	uint64_t random = 7;
	struct seen seen;
	struct target t;

	(void)state;
	open_target(&t);
	for (off_t size = t.size; size > 0; size -= 1 + (off_t)(random_next(&random) % (uint64_t)(t.size / 50))) {
		uint64_t told = (uint64_t)size;
		assert_int_equal(ftruncate(t.fd, size), 0);
		if (size < t.size)
			assert_true(read_alone(t.path, &seen, false) < 0);
		if (size < (off_t)sizeof(struct vt_ring_file))
			continue;
		/* The same with a header that claims the size it has. */
		pwrite(t.fd, &told, 8, offsetof(struct vt_ring_file, total_size));
		forge_checksum(&t);
		read_alone(t.path, &seen, false);
	}
	close_target(&t);
}

static void no_ring_file(void **state)
{
	char directory[DIRECTORY_SIZE], path[PATH_MAX], link[PATH_MAX + 8];
	uint64_t magic = VT_RING_MAGIC;
	struct seen seen;

	(void)state;
	make_directory(directory);
	status_of(producer(directory, VT_OVERWRITE, FEW));
	assert_int_equal(count_files(directory, ".vring", path), 1);
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(read_alone(link, &seen, false), -ELOOP);
	unlink(link);
	int fd = open(link, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, &magic, 8), 8);
	close(fd);
	assert_true(read_alone(link, &seen, false) < 0);
	assert_int_equal(truncate(link, 1 << 20), 0);
	assert_true(read_alone(link, &seen, false) < 0);
	assert_int_equal(truncate(link, 1ll << 40), 0);
	assert_int_equal(read_alone(link, &seen, false), -VT_E_LIMIT);
	remove_directory(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_and_overwritten),
		cmocka_unit_test(discarded),
		cmocka_unit_test(while_it_is_written),
		cmocka_unit_test(mutants),
		cmocka_unit_test(rotten),
		cmocka_unit_test(truncations),
		cmocka_unit_test(no_ring_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
