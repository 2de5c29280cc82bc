/* child.c - see child.h. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/child.h"

static unsigned failures;

void make_directory(char path[DIRECTORY_SIZE])
{
	snprintf(path, DIRECTORY_SIZE, "/dev/shm/valktrace-test-XXXXXX");
	if (!mkdtemp(path)) {
		perror(path);
		abort();
	}
}

void remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	if (!directory)
		return;
	for (struct dirent *e; (e = readdir(directory)) != NULL;)
		unlinkat(dirfd(directory), e->d_name, 0);
	closedir(directory);
	rmdir(path);
}

unsigned count_files(const char *path, const char *suffix, char *found)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	for (struct dirent *e; directory && (e = readdir(directory)) != NULL;) {
		size_t length = strlen(e->d_name), end = strlen(suffix);
		if (length < end || strcmp(e->d_name + length - end, suffix) != 0)
			continue;
		count++;
		if (found)
			snprintf(found, PATH_MAX, "%s/%s", path, e->d_name);
	}
	if (directory)
		closedir(directory);
	return count;
}

int status_of(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };

int in_child(void (*body)(const char *directory))
{
	char directory[DIRECTORY_SIZE];

	make_directory(directory);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
			signal(crashes[i], SIG_DFL);    /* cmocka catches them for the runner */
		alarm(60);
		failures = 0;
		body(directory);
		exit(failures > 0);
	}
	int status = pid < 0 ? -1 : status_of(pid);
	remove_directory(directory);
	return status;
}

bool check(bool holds, const char *file, int line, const char *what)
{
	if (!holds && __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < 20)
		fprintf(stderr, "%s:%d: %s\n", file, line, what);
	return holds;
}

bool check_equal(uint64_t a, uint64_t b, const char *file, int line, const char *what)
{
	if (a != b && __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < 20)
		fprintf(stderr, "%s:%d: %s: %llu, %llu\n", file, line, what, (unsigned long long)a,
		        (unsigned long long)b);
	return a == b;
}

unsigned checks_failed(void)
{
	return failures;
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

void sleep_us(unsigned us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000L };
	nanosleep(&t, NULL);
}
