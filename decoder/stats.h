/*
 * stats.h - events counted and timed by group: how often, how long, how it is spread.
 *
 * A group is all events of equal keys: the type, the thread, the value of a field ..., and, with a
 * step, the stretch of time. An accumulator takes batches or events in any order; accumulators add
 * up. What comes out does not depend on who saw what:
 *
 * - Counts and the cells of histograms add up; sums stop at 2^64 - 1, which is the same in any
 *   order.
 * - Memory is bounded. Groups stand in an order that their keys alone decide. When there is too
 *   much of them (VT_STATS_GROUPS, VT_STATS_COST) the last ones are folded into one, `others`. So
 *   in the end the longest beginning of that order is left that fits, whole: a group of it is
 *   never last anywhere, since each accumulator has but a part of what is there in all.
 * - That order is by a hash at first. When it turns out that there is too much, all is read again
 *   to weigh the groups (events by hash in a fixed number of counters, which add up too), and once
 *   more with the heavy ones in front.
 *
 * What has a duration: events with a field of it (a COMPLETE, most ENDs), and spans whose END
 * carries none, or is in no group itself (it lacks a field of the keys, or was not asked for):
 * those are measured from BEGIN to END, and the BEGIN's group gets the duration. So no span counts
 * twice. What has no END, or lost it, is counted and not timed; nothing is closed on its behalf.
 */
#ifndef DECODER_STATS_H
#define DECODER_STATS_H

#include <valktrace/reader.h>

#include "decoder/coverage.h"
#include "decoder/filter.h"
#include "decoder/histogram.h"
#include "decoder/input.h"
#include "decoder/out.h"
#include "decoder/pointer_map.h"

#define VT_STATS_KEYS    3u             /* levels of --by */
#define VT_STATS_GROUPS  65536u
#define VT_STATS_COST    (1u << 20)     /* cells of histograms, and 16 bytes of text each */
#define VT_STATS_WEIGHTS (2u << 19)     /* counters of events by hash: two for each group */
#define VT_STATS_STEPS   65536u         /* rows of --step */
#define VT_STATS_STRINGS 1024u          /* interned strings whose hash is remembered */

/* ---- keys ------------------------------------------------------------------------------------ */

enum vt_stats_by { VT_BY_EVENT, VT_BY_CATEGORY, VT_BY_THREAD, VT_BY_PROCESS, VT_BY_FIELD };

struct vt_stats_key {
	enum vt_stats_by by;
	const char *name;               /* as given: of a word, or of a field */
};

/* Names of what is no field, in the order of enum vt_stats_by; ends with NULL. */
extern const char *const vt_stats_words[];

enum vt_stats_tag {                     /* also the order of rows that are sorted by name */
	VT_STATS_ABSENT,                /* an OPTIONAL field that was not given */
	VT_STATS_BOOL, VT_STATS_UINT, VT_STATS_INT, VT_STATS_FLOAT,
	VT_STATS_TEXT,                  /* strings, labels of enumerators, "#7" without a name */
};

struct vt_stats_value {
	uint8_t tag, unit;              /* enum vt_stats_tag, vt_unit */
	uint64_t number;                /* of TEXT: its length */
	const char *text;
	uint64_t hash;
};

/* What is asked for, the same for all accumulators of a run; nobody changes it while they work. */
struct vt_stats_plan {
	const struct vt_input *in;
	const struct vt_filter *filter;
	const struct vt_stats_key *keys;
	unsigned key_count;             /* 0: all in one group (a step at a time) */
	uint64_t step, origin;          /* ns; 0: time is not split. The first begins at origin */
	uint64_t most_groups, most_cost;        /* 0: VT_STATS_GROUPS, VT_STATS_COST */
	uint32_t *weights;              /* VT_STATS_WEIGHTS: heavy groups come first; NULL: any */
	struct vt_selection selection;  /* of `filter` */
	struct vt_stats_value *threads; /* labels, by ring id */
	struct vt_stats_value *processes;       /* by index */
	size_t ring_limit, process_limit;
	uint64_t paired;                /* categories, by bit, whose spans have to be measured */
	uint64_t batched;               /* those that come in batches; the others event by event */
};

/*
 * 0 or a negative error; vt_stats_plan_free in any case. The members above `selection` are given.
 */
int vt_stats_plan_make(struct vt_stats_plan *plan);
void vt_stats_plan_free(struct vt_stats_plan *plan);

/* ---- groups ---------------------------------------------------------------------------------- */

