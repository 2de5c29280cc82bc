/*
 * gc.h - report garbage collections. One thread reports a cycle; different heaps may collect at once
 * on different threads.
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
 *   vt_gc_end(.slices = n, .fallback = VT_gc_fallback_slice_timeout);
 *
 * Metrics are always counted while a recording runs; events are written when category gc is on. Times
 * are the tracer's own, in ns. Misuse (an end without a begin, a second begin) is ignored.
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

/* What a cycle did. Zero means: not known. */
struct vt_gc_result {
	uint64_t vt__zero;
	uint64_t reclaimed, surviving;          /* bytes */
	uint64_t heap_used, heap_total;         /* bytes after the cycle; the limit */
	uint64_t heap_young, heap_old;          /* bytes by generation */
	uint64_t objects_marked, objects_reclaimed, objects_surviving;
	uint64_t slices, dirty_pages;           /* incremental cycles */
	enum vt_gc_type final_type;             /* when it is not the one that was begun */
	enum vt_enumerator fallback;            /* VT_gc_fallback_..., whatever the final type */
};

VT_BEGIN_DECLS

/* Says that this process has a collector: its counters are then 0, not absent, before the first cycle. */
VT_CALL void vt_gc_attach(void) VT_DISABLED()

/* A cycle of a collector that stops the world: the pause is from begin to end. */
VT_CALL void vt_gc_begin(enum vt_gc_type type) VT_DISABLED()

/* A cycle during which the program runs, but for the pauses that are reported. */
VT_CALL void vt_gc_begin_concurrent(enum vt_gc_type type) VT_DISABLED()

/* The phase that began with the cycle or with the end of the phase before has just ended. */
VT_CALL void vt_gc_phase(enum vt_gc_phase phase) VT_DISABLED()

/* A phase with a begin of its own, where something else lies between the phases. */
VT_CALL void vt_gc_phase_begin(enum vt_gc_phase phase) VT_DISABLED()

VT_CALL void vt_gc_pause_begin(void) VT_DISABLED()
VT_CALL void vt_gc_pause_end(void) VT_DISABLED()
VT_CALL void vt_gc_slice_begin(void) VT_DISABLED()
VT_CALL void vt_gc_slice_end_with(uint64_t objects_marked, uint64_t dirty_pages) VT_DISABLED()

/* Ends the cycle; fields of struct vt_gc_result by name, vt_gc_end(.reclaimed = n), or as a struct. */
VT_CALL void vt_gc_end_with(const struct vt_gc_result *result) VT_DISABLED()
#define vt_gc_end(...) do { \
	const struct vt_gc_result vt__result = { .vt__zero = 0, __VA_ARGS__ }; \
	vt_gc_end_with(&vt__result); \
} while (0)

/* A collection was asked for and did not happen: VT_gc_outcome_skipped or _refused. */
VT_CALL void vt_gc_refuse(enum vt_enumerator outcome) VT_DISABLED()

/* Heap sizes between collections, 0: not known. The last `used` is what the next cycle begins with. */
VT_CALL void vt_gc_heap(uint64_t used, uint64_t total) VT_DISABLED()

VT_END_DECLS

#endif
