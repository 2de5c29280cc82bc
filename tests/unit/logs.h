/* logs.h - what the reader's tests share: logs as files, notes kept, all events in one array. */
#ifndef TESTS_LOGS_H
#define TESTS_LOGS_H

#include <stdbool.h>

#include <valktrace/reader.h>

#include "tests/unit/logmaker.h"

#define MAX_GOT 20000u

struct file {
	int fd;
	char path[64];
};

struct seen_notes {
	unsigned count, damage;
	int codes[64];
};

struct got {                            /* a delivered event; a gap has id 0 and its cause as value */
	uint64_t ticks, value, gap;
	uint32_t ring;
	uint16_t id;
};

extern struct got got[MAX_GOT], again[MAX_GOT];

struct file file_of(const struct lm *lm);

bool noted(const struct seen_notes *n, int code);
struct vt_reader *open_noting(const char *path, struct seen_notes *notes);
struct vt_reader *open_one(const char *path);

size_t read_all(struct vt_reader *r, struct got *to);

void assert_no_loss(const struct vt_run_info *run);

/* committed = decoded + lost behind the commit, for each ring and category. */
void assert_identity(const struct vt_run_info *run);

struct lm_event pause_at(uint64_t ticks);

#endif
