/*
 * fuzz_ring.c - ring files, which a crash or a stranger has written into. An input is a list of
 * changes to a genuine file that is made here at the start: 12 bytes each, u32 where, u64 what. Of
 * `where` the top 4 bits say in which part of the file, the next two how many bytes (1, 2, 4, 8),
 * the rest at which byte.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <valktrace.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "core/process.h"
#include "core/ring_file.h"
#include "tests/fuzz/fuzz.h"

enum { EVENTS = 60, CHANGE = 12, PARTS = 9, CUT = 15 };

static uint8_t *genuine, *file;
static size_t size_of_file;

/* ---- the genuine file ---------------------------------------------------------------------------------- */

static void emit_all(const char *directory)
{
	struct vt_geometry g = { .segment_size = 2048, .segment_count = 2, .slot_count = 2, .string_count = 64 };

	if (vt_process_attach(directory, 0x7e57, &g, ~0ull, NULL, false) != 0)
		_exit(1);
	uint64_t name = vt_string("note");
	for (unsigned i = 0; i < EVENTS; i++) {
		vt_gc_begin(VT_GC_MAJOR);
		vt_gc_end(.reclaimed = i);
		vt_note(name, "a text");
		VT_EMIT(syscall, call, .number = i, .result = -1, .time = 5);
	}
	_exit(0);
}

static void take_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	fuzz_must(fd >= 0 && fstat(fd, &st) == 0);
	size_of_file = (size_t)st.st_size;
	genuine = malloc(size_of_file);
	file = malloc(size_of_file);
	fuzz_must(genuine && file && read(fd, genuine, size_of_file) == st.st_size);
	close(fd);
	unlink(path);
}

/* Another process makes it: in this one nothing must record. */
static void make(void)
{
	char directory[] = "/tmp/fuzz.XXXXXX", command[64], path[256] = "";
	int status;

	fuzz_must(mkdtemp(directory));
	pid_t pid = fork();
	if (pid == 0)
		emit_all(directory);
	fuzz_must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	snprintf(command, sizeof(command), "ls %s/*.vring", directory);
	FILE *list = popen(command, "r");
	fuzz_must(list && fgets(path, sizeof(path), list));
	pclose(list);
	path[strcspn(path, "\n")] = 0;
	take_file(path);
	rmdir(directory);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

/* What is not a hole, or would be read. */
static void part(unsigned which, size_t *at, size_t *length)
{
	const struct vt_ring_file *f = (const struct vt_ring_file *)(const void *)genuine;
	size_t slots = f->slots_offset, header = offsetof(struct vt_ring_file, wanted_mask);
	const struct { size_t at, length; } parts[PARTS] = {
		{ 0, header }, { header, VT_RING_FILE_HEADER - header },
		{ f->threads_offset, 2 * sizeof(struct vt_thread_entry) },
		{ f->types_offset, 256 }, { f->strings_offset, 256 }, { f->bytes_offset, 512 },
		{ slots, sizeof(struct vt_ring) }, { slots, f->slot_size },
		{ slots + VT_SLOT_HEADER, 2 * f->segment_size },
	};
	*at = parts[which % PARTS].at;
	*length = parts[which % PARTS].length;
}

/* What a stranger would set right too. */
static void repair(void)
{
	struct vt_ring_file *f = (struct vt_ring_file *)(void *)file;
	const struct vt_ring_file *g = (const struct vt_ring_file *)(const void *)genuine;
	const uint64_t tables[2] = { g->types_offset, g->strings_offset };

	f->crc = vt_ring_file_crc(f);
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < 16; i++) {
			struct vt_table_entry *e = (struct vt_table_entry *)(void *)(file + tables[t]) + i;
			uint64_t at = g->bytes_offset + e->offset;
			if (e->ready && at <= size_of_file && e->length <= size_of_file - at)
				e->crc = vt_crc32c(0, file + at, e->length);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length = 0, at, kept;

	if (!genuine)
		make();
	kept = size_of_file;
	memcpy(file, genuine, size_of_file);
	for (; size >= CHANGE; data += CHANGE, size -= CHANGE) {
		uint32_t where = vt_le32(data);
		size_t width = (size_t)1 << (where >> 26 & 3);
		part(where >> 28, &at, &length);
		if (where >> 28 == CUT)
			kept = where % (size_of_file + 1);
		else if (length >= width)
			memcpy(file + at + (where & 0x3ffffff) % (length - width + 1), data + 4, width);
	}
	/* One byte left over: as it was found. */
	if (size == 0)
		repair();
	fuzz_read_all(fuzz_file(file, kept));
	return 0;
}