struct vt_stats_cell {
	uint64_t count;
	uint32_t bucket;                /* vt_histogram_bucket */
};

struct vt_stats_group {
	struct vt_stats_group *next;    /* of those with the same place in the table */
	uint64_t hash;                  /* its place in the order; equal ones go together */
	uint64_t step;                  /* number of the stretch of time */
	struct vt_stats_value key[VT_STATS_KEYS];       /* texts are its own */
	uint64_t count;                 /* events */
	uint64_t timed, sum, least, most;       /* of those with a duration; ns */
	struct vt_stats_cell *cells;    /* by bucket; NULL when there are `dense` ones */
	uint64_t *dense;                /* VT_HISTOGRAM_BUCKETS, or NULL */
	uint32_t cell_count, cell_room;
	uint32_t open;                  /* spans that will bring a duration */
	bool folded;                    /* into `others`; here until no span needs it */
	char text[];
};

/* Of one schema's event type: what the keys and durations of its events are. */
struct vt_stats_type {
	struct vt_stats_type *next;     /* the same descriptor in the schema of another process */
	const struct vt_event_desc *desc;
	const struct vt_schema *schema;
	struct vt_type_test test;       /* of the filter; its `wanted` */
	bool grouped;                   /* wanted, and it has the fields of all keys */
	bool constant;                  /* its keys depend on type and ring alone */
	bool measured;                  /* a BEGIN whose END brings no duration to a group */
	int8_t time;                    /* field of the duration; -1: it carries none */
	int8_t fields[VT_STATS_KEYS];   /* of the keys that are fields */
	struct vt_stats_value event, category;
	/* the group of the last event, if the next is of the same one */
	struct vt_stats_group *last;
	const struct vt_ring_info *last_ring;
	uint64_t last_values[VT_STATS_KEYS], last_step, last_epoch;
	char text[2 * VT_MAX_NAME + 4];
};

/* An interned string that was met. */
struct vt_stats_string {
	const struct vt_process_info *process;
	uint64_t id;
	struct vt_stats_value value;
};

struct vt_stats {
	const struct vt_stats_plan *plan;
	struct vt_stats_group **table, **heap;  /* heap: the last of the order first */
	size_t table_size, heap_room, count;
	uint64_t end;                   /* groups with this hash and above are in `others` */
	bool ended;                     /* ... once there was too much */
	uint64_t cost, most_groups, most_cost;
	uint64_t epoch;                 /* grows when groups go */
	struct vt_stats_group *others;  /* NULL: there are none */
	uint32_t *weighing;             /* not NULL: events are only weighed; all are of `others` */
	struct vt_pointer_map types;    /* struct vt_stats_type by descriptor */
	struct vt_stats_string *strings;        /* VT_STATS_STRINGS */
	char spare[VT_STATS_KEYS][64];  /* texts that nobody else keeps, until the next event */
	uint64_t events;                /* selected: those in groups, and those without a field */
	uint64_t without;
	/* Spans that were to be measured and could not be. */
	uint64_t unmatched_ends;        /* the BEGIN was lost, or came before the log */
	uint64_t without_end;           /* another span around it ended first */
	uint64_t forgotten;             /* a gap came between */
	uint64_t open;                  /* at the end of the log */
	uint64_t deeper;                /* nested too deep to follow */
};

/* 0 or -ENOMEM; vt_stats_free in any case. */
int vt_stats_init(struct vt_stats *s, const struct vt_stats_plan *plan);

/* The same for one that weighs the groups: `weighing` is plan->weights to be. */
int vt_stats_init_weighing(struct vt_stats *s, const struct vt_stats_plan *plan);
void vt_stats_free(struct vt_stats *s);

/* Adds the events of a batch, of a category in plan->batched. 0 or -ENOMEM. */
int vt_stats_add_batch(struct vt_stats *s, const struct vt_batch *batch);

/* Adds one event that the filter has let through: no gap. 0 or -ENOMEM. */
int vt_stats_add_event(struct vt_stats *s, const struct vt_event *event);

/* Adds all of `from`, of the same plan. 0 or -ENOMEM. */
int vt_stats_merge(struct vt_stats *to, const struct vt_stats *from);

/*
 * Adds the run once, in all passes that the plan needs; the reader's selection is changed. 0 or an
 * error.
 */
int vt_stats_collect(struct vt_stats *s);

/*
 * Makes an accumulator of the run; reads it again if there are too many groups. 0 or a negative
 * error; vt_stats_free in any case.
 */
