/*
 * valktrace.h - put a flight recorder into a C program.
 *
 *   #include <valktrace.h>
 *
 *   vt_start(&(struct vt_options){ .program = "tinylisp", .version = "0.9.2", .events = "gc,loop" });
 *   ...
 *   vt_gc_begin(VT_GC_MAJOR);
 *   mark();   vt_gc_phase(VT_GC_MARK);
 *   sweep();  vt_gc_phase(VT_GC_SWEEP);
 *   vt_gc_end(.reclaimed = freed, .heap_used = used);
 *   ...
 *   vt_stop();
 *
 * What it promises: it never hurts the host (no lock, no allocation, no unbounded loop where events
 * are emitted; any failure turns tracing off and says so once on stderr; errno is kept), it never lies
 * (emitted = decoded + lost, exactly), and what was emitted survives the process, SIGKILL included.
 *
 * Everything that records is in the headers below; each can be included by itself.
 */
#ifndef VALKTRACE_H
#define VALKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <valktrace/compiler.h>
#include <valktrace/emit.h>
#include <valktrace/error.h>
#include <valktrace/gc.h>
#include <valktrace/host.h>
#include <valktrace/http.h>
#include <valktrace/interp.h>
#include <valktrace/kernel.h>
#include <valktrace/loop.h>
#include <valktrace/metrics.h>
#include <valktrace/schema.h>

VT_BEGIN_DECLS

/*
 * What vt_start may be told. Zero means the default everywhere. The environment variable VALKTRACE
 * (key=value,... with the names of core/options.def; ignored in set-uid programs) wins over the struct:
 * VALKTRACE=0 is off, VALKTRACE=help prints the keys, an unknown key is one line on stderr and no more.
 */
struct vt_options {
	size_t size;                /* sizeof(struct vt_options), or 0 */
	const char *program;        /* name of the program; default: the executable's base name */
	const char *version;        /* of the program */
	const char *output;         /* the log; default "<program>-%p.vtrace" in the current directory.
	                               %p is the process id, %t the time (UTC, 20261121T150407), %% a %. An
	                               existing file is renamed to <output>.old */
	const char *ring_directory; /* default $XDG_RUNTIME_DIR/valktrace, else /dev/shm/valktrace-<uid> */
	const char *events;         /* categories whose events are on from the start: "gc,loop", "all" */
	const char *mode;           /* when a ring is full: "overwrite" (default) the oldest or "discard" the
	                               newest. "ring": a flight recorder: as overwrite, and no log is written
	                               until vt_dump, dump_signal, or the death of the process */
	const char *dump_signal;    /* "USR2": vt_dump(NULL) when this signal comes; takes over its handler */
	const char *warn;           /* rules that are judged at each sample of the counters, separated by ';':
	                               "gc.time > 10%; gc.heap > 90%" (valktrace check --subjects). A violation
	                               becomes an event in the log, meta.violation; nothing is printed */
	const char *codec;          /* "zstd" (default), "lz4", "none" */
	int level;                  /* of the codec */
	uint64_t ring_size;         /* bytes of a thread's ring; default 512 KiB */
	uint64_t flush_ms;          /* how often rings are drained at least; default 200 */
	uint64_t counters_ms;       /* how often counters are sampled; default 1000 */
	uint64_t max_bytes;         /* of all parts together; default 64 MiB, ~0: no limit */
	uint64_t rotate_bytes;      /* begin a new part at this size; 0: never */
	uint64_t rotate_ms;         /* ... or at this age; 0: never */
	bool follow_fork;           /* forked children record too, into ring files of their own */

	/*
	 * Called on the recorder's thread, at most once a flush, when events were lost since the last call:
	 * `lost` is how many. It must not call vt_start, vt_stop or vt_flush. NULL: nobody is told but the log.
	 */
	void (*on_loss)(void *user, uint64_t lost);
	void *user;
};

