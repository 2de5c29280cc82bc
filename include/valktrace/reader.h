/*
 * reader.h - read logs: open, look at the run, select, take events in time order, close.
 *
 * The command line tool uses nothing else. The reader holds decompressed sections of at most
 * VT_READER_MEMORY bytes, whatever the size of the log, and trusts no length in it. Ring files of a
 * run that ended without its recorder are found (`<run id>-*.vring` beside the log and in the ring
 * directory), checked and merged in memory; nothing is ever written.
 *
 *   struct vt_reader *reader;
 *   int err = vt_reader_open(&reader, (const char *const[]){ "run.vtrace" }, 1, NULL);
 *   if (err < 0)
 *           return vt_strerror(err);
 *   const struct vt_event *event;
 *   while (vt_reader_next(reader, &event) > 0)
 *           printf("%.9f %s.%s\n", (double)event->t_ns / 1e9,
 *                  vt_event_category(event), event->desc->name);
 *   vt_reader_close(reader);
 *
 * Threads: a reader belongs to one thread at a time; different readers are independent. vt_reader_scan
 * brings threads of its own.
 * Ownership: everything a call returns belongs to the reader and lives until it is closed, but for
 * events and batches, which live until the next call that takes one.
 * Errors: 0 or positive on success, else a negative errno or a VT_E code (valktrace.h). After an
 * error of vt_reader_open there is no reader; after one of vt_reader_next, only vt_reader_close.
 */
#ifndef VALKTRACE_READER_H
#define VALKTRACE_READER_H

#include <stdbool.h>
#include <stdio.h>

#include <valktrace/error.h>
#include <valktrace/format.h>
#include <valktrace/schema.h>

VT_BEGIN_DECLS

#define VT_READER_MEMORY (64u << 20)

struct vt_reader;

/* One remark about an input: damage, a gap in the file, a part that is missing. */
struct vt_note {
	int code;                   /* stable number: Exx (damage) positive, Nxx (remark) negative */
	const char *file;
	uint64_t offset;
	const char *text;           /* one line, escaped, without the file's name */
};

struct vt_reader_options {
	size_t size;                /* sizeof(struct vt_reader_options) */
	bool no_ring_files;         /* read only what was named */
	const char *ring_directory; /* NULL: the default one */
	void (*note)(void *user, const struct vt_note *note);   /* NULL: notes are only counted */
	void *user;                 /* of note and progress */
	/*
	 * Called while vt_reader_open looks through the inputs, once in 64 reads of a chunk or 64 KiB:
	 * `done` of `total` bytes of all inputs are behind it. It must not use the reader. NULL: never.
	 */
	void (*progress)(void *user, uint64_t done, uint64_t total);
	unsigned threads;           /* 2 or more: vt_reader_open may use a second one while it reads */
};

struct vt_fact { const char *key, *value; uint8_t class_flag; };

struct vt_process_info {
	uint32_t index, parent;     /* VT_NO_PROCESS: none, or not recorded */
	uint32_t pid, ending, status;   /* enum vt_ending; exit code or signal */
	uint64_t start, end;        /* ticks; 0 unknown */
	const char *program;        /* base name, never NULL */
	const struct vt_fact *facts;
	unsigned fact_count;
	const struct vt_schema *schema;
	bool recovered;             /* some of it was read from its ring file */
};

/* One ring: a thread has a main one and, when it emitted inside a signal handler, a signal one. */
struct vt_ring_info {
	uint32_t id, tid;
	const struct vt_process_info *process;
	const char *name;           /* of the thread, never NULL */
	bool is_signal;
	uint64_t first, last;       /* ticks of its first and last event; 0, 0: none */
	uint64_t decoded[VT_MAX_CATEGORIES];    /* events in the undamaged chunks of the inputs */
	uint64_t committed[VT_MAX_CATEGORIES];  /* as its producer counted them, if totals_known */
	uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES];
	bool totals_known;
	bool is_recorder;           /* no thread of the process: what the recorder tells of it (--warn) */
};

struct vt_counter_value { uint64_t value; bool present; };
struct vt_source_state { bool known, available; const char *reason; };