int vt_stats_run(struct vt_stats *s, struct vt_stats_plan *plan);

/* ---- rows ------------------------------------------------------------------------------------ */

enum vt_stats_sort {
	VT_SORT_TOTAL, VT_SORT_COUNT, VT_SORT_MEAN, VT_SORT_MAX, VT_SORT_P99, VT_SORT_NAME,
};

/* Their names, in that order; ends with NULL. */
extern const char *const vt_stats_sorts[];

struct vt_stats_row {
	const struct vt_stats_group *group;     /* NULL: no event in this stretch of time */
	uint64_t step;
	uint64_t value;                 /* what it is sorted by */
};

struct vt_stats_view {
	const struct vt_stats *stats;
	const struct vt_coverage *coverage;
	enum vt_stats_sort sort;
	bool sort_given;                /* else time that is not split comes in its order */
	uint64_t top;                   /* rows (of each stretch of time if it is split); 0: all */
	uint64_t from, until;           /* ns: what of the run was looked at */
	/* private */
	struct vt_stats_row *rows;      /* those to show */
	size_t row_count, groups;       /* how many there are in all */
	struct vt_histogram *scratch;
};

/* Puts the rows in order. 0 or -ENOMEM; vt_stats_view_free in any case. */
int vt_stats_view_make(struct vt_stats_view *v);
void vt_stats_view_free(struct vt_stats_view *v);

/* Text of at most 80 columns; one line of JSON. */
void vt_stats_print(const struct vt_stats_view *v, struct vt_sink *out);
void vt_stats_json(const struct vt_stats_view *v, struct vt_sink *out);

/* Of a group with durations: the value that `parts` of `of` of them do not exceed. */
uint64_t vt_stats_percentile(const struct vt_stats_view *v, const struct vt_stats_group *g,
                             uint64_t parts, uint64_t of);

/* How long the time of a row was looked at, ns. */
uint64_t vt_stats_length(const struct vt_stats_view *v, uint64_t step);

/* Was something lost in this stretch of time? */
bool vt_stats_hidden(const struct vt_stats_view *v, uint64_t step);

/* ---- shared by the files of it --------------------------------------------------------------- */

/* The type as this accumulator knows it. NULL: no memory. */
struct vt_stats_type *vt_stats_type_of(struct vt_stats *s, const struct vt_schema *schema,
                                       const struct vt_event_desc *desc);

/* Is a moment, ns since the start, among those that were asked for? */
static inline bool vt_stats_in_window(const struct vt_filter *f, uint64_t ns)
{
	return !(f->since_set && ns < f->since_ns) && !(f->until_set && ns >= f->until_ns);
}

/*
 * Counts an event that was selected. *group: where; what it carries as its duration may have made
 * that be folded away since. NULL: nowhere. 0 or -ENOMEM.
 */
int vt_stats_count(struct vt_stats *s, struct vt_stats_type *type, const struct vt_event *event,
                   struct vt_stats_group **group);

/* The categories in plan->paired. `length` of the run, for progress. 0 or a negative error. */
int vt_stats_add_spans(struct vt_stats *s, uint64_t length);

/* The values of the keys of an event; `values` by key: of the field, if the key is one. */
void vt_stats_keys_of(struct vt_stats *s, const struct vt_stats_type *type,
                      const struct vt_ring_info *ring, const uint64_t values[VT_STATS_KEYS],
                      const char *text, struct vt_stats_value keys[VT_STATS_KEYS]);

/* The group of these keys, for so many events: found, made, or `others`. NULL: no memory. */
struct vt_stats_group *vt_stats_group_of(struct vt_stats *s, uint64_t step,
                                         const struct vt_stats_value keys[VT_STATS_KEYS],
                                         uint64_t events);

/* A duration; the group may be gone afterwards, which `epoch` tells. 0 or -ENOMEM. */
int vt_stats_add_time(struct vt_stats *s, struct vt_stats_group *g, uint64_t ns);

/* A span holds on to its group, and lets go of it. */
void vt_stats_hold(struct vt_stats_group *g);
void vt_stats_release(struct vt_stats_group *g);

struct vt_stats_value vt_stats_text(const char *text, size_t length);
int vt_stats_compare_values(const struct vt_stats_value *a, const struct vt_stats_value *b);

/* In order of the key's values, then of time. */
int vt_stats_compare_keys(const struct vt_stats_group *a, const struct vt_stats_group *b,
                          unsigned keys);

#endif