/*
 * Starts recording: makes the ring file, opens the log, starts the recorder's thread. Counters are on
 * from now on, events as `options->events` says or once vt_enable is called.
 * Under `valktrace record` the process joins that recording instead: its events go into record's log, and
 * of the options only program, version and events count.
 * In a process that carries a libuv of another minor version than valktrace was built with (a VM with a
 * copy of its own) no recorder can run: the rings alone record, said once; vt_stop writes the log.
 * Return: 0, or a negative error after which tracing is off and every other call does nothing. The
 * result may be ignored: the failure has been said on stderr. -ECANCELED, silently: VALKTRACE=0.
 * Context: any thread; not from a signal handler. -EALREADY when it is running.
 */
VT_CALL int vt_start(const struct vt_options *options) VT_DISABLED(return 0;);

/*
 * Stops recording: drains every ring, writes the last counters, closes the log. Threads that go on
 * emitting do nothing. vt_start may be called again and writes a new log. In mode "ring" the rings go
 * unwritten: call vt_dump before to keep them.
 * Context: as vt_start. Return: 0, or the first error that the recorder met (the log is whole up to it).
 */
VT_CALL int vt_stop(void) VT_DISABLED(return 0;);

/*
 * Returns when all that was emitted before is in the log (where the ring is the log, at once). 0, the recorder's error, or -ENOTCONN when not recording here.
 */
VT_CALL int vt_flush(void) VT_DISABLED(return -ENOTCONN;);

/*
 * Writes what the rings hold now into a log of its own, in any mode, while everything goes on: the last
 * moments before something that is worth a look. `path` NULL: options.output; %p and %t as there. A file
 * of that name is replaced, whole: a reader sees the old one or the new one.
 * Context: any thread, not a signal handler; takes about 5 ms a MiB. Return: 0 or a negative error.
 */
VT_CALL int vt_dump(const char *path) VT_DISABLED(return -ENOTCONN;);

/* States a fact about the program that is written into the log. `class_flag`: enum vt_field_flags. */
VT_CALL void vt_fact(const char *key, const char *value, int class_flag) VT_DISABLED();

/*
 * Switches events of categories on or off: a bit set of 1ull << VT_CAT_..., or by name, "gc,loop". The
 * uptime of the metrics is the time since events were last switched on (from no category to some); when all
 * are off it is the length of that session; 0 before the first.
 */
VT_CALL void vt_enable(uint64_t categories) VT_DISABLED();
VT_CALL void vt_disable(uint64_t categories) VT_DISABLED();
VT_CALL uint64_t vt_enabled(void) VT_DISABLED(return 0;);
VT_CALL int vt_categories(const char *names, uint64_t *set) VT_DISABLED(*set = 0; return 0;);

/*
 * Asks to be told which categories are on: `changed` is called now, and at each vt_start, vt_stop, vt_enable
 * and vt_disable, on the thread that does it, with the set as vt_enabled returns it. For hosts that set
 * hooks in their VM only while somebody listens. It may call vt_enable and vt_disable for categories of its
 * own, but not vt_start, vt_stop or vt_on_change. At most 8 of them, for good: -VT_E_NO_ROOM.
 */
VT_CALL int vt_on_change(void (*changed)(void *user, uint64_t categories), void *user)
	VT_DISABLED(changed(user, 0); return 0;);

/*
 * Sets all counters back to 0, largest values too, and begins the uptime anew; gauges (heap sizes, say)
 * keep what they tell. The cycles of gc.h are forgotten. The log keeps what it has, with an event
 * meta.reset at this place (if meta is on); what was lost stays counted. Which cells a thread counts in at
 * this very moment belong to before or after, none is lost or counted twice.
 * Context: any thread, not a signal handler; takes the lock of vt_metrics_read.
 */
VT_CALL void vt_reset(void) VT_DISABLED();

/* Names the calling thread in the log; default: its name in the system. */
VT_CALL void vt_thread_name(const char *name) VT_DISABLED();

/*
 * Reads all metrics of this process: sums the cells of all threads. What is read is also handed to the
 * recorder as a counter record with the number m->sequence, so that `decode --at #N` prints the same.
 * Return: 0; -ENOTCONN when not recording (then m is zeroed but for its schema).
 * Context: any thread; takes a lock that no emit takes.
 */
VT_CALL int vt_metrics_read(struct vt_metrics *m) VT_DISABLED(*m = vt__no_metrics(); return -ENOTCONN;);

VT_END_DECLS

#endif