/* One counter record: all metrics of one process at one moment. */
struct vt_counters {
	uint64_t sequence, ticks, monotonic, realtime;
	const struct vt_process_info *process;
	uint16_t flags;             /* enum vt_counters_flags */
	struct vt_counter_value metrics[VT_MAX_METRICS];
	uint64_t lost[VT_MAX_CATEGORIES];
	struct vt_source_state sources[VT_MAX_SOURCES];
};

/* Statistics of one call of a process, all threads together: the last that the log has. */
struct vt_call_info {
	const struct vt_process_info *process;
	const char *name;           /* "read"; "#7" if the host gave none */
	uint16_t call;
	uint8_t category;
	uint64_t count, errors;     /* all calls; those of them that failed */
	uint64_t time_ns, error_time_ns, least_ns, most_ns;
};

struct vt_run_info {
	uint64_t run;
	unsigned parts, parts_missing;  /* parts 0: there is no log, only ring files */
	uint64_t bytes, chunks;     /* of the inputs */
	uint64_t realtime, ticks;   /* the run's start: t_ns 0 */
	uint64_t last;              /* ticks of the last event or counter record */
	bool closed;                /* every part has its tail */
	bool damaged;               /* at least one Exx note */
	uint64_t damaged_bytes;
	const struct vt_process_info *const *processes;
	unsigned process_count;
	const struct vt_ring_info *const *rings;
	unsigned ring_count;
	uint64_t decoded[VT_MAX_CATEGORIES];                    /* sums over the rings */
	uint64_t lost[VT_LOST_CAUSES][VT_MAX_CATEGORIES];       /* sums, threads without a ring too */
	uint64_t stored[VT_MAX_CATEGORIES];                     /* bytes of sections in the file */
	uint64_t anchor_error_ns;   /* how far the clock anchors are from one line */
	bool writing;               /* a recorder is still at it: more is to come */
};

/* Events that a gap swallowed: between the two times, on one ring. */
struct vt_gap {
	uint64_t t_before, t_after; /* ticks; the loss happened between them */
	uint64_t events[VT_MAX_CATEGORIES];
	uint64_t total;
	uint16_t cause;             /* enum vt_lost_cause */
};

struct vt_event {
	uint64_t ticks, t_ns;       /* t_ns: since the run's start */
	const struct vt_ring_info *ring;
	const struct vt_event_desc *desc;   /* never NULL; unknown types have the name "#id" */
	const uint64_t *values;     /* by field; a TEXT field's value is its length */
	const char *text;           /* bytes of the TEXT field, not terminated; NULL if the type has none */
	const struct vt_gap *gap;   /* not NULL: this is no event but a gap; desc and values are not valid */
};

enum vt_compare { VT_EQ, VT_NE, VT_LT, VT_LE, VT_GT, VT_GE };

struct vt_condition {           /* --where FIELD OP VALUE: true only for events that have the field */
	const char *field;
	enum vt_compare op;
	int64_t number;
	const char *string;         /* not NULL: compare with the string (STRING, ENUM label) instead */
};

/* What to deliver. Zero means everything. Arrays belong to the caller until the reader is closed. */
struct vt_filter {
	size_t size;                /* sizeof(struct vt_filter) */
	const char *const *categories;  /* names; "!name" excludes */
	unsigned category_count;
	const char *const *events;      /* "gc.end", "gc.*" or "end"; "!..." excludes */
	unsigned event_count;
	const uint32_t *tids, *pids;
	unsigned tid_count, pid_count;
	const char *thread;             /* name */
	bool since_set, until_set;
	uint64_t since_ns, until_ns;    /* since the run's start, since <= t < until */
	uint64_t min_duration_ns;       /* only events that carry a duration at least this long */
	const struct vt_condition *where;
	unsigned where_count;
	bool no_bulk;                   /* leave out types flagged BULK */
};

/*
 * Opens one or more files of one run in any order: parts of its log and ring files. A ring file alone
 * will do: what is in it is the run then, all that is not counts as overwritten. Reads headers, schema
 * and counters, but no events. Cost: one small read a chunk; a ring file is copied.
 */
VT_API int vt_reader_open(struct vt_reader **reader, const char *const *paths, unsigned count,
                          const struct vt_reader_options *options);

