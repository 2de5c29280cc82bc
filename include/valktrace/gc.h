/*
 * gc.h - report garbage collections, and ask what they were like. One thread reports a cycle; different
 * heaps may collect at once on different threads.
 *
 *   vt_gc_begin(VT_GC_MAJOR);              a cycle begins; the world is stopped unless told otherwise
 *   mark(vm);   vt_gc_phase(VT_GC_MARK);   names the phase that just ended
 *   sweep(vm);  vt_gc_phase(VT_GC_SWEEP);
 *   vt_gc_end(.reclaimed = freed, .heap_used = vm->used, .heap_total = vm->limit);
 *
 * A collector that runs beside the program says when the world stands still:
 *
 *   vt_gc_begin_concurrent(VT_GC_INCREMENTAL_MAJOR);
 *   vt_gc_pause_begin(); ... vt_gc_pause_end();
 *   vt_gc_slice_begin(); ... vt_gc_slice_end_with(objects_marked, dirty_pages);   a pause as well
 *   vt_gc_end(.fallback = VT_gc_fallback_slice_timeout);
 *
 * Cycle and pause are two things: the cycle lasts from begin to end, a pause is a time in it during which
 * the program stood still. Phases lie in the cycle and do not overlap; what none of them covers is `other`,
 * so that phases and other add up to the cycle's time, in each cycle, in the metrics and in the summary.
 *
 * Metrics and the history below are always kept while a recording runs; events are written when category
 * gc is on. Times are the tracer's own, in ns. Misuse (an end without a begin, a second begin, a slice
 * that was not begun) is ignored and counted: valk_gc_misused_calls_total.
 */
#ifndef VALKTRACE_GC_H
#define VALKTRACE_GC_H

#include <valktrace/emit.h>

enum vt_gc_type {
	VT_GC_MINOR = VT_gc_type_minor,
	VT_GC_MAJOR = VT_gc_type_major,
	VT_GC_INCREMENTAL_MAJOR = VT_gc_type_incremental_major,
};

enum vt_gc_phase { VT_GC_CLEAR, VT_GC_MARK, VT_GC_SWEEP, VT_GC_MARK_SWEEP, VT_GC_PHASES };

/*
 * What a cycle did. Zero means: not known. Slices, and what they marked and scanned, are counted here
 * already: give such a number only if the slices do not tell it, or not all of it. Slices and dirty pages
 * of a cycle that is not incremental are dropped: they are of another one.
 */
struct vt_gc_result {
	uint64_t vt__zero;
	uint64_t reclaimed, surviving;          /* bytes */
	uint64_t heap_used, heap_total;         /* bytes after the cycle; the limit */
	uint64_t heap_young, heap_old;          /* bytes by generation; one of them may be 0 */
	uint64_t objects_marked, objects_reclaimed, objects_surviving;
	uint64_t slices, dirty_pages;           /* incremental cycles */
	enum vt_gc_type final_type;             /* when it is not the one that was begun */
	enum vt_enumerator fallback;            /* VT_gc_fallback_..., whatever the final type */
};

VT_BEGIN_DECLS

/* Says that this process has a collector: its counters are then 0, not absent, before the first cycle. */
VT_CALL void vt_gc_attach(void) VT_DISABLED();

/* A cycle of a collector that stops the world: the pause is from begin to end. */
VT_CALL void vt_gc_begin(enum vt_gc_type type) VT_DISABLED();

/* A cycle during which the program runs, but for the pauses that are reported. */
VT_CALL void vt_gc_begin_concurrent(enum vt_gc_type type) VT_DISABLED();

/* The phase that began with the cycle, the slice or the end of the phase before has just ended. */
VT_CALL void vt_gc_phase(enum vt_gc_phase phase) VT_DISABLED();

/* A phase with a begin of its own, where something else lies between the phases. */
VT_CALL void vt_gc_phase_begin(enum vt_gc_phase phase) VT_DISABLED();

/* The world stands still. A slice is a pause; within a pause it is part of that, in it there is none. */
VT_CALL void vt_gc_pause_begin(void) VT_DISABLED();
VT_CALL void vt_gc_pause_end(void) VT_DISABLED();
VT_CALL void vt_gc_slice_begin(void) VT_DISABLED();
VT_CALL void vt_gc_slice_end_with(uint64_t objects_marked, uint64_t dirty_pages) VT_DISABLED();

/* Ends the cycle; fields of struct vt_gc_result by name, vt_gc_end(.reclaimed = n), or as a struct. */
VT_CALL void vt_gc_end_with(const struct vt_gc_result *result) VT_DISABLED();
#define vt_gc_end(...) do { \
	const struct vt_gc_result vt__result = { .vt__zero = 0, __VA_ARGS__ }; \
	vt_gc_end_with(&vt__result); \
} while (0)

/* A collection was asked for and did not happen: VT_gc_outcome_skipped or _refused. */
VT_CALL void vt_gc_refuse(enum vt_enumerator outcome) VT_DISABLED();

/*
 * Heap sizes between collections, 0: not known. The last `used` is what the next cycle begins with. Cheap
 * enough for each allocation: it is an event (gc.heap) only when `total` changes, or when `used` has moved
 * by an eighth, and by 4 KiB, since an event last told it.
 */
