/*
 * child.h - for tests that attach, fork, kill or crash: each runs in a process of its own, with a
 * directory of its own. A process attaches once for good, so tests of the ring cannot share one.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DIRECTORY_SIZE 64

/* A fresh directory of ours, and its end with all that is in it. */
void make_directory(char path[DIRECTORY_SIZE]);
void remove_directory(const char *path);

/* The number of names in a directory that end in `suffix`; `path` (PATH_MAX) gets one of them. */
unsigned count_files(const char *directory, const char *suffix, char *path);

/*
 * Runs `body` in a child. The wait status: 0 if it returned and every CHECK in it held. A child that
 * hangs is killed after a minute.
 */
int in_child(void (*body)(const char *directory));

/* Of a child: waits, and returns its status. */
int status_of(pid_t pid);

/* Checks for children, where cmocka's would jump into the copy of the runner. Any thread. */
#define CHECK(condition) check(condition, __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(a, b) check_equal((uint64_t)(a), (uint64_t)(b), __FILE__, __LINE__, #a " = " #b)
bool check(bool holds, const char *file, int line, const char *what);
bool check_equal(uint64_t a, uint64_t b, const char *file, int line, const char *what);
unsigned checks_failed(void);

uint64_t random_next(uint64_t *state);

void sleep_us(unsigned us);

/* A value that belongs to a number: what a torn or invented record will not have. */
static inline uint64_t hash_of(uint64_t n)
{
	n = (n ^ n >> 31) * 0x7fb5d329728ea185u;
	n = (n ^ n >> 27) * 0x81dadef4bc2dd44du;
	return n ^ n >> 33;
}

#endif
