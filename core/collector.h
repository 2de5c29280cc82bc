/*
 * collector.h - who samples something on the recorder's loop: one file in collectors/, one const vtable, one
 * line in collectors/registry.c.
 *
 * A collector sets metrics of a followed process, or of the run (VT_COLLECT_RUN, for what is machine-wide), and
 * says what it cannot give and why. Values go into the process's ring file, so that live calls, records of
 * the log and what is recovered after a death all see the last ones. All calls are made on the recorder's
 * thread. A collector that cannot open is left out: the rest goes on.
 */
#ifndef CORE_COLLECTOR_H
#define CORE_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <valktrace/schema.h>

struct rusage;
struct uv_loop_s;
struct vt_settings;

/* A process that is followed now. Indices of processes that have ended are not reused. */
struct vt_collected {
	uint32_t index, pid;
	uint64_t start;                 /* field 22 of /proc/PID/stat: tells a reused pid */
	uint32_t parent;                /* index of the process that made it, or VT_COLLECT_RUN: not followed */
};

/* What a collector may ask of the recorder, and tell it. Lives as long as the recorder. */
struct vt_collect {
	struct uv_loop_s *loop;
	const struct vt_settings *settings;
	/* The i-th followed process; false: there are no more. */
	bool (*process)(const struct vt_collect *c, unsigned i, struct vt_collected *p);
	/* Sets a value: a total for COUNTER, the present one for GAUGE. */
	void (*set)(const struct vt_collect *c, uint32_t process, unsigned metric, uint64_t value);
	/* Makes it absent again: no rate in this interval, a field that is gone. */
	void (*unset)(const struct vt_collect *c, uint32_t process, unsigned metric);
	/*
	 * Whether a source feeds a process, or why not. `reason` is copied. What is said of VT_COLLECT_RUN also
	 * holds for processes that come later: so it may be said in open().
	 */
	void (*source)(const struct vt_collect *c, uint32_t process, enum vt_source_id source, bool available,
	               const char *reason);
	/*
	 * A metric that only this run has (an event that was asked for by name): written into the log's schema
	 * under an id from VT_METRIC_COUNT on. Return: the id, or -1 when there is no more room.
	 */
	int (*metric)(const struct vt_collect *c, const struct vt_metric_desc *desc);
	/*
	 * Whether one metric can be had in this run, for a source that may have some and lack others. `reason`
	 * (NULL: none) is copied: why not, or what is to be known of its values. Exporters show the last one.
	 */
	void (*state)(const struct vt_collect *c, unsigned metric, bool available, const char *reason);
};
/* As `process`: the run itself. What is machine-wide, or of all processes together. */
#define VT_COLLECT_RUN UINT32_MAX

struct vt_collector {
	const char *name, *summary;     /* "vm", one line for `record --help` and `schema --collectors` */
	bool standard;                  /* on unless switched off; else only when named: --collect NAME */
	uint64_t categories;            /* bit set: on as well when one of these is named */
	uint32_t sources;               /* bit set of those it feeds: they are told when it is switched off */
	size_t state_size;              /* bytes of state, zeroed */
	/* 0, or a negative error after it has told its sources why. */
	int (*open)(void *state, const struct vt_collect *c);
	/* Called before each counter record: every settings->counters_ns, and once before the last one. */
	void (*sample)(void *state, const struct vt_collect *c, uint64_t monotonic_ns);
	/*
	 * A process is followed from now on; or it has ended, and this is the last chance to set its values. A
	 * command of `record` is then a zombie, so that /proc still knows it; others may be gone from there.
	 * `usage` is what the kernel says of one that has ended, and of the children that it waited for; NULL:
	 * not known; ru_maxrss 0: not known. After an exec, the new image begins before the old one, which has
	 * the same pid and start, ends. Both may be NULL.
	 */
	void (*begin)(void *state, const struct vt_collect *c, const struct vt_collected *p);
	void (*end)(void *state, const struct vt_collect *c, const struct vt_collected *p,
	            const struct rusage *usage);
	/*
	 * Before the last `sample` of the run, and of each process that was the only one: fetches what is
	 * still under way. May wait, for a quarter of a second at most. May be NULL.
	 */
	void (*last)(void *state, const struct vt_collect *c);
	/*
	 * Frees `state`, with free(): at once, or when the last handle that it has on the loop is closed. The
	 * struct vt_collect is gone by then.
	 */
	void (*close)(void *state);
};

extern const struct vt_collector *const vt_collectors[];        /* ends with NULL */

#endif
