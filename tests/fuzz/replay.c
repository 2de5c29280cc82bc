/*
 * replay.c - a fuzz target without libFuzzer: `NAME.replay [-n MUTATIONS] FILE|DIRECTORY...` runs
 * it over each file, then over that many changed copies of them, the same ones each time. An input
 * that breaks it is left in $CRASH, and the last line says from where it came.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { MOST_FILES = 1000, MOST_BYTES = 1 << 20, SECONDS = 60 };

static struct { uint8_t *data; size_t size; char name[256]; } files[MOST_FILES];
static unsigned count;
static uint8_t *now;
static size_t now_size;
static char now_name[300];
static int console = 2;

extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
extern void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

/* ---- the end ------------------------------------------------------------------------------------------- */

static void save(void)
{
	const char *path = getenv("CRASH") ? getenv("CRASH") : "crash.input";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (fd >= 0 && write(fd, now, now_size) == (ssize_t)now_size)
		close(fd);
	dprintf(console, "not ok %s: left in %s\n", now_name, path);
}

static void on_signal(int number)
{
	save();
	signal(number, SIG_DFL);
	raise(number);
}

static void watch(void)
{
	static const int all[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM };
	bool sanitized = __sanitizer_set_death_callback != NULL;

	if (sanitized)
		__sanitizer_set_death_callback(save);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!sanitized || all[i] == SIGABRT || all[i] == SIGALRM)
			signal(all[i], on_signal);
}

/* What the code under test prints is not for anybody to read. */
static void be_quiet(void)
{
	int nowhere = open("/dev/null", O_WRONLY);

	console = dup(1);
	if (__sanitizer_set_report_fd)
		__sanitizer_set_report_fd((void *)(uintptr_t)console);
	dup2(nowhere, 1);
	dup2(nowhere, 2);
	close(nowhere);
}

/* ---- inputs -------------------------------------------------------------------------------------------- */

static void add_file(const char *path)
{
	FILE *in = fopen(path, "rb");

	if (!in || count == MOST_FILES) {
		fprintf(stderr, "replay: %s: %s\n", path, in ? "too many files" : "cannot be read");
		exit(2);
	}
	files[count].data = malloc(MOST_BYTES);
	fuzz_must(files[count].data);
	files[count].size = fread(files[count].data, 1, MOST_BYTES, in);
	snprintf(files[count].name, sizeof(files[count].name), "%s", path);
	count++;
	fclose(in);
}

/* Sorted, so that the changed copies are the same everywhere. */
static void add(const char *path)
{
	struct dirent **entries;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	int n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char whole[512];
		snprintf(whole, sizeof(whole), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			add(whole);
		free(entries[i]);
	}
	free(entries);
}

static uint64_t next(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Flips, sets, copies, cuts, or joins with another file: a few of them at once. */
static size_t change(uint8_t *data, size_t size)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, '\n', ' ', '-', '9', ';' };

	for (uint64_t n = 1 + next() % 4; n > 0 && size > 0; n--) {
		size_t at = next() % size, length = 1 + next() % 8;
		length = length < size - at ? length : size - at;
		switch (next() % 6) {
		case 0: data[at] ^= (uint8_t)(1u << next() % 8); break;
		case 1: data[at] = odd[next() % sizeof(odd)]; break;
		case 2: memset(data + at, odd[next() % sizeof(odd)], length); break;
		case 3: memmove(data + next() % (size - length + 1), data + at, length); break;
		case 4: memmove(data + at, data + at + length, size - at - length), size -= length; break;
		default: size = next() % 4 ? size : at; break;
		}
	}
	return size;
}

static void run(uint8_t *data, size_t size)
{
	now = data;
	now_size = size;
	alarm(SECONDS);
	LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
	unsigned mutations = 0;
	int option;

	while ((option = getopt(argc, argv, "n:")) == 'n')
		mutations = (unsigned)strtoul(optarg, NULL, 10);
	for (int i = optind; i < argc; i++)
		add(argv[i]);
	be_quiet();
	watch();
	snprintf(now_name, sizeof(now_name), "no bytes at all");
	run((uint8_t *)"", 0);
	for (unsigned i = 0; i < count; i++) {
		snprintf(now_name, sizeof(now_name), "%s", files[i].name);
		run(files[i].data, files[i].size);
	}
	uint8_t *copy = malloc(MOST_BYTES);
	for (unsigned i = 0; copy && count > 0 && i < mutations; i++) {
		unsigned which = (unsigned)(next() % count);
		memcpy(copy, files[which].data, files[which].size);
		snprintf(now_name, sizeof(now_name), "change %u, of %s", i, files[which].name);
		run(copy, change(copy, files[which].size));
	}
	free(copy);
	for (unsigned i = 0; i < count; i++)
		free(files[i].data);
	dprintf(console, "ok %u files, %u changes\n", count, mutations);
	return 0;
}
