/*
 * perf_list.h - the events that a recording counts, for both ways to count them: which metric each one is,
 * and whether it can be had. Events of the built-in table have metrics of the schema; others, which only perf
 * stat takes, get one of the run.
 */
#ifndef COLLECTORS_PERF_LIST_H
#define COLLECTORS_PERF_LIST_H

#include "collectors/perf_lines.h"
#include "core/collector.h"

#define VT_PERF_EVENTS 48u      /* most of a recording */
#define VT_PERF_REASON 120u

struct vt_perf_known {          /* a row of the built-in table */
	const char *name;
	uint16_t machine, process;      /* metric ids */
	bool clock;                     /* counts ns */
	bool standard;                  /* counted when no events are named */
	uint32_t type;                  /* of perf_event_open */
	uint64_t config;
};

struct vt_perf_event {
	char name[VT_PERF_NAME];        /* as it was asked for, and is its label `event` */
	const struct vt_perf_known *known;      /* NULL: only perf knows it */
	int metric;                     /* -1: there is no room for it */
	int share_metric;               /* 0: not yet; running share, once it was below one */
	bool wanted;                    /* false: it cannot be had, and `reason` says why */
	bool clock;                     /* its metric counts ns */
	bool thousandths;               /* its metric counts them: perf gives it a unit (Joules) */
	bool said, available;
	char reason[VT_PERF_REASON];
	uint64_t total;
	uint64_t at;                    /* perf's time of its last line */
	uint32_t share;                 /* millionths of the time that it was counted, when last told */
	bool fresh, gap;                /* since the last sample: counted, or asked for and not counted */
};

struct vt_perf_list {
	enum vt_source_id source;
	struct vt_perf_event events[VT_PERF_EVENTS];
	unsigned count;
	unsigned left_out;              /* events beyond the most */
	bool strict;
};

/* Reads settings->perf_events for a source: VT_SRC_perf or VT_SRC_process_perf. */
void vt_perf_list_open(struct vt_perf_list *l, const struct vt_collect *c, enum vt_source_id source);

/* The event of a name that perf printed, or NULL. */
struct vt_perf_event *vt_perf_list_find(struct vt_perf_list *l, const char *name);

/* Whether an event can be had. Said to the recorder when it changes. */
void vt_perf_list_say(struct vt_perf_list *l, const struct vt_collect *c, struct vt_perf_event *e,
                      bool available, const char *reason);

/*
 * Whether the source is there: when one event is; with perf-strict when all are. Fills `reason`, which names
 * the first one that is not.
 */
bool vt_perf_list_available(const struct vt_perf_list *l, char reason[VT_PERF_REASON]);

/* Sets or makes absent the gauge valk_perf_running_ratio of an event: below one its values are scaled. */
void vt_perf_list_share(struct vt_perf_list *l, const struct vt_collect *c, struct vt_perf_event *e,
                        uint32_t process, uint32_t share);

/* perf_event_paranoid, or -2 when the kernel has none. */
int vt_perf_paranoid(void);

#endif