/* All of it is known after open, but for damage inside sections: that is found when they are decoded. */
VT_API const struct vt_run_info *vt_reader_run(const struct vt_reader *reader);

/*
 * Selects what the next calls deliver and starts over. -VT_E_UNKNOWN_CATEGORY, -VT_E_UNKNOWN_EVENT or
 * -VT_E_UNKNOWN_FIELD if a name is in no schema of the log; *unknown is then set to the name as given. The
 * selection before stays in force after an error.
 */
VT_API int vt_reader_select(struct vt_reader *reader, const struct vt_filter *filter,
                            const char **unknown);

/* 1 and the next event or gap in time order, 0 at the end. The order is (ticks, process, ring). */
VT_API int vt_reader_next(struct vt_reader *reader, const struct vt_event **event);

/*
 * A batch: all selected events of one section, as columns, in no order between batches but that of
 * each ring. The fast way to count: a column is decoded when vt_batch_column asks for it.
 */
struct vt_batch {
	const struct vt_ring_info *ring;
	uint8_t category;
	unsigned types;
	const struct vt_event_desc *const *desc;    /* by type */
	const uint32_t *counts;                     /* events by type, before time filters */
	unsigned events;
	uint64_t t_min, t_max;
	void *source;                               /* of the calls below */
};

/* 1 and the next batch, 0 at the end. Only category, ring and coarse time filters apply. */
VT_API int vt_reader_next_batch(struct vt_reader *reader, const struct vt_batch **batch);

/*
 * All selected batches, from the first, on `threads` threads at once: this one and others that end before the
 * call returns. Each batch goes to one of them, which calls `each` with its own of the `threads` states; the
 * order is by chance, so what is made of them must not depend on it. `each` may use the batch, the calls on it,
 * vt_reader_ns, vt_reader_realtime and vt_reader_string, and nothing else of the reader. It returns 0 to go on,
 * or a negative error that ends the scan. 0, or the error.
 */
VT_API int vt_reader_scan(struct vt_reader *reader, unsigned threads,
                          int (*each)(void *state, const struct vt_batch *batch), void *const *states);

/*
 * One field of one type of a batch: counts[type] values. NULL: no memory, or damage. These live as long as the
 * batch: until the next one is taken, or `each` returns.
 */
VT_API const uint64_t *vt_batch_column(const struct vt_batch *batch, unsigned type, unsigned field);

/* Ticks of the events of a batch in order, the same in ns since the run's start, and the type of each. */
VT_API const uint64_t *vt_batch_ticks(const struct vt_batch *batch);
VT_API const uint64_t *vt_batch_times(const struct vt_batch *batch);
VT_API const uint8_t *vt_batch_types(const struct vt_batch *batch);

/*
 * Counter records. `which` < 0: the last record of each process, delivered one a call of `each`;
 * else all records in order of time (`which` = 0) or those with that sequence number (`which` > 0).
 * `each` returns 0 to go on. Returns the number delivered, or a negative error.
 */
VT_API int vt_reader_counters(struct vt_reader *reader, int64_t which,
                              int (*each)(void *user, const struct vt_counters *c), void *user);

/*
 * Statistics of calls, in order of process and call: of the C library's where a probe counted them, and of
 * a host's own (vt_syscall). `each` returns 0 to go on. Returns the number delivered. *missed, if it is not
 * NULL, is the number of calls by threads that had no memory to count them.
 */
VT_API int vt_reader_calls(struct vt_reader *reader,
                           int (*each)(void *user, const struct vt_call_info *c), void *user,
                           uint64_t *missed);

/* The string of an id in a process; NULL if the log lacks it. *length may be NULL. */
VT_API const char *vt_reader_string(const struct vt_reader *reader,
                                    const struct vt_process_info *process, uint64_t id, size_t *length);

/* Ticks to ns since the run's start, and to ns since 1970. */
VT_API uint64_t vt_reader_ns(const struct vt_reader *reader, uint64_t ticks);
VT_API uint64_t vt_reader_realtime(const struct vt_reader *reader, uint64_t ticks);

VT_API void vt_reader_close(struct vt_reader *reader);

/* Name of the event's category, "#id" if the log lacks it. */
VT_API const char *vt_event_category(const struct vt_event *event);

VT_END_DECLS

#endif