VT_CALL void vt_gc_heap(uint64_t used, uint64_t total) VT_DISABLED();

/* Bytes by generation between collections: the metrics only. */
VT_CALL void vt_gc_heap_generations(uint64_t young, uint64_t old) VT_DISABLED();

/* ---- allocation by type ---------------------------------------------------------------------- */

/* The rows gc_alloc_* of schema.def, in order. EXTERNAL: outside the heap, kept alive by an object. */
enum vt_gc_alloc_type {
	VT_GC_ALLOC_OBJECT, VT_GC_ALLOC_PAIR, VT_GC_ALLOC_ARRAY, VT_GC_ALLOC_STRING, VT_GC_ALLOC_NUMBER,
	VT_GC_ALLOC_CLOSURE, VT_GC_ALLOC_SCOPE, VT_GC_ALLOC_CODE, VT_GC_ALLOC_EXTERNAL, VT_GC_ALLOC_OTHER,
};
VT_STATIC_ASSERT((int)VT_M_gc_alloc_object + (int)VT_GC_ALLOC_OTHER == (int)VT_M_gc_alloc_other, "rows");

/* The program allocated: valk_gc_allocated_bytes_total{type}. Inline, one addition to a cell. */
VT_INLINE void vt_gc_alloc(enum vt_gc_alloc_type type, uint64_t bytes)
{
	vt_count((enum vt_metric_id)((unsigned)VT_M_gc_alloc_object +
	                             ((unsigned)type > VT_GC_ALLOC_OTHER ? VT_GC_ALLOC_OTHER : type)), bytes);
}

/* ---- what the collections were like ---------------------------------------------------------- */

/* One cycle, as it ended. Zero, where vt_gc_result gave it: not known. */
struct vt_gc_cycle {
	uint64_t number;                        /* in the process, from 1 */
	uint64_t begin;                         /* CLOCK_MONOTONIC, ns */
	uint64_t time;                          /* ns from begin to end: of a concurrent cycle no pause */
	uint64_t pauses, paused, longest;       /* times the world stood still, ns of all, of the longest */
	uint64_t phases[VT_GC_PHASES], other;   /* ns; they add up to `time` */
	uint64_t reclaimed, surviving;          /* bytes */
	uint64_t heap_used, heap_total, heap_young, heap_old;
	uint64_t objects_marked, objects_reclaimed, objects_surviving;
	uint64_t slices, dirty_pages;           /* 0 unless it was incremental */
	enum vt_gc_type begun_as, type;         /* they differ when it fell back */
	enum vt_enumerator fallback;            /* VT_gc_fallback_... */
	unsigned zero;
};
VT_STATIC_ASSERT(sizeof(struct vt_gc_cycle) % 8 == 0, "copied by words");

/* All cycles that ended since the recording began, or since vt_reset. */
struct vt_gc_totals {
	uint64_t cycles;                        /* minor + major + incremental */
	uint64_t minor, major, incremental;     /* by final type */
	uint64_t fallbacks;                     /* whatever the final type */
	uint64_t time, pauses, paused, longest; /* ns but for the number of pauses */
	uint64_t reclaimed, objects_reclaimed;
};

/* As last reported. Of a heap that nobody reported all is 0. Asking causes no collection. */
struct vt_gc_heap_sizes {
	uint64_t used, total, young, old;       /* bytes */
};

#define VT_GC_HISTORY       64u             /* cycles that are remembered, unless vt_gc_history says else */
#define VT_GC_HISTORY_MOST  65536u

/*
 * Remembers the last `n` cycles from now on. Call it once, before the first collection; the memory is
 * allocated here and kept. 0; -EBUSY: a cycle was recorded already; -EINVAL: n is 0 or above
 * VT_GC_HISTORY_MOST; -ENOMEM.
 */
VT_CALL int vt_gc_history(unsigned n) VT_DISABLED(return 0;);

/*
 * Copies the last `n` cycles, newest first, and returns how many that were: fewer if fewer are known. Any
 * thread, while others collect: each is whole, one that is being replaced at that moment is left out.
 */
VT_CALL unsigned vt_gc_recent(struct vt_gc_cycle *to, unsigned n) VT_DISABLED(return 0;);

/* The last cycle of the process, whichever thread it ran on. False, and all zero: there was none. */
VT_CALL bool vt_gc_last(struct vt_gc_cycle *to)
	VT_DISABLED(__builtin_memset(to, 0, sizeof(*to)); return false;);

/* Cycles that were recorded, also those that the history no longer has. */
VT_CALL uint64_t vt_gc_recorded(void) VT_DISABLED(return 0;);

/* Mean and largest of the single pauses in the last `n` cycles, in ns; 0 if there was none. */
VT_CALL uint64_t vt_gc_average_pause(unsigned n) VT_DISABLED(return 0;);
VT_CALL uint64_t vt_gc_max_pause(unsigned n) VT_DISABLED(return 0;);

VT_CALL void vt_gc_totals_read(struct vt_gc_totals *to)
	VT_DISABLED(__builtin_memset(to, 0, sizeof(*to)););
VT_CALL void vt_gc_heap_read(struct vt_gc_heap_sizes *to)
	VT_DISABLED(__builtin_memset(to, 0, sizeof(*to)););

VT_END_DECLS

#endif
