/*
 * summary.h - what the pages of the summary are printed from. The one exporter that knows events by
 * name: everything else in it comes from descriptors.
 */
#ifndef DECODER_SUMMARY_H
#define DECODER_SUMMARY_H

#include <valktrace/metrics.h>
#include <valktrace/reader.h>

#include "decoder/calls.h"
#include "decoder/histogram.h"
#include "decoder/input.h"
#include "decoder/jsonw.h"
#include "decoder/out.h"
#include "decoder/pointer_map.h"
#include "decoder/profile.h"
#include "decoder/spans.h"

#define VT_PAUSE_BOUNDS 25u             /* 1-2-5 from 1us to 100s, and what is above */
#define VT_LAST_PAUSES  3u
#define VT_FUNCTION_EVENTS 1000000u     /* with more of them the functions are read only when asked for */

struct vt_type_stats {
	const struct vt_event_desc *desc;
	const struct vt_process_info *process;
	uint64_t count;
	struct vt_histogram *time;      /* NULL: the type carries no duration */
};

enum vt_phase { VT_PHASE_CLEAR, VT_PHASE_MARK, VT_PHASE_SWEEP, VT_PHASE_MARK_SWEEP, VT_PHASES };

struct vt_gc_stats {
	uint64_t cycles, open, unmatched, refused;
	uint64_t types[4];              /* by enum gc_type */
	uint64_t time, phases[VT_PHASES];
	struct vt_histogram *pauses;    /* slices too, but for those within a pause */
	uint64_t slices, slice_pauses, slice_time;
	uint64_t fallbacks[5];          /* by enum gc_fallback */
	uint64_t buckets[VT_PAUSE_BOUNDS + 1];
	uint64_t worst_cycle, worst_at;         /* of the longest pause */
	uint64_t last[VT_LAST_PAUSES];  /* oldest first; `pauses->count` tells how many */
	uint64_t heap_least, heap_most, heap_last, heap_total;
	uint64_t reclaimed, reclaiming; /* bytes, cycles that told */
	uint64_t wall;                  /* lengths of the processes that collected, added up */
};

/* A rule of `record --warn` on one process. */
struct vt_warned_rule {
	const struct vt_ring_info *ring;
	char rule[128];
	uint64_t first_ns, times, open, total_ns;       /* open: begun, and nobody saw it end */
	double worst, limit;                            /* in the rule's unit */
};

/* What the kernel counted of a process: the metrics from process_cpu_user to process_storage_written. */
#define VT_USES (VT_M_process_storage_written - VT_M_process_cpu_user + 1)
struct vt_process_use {
	const struct vt_process_info *process;
	uint64_t value[VT_USES];
	bool have[VT_USES];
};

/* How much of the run the log tells; what comes later in the list is worse. */
enum vt_completeness {
	VT_COMPLETE,
	VT_COMPLETE_TO_LAST,            /* to the last event of a process that died */
	VT_CUT_OFF,                     /* not closed, and no ring file to tell the rest */
	VT_WITH_LOSS,
	VT_PARTS_MISSING,
	VT_UNTRACED,                    /* no process had a ring */
	VT_DAMAGED,
};

/*
 * Who wants to draw what is counted: each is called for what the pages count, while it is counted, so that
 * nobody has to decide again what a pause is. NULL: not interested.
 */
struct vt_summary_watch {
	void *user;
	void (*batch)(void *user, const struct vt_batch *batch);        /* on any thread, before it is counted */
	void (*pause)(void *user, const struct vt_event *event, uint64_t time);
	void (*heap)(void *user, const struct vt_event *event, uint64_t used);
	void (*gap)(void *user, uint64_t from_ns, uint64_t to_ns);
	void (*violation)(void *user, const struct vt_event *event);    /* its begin, or its end */
};

struct vt_summary {
	const struct vt_input *in;
	const struct vt_filter *filter;
	struct vt_sink *out;
	const struct vt_summary_watch *watch;   /* NULL: nobody */
	bool functions;                 /* are asked for, however many events they take */
	struct vt_metrics metrics;
	int records;                    /* counter records behind the metrics */
	uint64_t length;                /* of the run, ns */
	uint64_t events, lost;
	uint64_t covered, lived;        /* ns of thread time without and with gaps */
	bool filtered;                  /* not all of the run was asked for */
	enum vt_completeness completeness;
	struct vt_pointer_map types;    /* struct vt_type_stats by descriptor */
	struct vt_type_stats **rows;    /* those with events, by id; same types of processes in one */
	size_t row_count;
	struct vt_gc_stats gc;
	struct vt_pointer_map paused;   /* uint64_t ns by process */
	struct vt_end_spans open;
	struct vt_profile profile;      /* sorted */
	uint64_t unread;                /* events of functions that were too many; 0: the profile is there */
	struct vt_warned_rule *warned;
	size_t warned_count;
	struct vt_process_use *uses;    /* of the processes that have a last counter record, most CPU first */
	size_t use_count;
	struct vt_call_list calls;      /* most time first */
};

