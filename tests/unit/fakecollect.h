/*
 * fakecollect.h - the recorder's side as a collector sees it: it remembers what it is told. The files that a
 * collector reads are below a root of the test's own, where fixtures/proc/ can be put.
 */
#ifndef TESTS_FAKECOLLECT_H
#define TESTS_FAKECOLLECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collectors/process.h"
#include "core/options.h"

/* No process can have it: the kernel's own clock of it is never asked. */
#define PID 4194305u
#define START 98765u
#define MS 1000000u
#define S 1000000000u

#define FIXTURE_SIZE 32768u

enum { RUN, FIRST, SECOND, PLACES };

extern struct fake_collect {
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

/* Of each test: a fresh root, and its end. */
int collect_set_up(void **state);
int collect_tear_down(void **state);
#define COLLECT_TEST(name) cmocka_unit_test_setup_teardown(name, collect_set_up, collect_tear_down)

ssize_t read_fixture(const char *name, char text[FIXTURE_SIZE]);

/* Below the root: a fixture (NULL: nothing) as this file, a text as this file, a folder. */
void put(const char *name, const char *from);
void put_text(const char *name, const char *text);
void make(const char *name);

int remove_tree(const char *path);

/* What was told: no value, this value; that a source is there, or is absent if there is a reason. */
void absent(unsigned where, unsigned metric);
void is(unsigned where, unsigned metric, uint64_t value);
void is_source(unsigned where, enum vt_source_id id, const char *reason);

/* Opens a collector that finds nothing to read. Its state, zeroed again: to be opened anew. */
void *open_refused(const struct vt_collector *k, enum vt_source_id id, const char *reason);

#endif
