/*
 * rule.h - rules of the form SUBJECT OP VALUE, which say what must not be: `gc.time > 10%` is violated when
 * the collector takes more than a tenth of the time. The recorder judges them as it samples counters
 * (core/warn.c), `valktrace check` on a log: one parser, one table of subjects, one evaluator.
 *
 *   SUBJECT  a name of subjects.def
 *            a metric by its name or Prometheus family, summed over labels: valk_gc_cycles_total, gc_mark_time
 *            METRIC/s: how much a second a counter grows
 *            EVENT.STAT, the duration of an event: max mean min p50 p90 p99 p999, or its number: count
 *   OP       > >= < <= = == !=
 *   VALUE    a number and its unit: % for shares, ns us ms s for times, B KiB MiB GiB (or K M G) for
 *            bytes, none for counts. Times and shares must name theirs: nothing is guessed.
 *
 * Values are doubles: exact up to 2^53, and correctly rounded quotients of such numbers beyond.
 */
#ifndef CORE_RULE_H
#define CORE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include <valktrace/schema.h>

#define VT_RULE_TEXT    128u    /* bytes of a rule, with its 0 */
#define VT_RULE_METRICS 32u     /* metrics of one family */
#define VT_MOST_RULES   64u
#define VT_RULE_SYNTAX  "SUBJECT OP VALUE, as in 'gc.time > 10%'"

enum vt_rule_over { VT_OVER_TOTAL, VT_OVER_MOMENT, VT_OVER_INTERVAL, VT_OVER_EVENTS, VT_OVER_LOSS };
enum vt_rule_unit { VT_RULE_COUNT, VT_RULE_PERCENT, VT_RULE_NS, VT_RULE_BYTES };
enum vt_rule_how {
	VT_HOW_VALUE, VT_HOW_RATIO, VT_HOW_SHARE, VT_HOW_REST, VT_HOW_RATE, VT_HOW_LOST, VT_HOW_LOST_SHARE,
	VT_HOW_P50, VT_HOW_P90, VT_HOW_P99, VT_HOW_P999, VT_HOW_MAX, VT_HOW_MIN, VT_HOW_MEAN, VT_HOW_NUMBER,
};
enum vt_rule_op { VT_OP_GT, VT_OP_GE, VT_OP_LT, VT_OP_LE, VT_OP_EQ, VT_OP_NE };

struct vt_rule {
	char text[VT_RULE_TEXT];        /* in one spelling: "gc.time > 10 %" */
	char name[VT_RULE_TEXT];        /* of the subject */
	char event[VT_RULE_TEXT];       /* "gc.pause_end": whose durations; "": none */
	uint8_t over, unit, how, op;    /* enum vt_rule_over ... vt_rule_op */
	uint8_t source;                 /* enum vt_source_id; VT_MAX_SOURCES: none */
	char limit_text[32];            /* "10 %", "16ms" */
	double limit;                   /* %, ns, bytes or plain */
	double written;                 /* 1 of the unit that the rule names, in those: 1e6 for ms */
	uint16_t metrics[VT_RULE_METRICS];      /* top; several: of one family */
	unsigned metric_count;
	uint16_t bottom;                /* RATIO; SHARE and REST: see subjects.def */
	bool largest;                   /* of several metrics the largest counts, not the sum */
	double scale;                   /* of a metric's value: 0.001 for VT_UNIT_MILLI */
};

/*
 * Reads one rule; names of metrics and events are those of `schema`. 0, or a negative error and one line in
 * `problem`: -VT_E_UNKNOWN_FIELD when there is no such subject (r->name has it), else -VT_E_OPTION.
 */
int vt_rule_parse(struct vt_rule *r, const char *text, const struct vt_schema *schema, char *problem,
                  size_t size);

/* Subject number `i` of the table: its name, or its help; NULL behind the last. */
const char *vt_rule_subject(size_t i);
const char *vt_rule_subject_help(size_t i);

extern const char *const vt_rule_ops[];         /* by enum vt_rule_op */

/* Is the rule violated by this value? */
bool vt_rule_breaks(const struct vt_rule *r, double value);

/* Of two values, is `a` the one that comes nearer to a violation, or goes further? */
bool vt_rule_worse(const struct vt_rule *r, double a, double b);

/* "3.2 %", "21.4ms", "1.06MiB", "9637": at most 32 bytes with the 0. Returns `to`. */
char *vt_rule_value(const struct vt_rule *r, double value, char to[32]);

/* ---- judging --------------------------------------------------------------------------------------- */

/* Counters at one moment. */
struct vt_point {
	uint64_t ns;                    /* monotonic */
	uint64_t present[VT_MAX_METRICS / 64];
	uint64_t values[VT_MAX_METRICS];
	uint64_t lost, events;          /* lost and recorded, over all categories */
};

enum vt_verdict {
	VT_RULE_ABSENT,                 /* nobody reports what it needs */
	VT_RULE_WAITS,                  /* the interval goes on */
	VT_RULE_HOLDS,
	VT_RULE_VIOLATED,
};

struct vt_judgement {
	enum vt_verdict verdict;
	bool empty;                     /* HOLDS as there was nothing: no pause, no call */
	double value;
	uint64_t from, to;              /* ns: the interval; else both the moment */
	uint64_t fresh;                 /* ns of the interval that were in none before */
};

/* Where the intervals of one rule on one process stand. */
struct vt_rule_state {
	uint64_t base_ns, before_ns;            /* begin of this interval, and of the one before it */
	double base_top, before_top;
	double base_bottom;
	bool has_before;
};

/* `start`: when counting began, with all counters zero. */
void vt_rule_begin(struct vt_rule_state *s, uint64_t start);

/*
 * Judges the point after those that were judged before. An interval is at least `least` ns long: what is
 * shorter goes on, and a last one that is shorter is joined to the one before it, so that the rest of a run
 * is no interval of two milliseconds.
 */
void vt_rule_judge(const struct vt_rule *r, struct vt_rule_state *s, const struct vt_point *p, bool last,
                   uint64_t least, struct vt_judgement *j);

#endif