/* Reads all that the pages need. 0 or a negative error. */
int vt_summary_collect(struct vt_summary *s);
int vt_summary_collect_gc(struct vt_summary *s);
int vt_summary_collect_warned(struct vt_summary *s);
int vt_summary_collect_types(struct vt_summary *s);
void vt_summary_free_types(struct vt_summary *s);
int vt_summary_collect_rows(struct vt_summary *s);
int vt_summary_collect_functions(struct vt_summary *s);
int vt_summary_collect_process(struct vt_summary *s);
void vt_summary_free(struct vt_summary *s);

/* The pages, in their order. Each prints nothing when it has nothing to tell. */
void vt_summary_head(struct vt_summary *s);
void vt_summary_kernel(struct vt_summary *s);
void vt_summary_end(struct vt_summary *s);
void vt_summary_warned(struct vt_summary *s);
void vt_summary_gc(struct vt_summary *s);
void vt_summary_interp(struct vt_summary *s);
void vt_summary_functions(struct vt_summary *s);
void vt_summary_loop(struct vt_summary *s);
void vt_summary_http(struct vt_summary *s);
void vt_summary_process(struct vt_summary *s);
void vt_summary_paging(struct vt_summary *s);
void vt_summary_perf(struct vt_summary *s);
void vt_summary_calls(struct vt_summary *s);
void vt_summary_events(struct vt_summary *s);
void vt_summary_threads(struct vt_summary *s);
void vt_summary_absent(struct vt_summary *s);

/* Instead of the pages: all they tell as one line of JSON, one object of keyed maps. */
void vt_summary_json(struct vt_summary *s);
void vt_summary_functions_json(struct vt_json *j, const struct vt_summary *s);
void vt_summary_warned_json(struct vt_json *j, const struct vt_summary *s);

/* Maps of it: what the kernel counted, of the run and of one process. */
void vt_summary_json_kernel(struct vt_json *j, const struct vt_summary *s);
void vt_summary_json_use(struct vt_json *j, const struct vt_summary *s, const struct vt_process_info *p);

/* Of it: what can be had of sources that may have some metrics and lack others. */
struct vt_json;
void vt_summary_json_states(struct vt_json *j, const struct vt_summary *s);

/* The line on how complete it is, in words and numbers; the state itself in the colour of its role. */
void vt_summary_completeness(struct vt_summary *s);

/* How many a second, over the length of the run. */
uint64_t vt_summary_rate(const struct vt_summary *s, uint64_t count);

/*
 * Metrics whose collector says of each whether it can be had: performance counters. Their name among those
 * of their family; the share of the time there was a counter, in millionths, 0 if that is not known; the time
 * that they were counted.
 */
bool vt_summary_is_told(const struct vt_metric_desc *d, unsigned source);
void vt_summary_put_label(struct vt_sink *out, const struct vt_metric_desc *d);
uint64_t vt_summary_share_of(const struct vt_summary *s, const struct vt_metric_desc *d);
uint64_t vt_summary_counted_time(const struct vt_summary *s, unsigned source);

/* True if nothing in the run told of a source: it has neither events nor counters. */
bool vt_summary_is_absent(const struct vt_summary *s, unsigned source);

/* Prints the event of this ring at exactly these ticks; false: it cannot be read again. */
bool vt_summary_event_at(struct vt_summary *s, const struct vt_ring_info *ring, uint64_t ticks);

/* The ring with the last event of a process, or NULL. */
const struct vt_ring_info *vt_summary_last_ring(const struct vt_run_info *run,
                                                const struct vt_process_info *p);

/* Threads of the run, those with a ring for signals counted once. */
unsigned vt_summary_threads_of(const struct vt_run_info *run);

extern const char *const vt_phase_names[VT_PHASES];

/* "--- Title ---", and `right` ending in column 78 or two blanks after. */
void vt_summary_title(struct vt_summary *s, const char *title, const char *right);

/* Upper bounds of the pause buckets, in ns. */
extern const uint64_t vt_pause_bounds[VT_PAUSE_BOUNDS];

/* The heading of a table: its first byte is a newline, and so is its last. */
void vt_summary_line(struct vt_summary *s, const char *heading);

/* The value of a field by name; false and nothing stored if the event has none, or it is absent. */
bool vt_event_value(const struct vt_event *event, const char *field, uint64_t *value);

/* The length of a process's life in ns: to its end, or to the last event of the run. */
uint64_t vt_process_length(const struct vt_input *in, const struct vt_process_info *p);

#endif
