/* check.h - rules judged on one run: from its counter records, its losses and its events. */
#ifndef DECODER_CHECK_H
#define DECODER_CHECK_H

#include <valktrace/metrics.h>

#include "core/rule.h"
#include "decoder/histogram.h"
#include "decoder/input.h"
#include "decoder/out.h"
#include "decoder/pointer_map.h"

#define VT_CHECK_REASON 160u

enum vt_check_verdict { VT_CHECK_OK, VT_CHECK_VIOLATED, VT_CHECK_UNKNOWN };

/* What one rule came to. */
struct vt_finding {
	struct vt_rule rule;
	enum vt_check_verdict verdict;
	char reason[VT_CHECK_REASON];           /* UNKNOWN: why */
	bool judged_any, empty;                 /* empty: there was nothing to judge, no pause, no call */
	double value;                           /* the worst */
	const struct vt_process_info *process;  /* that had it; NULL: it is the run's */
	/* INTERVAL and MOMENT: how many were judged and violated, since when, for how long in all */
	unsigned judged, violated;
	uint64_t first_ns, violated_ns;
	/* the longest of the rule's events */
	bool located;
	uint64_t at_ns, cycle;                  /* cycle 0: not told */
	unsigned state;                         /* index of its struct vt_rule_state in a process's */
	struct vt_histogram *times;             /* EVENTS */
	uint64_t decoded, lost;                 /* events of its category */
};

struct vt_check {
	const struct vt_input *in;
	struct vt_finding *found;
	unsigned count, states;
	uint64_t least_ns;                      /* of an interval */
	double min_coverage;                    /* percent */
	struct vt_metrics metrics;
	struct vt_pointer_map processes;        /* struct vt_rule_state[states] by process */
	int error;
};

/* Judges found[].rule for all. 0 or a negative error. Then free it with vt_check_free. */
int vt_check_run(struct vt_check *c);
void vt_check_free(struct vt_check *c);

/* The percentage of events of the rule's category that are left; 100 if it needs none. */
double vt_check_coverage(const struct vt_finding *f);

/* One line (or two) of text, or one of JSON, about a finding. */
void vt_check_print(struct vt_sink *out, const struct vt_check *c, const struct vt_finding *f);
void vt_check_json(struct vt_sink *out, const struct vt_check *c, const struct vt_finding *f);

#endif
