/*
 * statsjob.h - what the tests of stats share: a log, a plan over it, what comes out as text; a log
 * with some of everything; random numbers that are the same each time.
 */
#ifndef TESTS_STATSJOB_H
#define TESTS_STATSJOB_H

#include "decoder/stats.h"
#include "tests/unit/logs.h"

#define AT(ns) (LM_START + (ns))

uint64_t next(void);

/* A cmocka setup: the numbers begin anew. */
int start_seed(void **state);

struct job {
	struct vt_input in;
	struct vt_filter filter;
	struct vt_stats_key keys[VT_STATS_KEYS];
	struct vt_stats_plan plan;
	enum vt_stats_sort sort;
};

/* Takes the file over. */
void open_job(struct job *job, struct file f);
void close_job(struct job *job);

/* Makes the plan: keys as --by takes them, with blanks between. */
void plan_by(struct job *job, const char *by, uint64_t step);

/* JSON and text of an accumulator, or of the run by the plan; to be freed. */
char *printed(const struct job *job, const struct vt_stats *s);
char *collected(struct job *job);

/* The group with this text (or, text NULL, this number) as its first key; or NULL. */
const struct vt_stats_group *find(const struct vt_stats *s, uint64_t step, const char *text,
                                  uint64_t number);

/*
 * Events of two processes and five threads: durations of all sizes, strings, numbers, labels,
 * types without schema, losses.
 */
struct file random_log(void);

#endif
