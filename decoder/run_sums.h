/*
 * run_sums.h - counter records of a run, one after another in order of time, and what they make together after
 * each: the sums over processes, kept up without starting anew.
 */
#ifndef DECODER_RUN_SUMS_H
#define DECODER_RUN_SUMS_H

#include <valktrace/metrics.h>

#include "core/metrics_text.h"
#include "decoder/call_rows.h"
#include "decoder/input.h"

/* The last record of a process. */
struct vt_run_entry {
	const struct vt_process_info *process;
	struct vt_run_value { uint32_t id; uint64_t value; } *values;   /* those that are there, by id */
	unsigned count, capacity;
	bool ended;
	uint64_t monotonic, uptime, sequence;
	bool enabled, live;             /* live: the host took it itself */
	struct vt_source_state sources[VT_MAX_SOURCES];
};

struct vt_run_sums {
	const struct vt_input *in;
	struct vt_metrics m;            /* the sums, as vt_run_sums_settle left them */
	struct vt_call_rows calls;      /* m's; none if nobody asks for them */
	unsigned records;               /* so far */
	/* ours */
	struct vt_run_entry **entries;  /* by index of the process */
	size_t limit;
	uint32_t *open;                 /* indices of those that have not ended */
	size_t open_count;
	struct vt_run_sum *sums;        /* by id: see run_sums.c */
	uint32_t sum_count;
	struct vt_run_value *scratch;   /* room for all values of a record */
	bool sources_stale;
	size_t room;                    /* bytes that may still be taken */
};

/* `s` is all zeros; vt_run_sums_stop in any case. 0, -ENOMEM or -E2BIG: more than `room` bytes. */
int vt_run_sums_start(struct vt_run_sums *s, const struct vt_input *in, bool calls, size_t room);
void vt_run_sums_stop(struct vt_run_sums *s);

/* One record more. Called by what vt_reader_counters calls, as the calls that go with it are the reader's. */
int vt_run_sums_take(struct vt_run_sums *s, const struct vt_counters *c);

/* Leaves out processes whose last record has another number, or is a snapshot that the host took. */
void vt_run_sums_only(struct vt_run_sums *s, uint64_t record);

/* Brings s->m up to date, but for what finish does. */
void vt_run_sums_settle(struct vt_run_sums *s);

/* The same, with all that vt_metrics_of_run fills in. */
void vt_run_sums_finish(struct vt_run_sums *s);

#endif
