/*
 * gc.c - gc.h: cycles, pauses and phases as events, their sums as metrics. Times are measured even when
 * no event is written, for the metrics are always on. State is per thread: a thread reports a cycle.
 */
#include <valktrace/gc.h>

#include "core/clock.h"
#include "core/process.h"

static VT_THREAD_LOCAL struct {
	uint64_t cycle;                 /* number; 0: none is open */
	enum vt_gc_type type;
	bool concurrent;
	uint64_t begin, pause, phase;   /* ticks; pause 0: the world runs */
} now __attribute__((tls_model("initial-exec")));

static uint64_t last_cycle;             /* of the process */

static const enum vt_metric_id phase_metric[VT_GC_PHASES] = {
	[VT_GC_CLEAR] = VT_M_gc_clear_time, [VT_GC_MARK] = VT_M_gc_mark_time,
	[VT_GC_SWEEP] = VT_M_gc_sweep_time, [VT_GC_MARK_SWEEP] = VT_M_gc_mark_sweep_time,
};

/* Once a ring file: a forked child has one of its own. */
void vt_gc_attach(void)
{
	static const struct vt_ring_file *declared;
	static const enum vt_metric_id own[] = {
		VT_M_gc_cycles, VT_M_gc_pause_time, VT_M_gc_pause_max, VT_M_gc_reclaimed,
		VT_M_gc_minor, VT_M_gc_major, VT_M_gc_incremental, VT_M_gc_time, VT_M_gc_pauses,
	};
	if (declared == vt_process.file || !vt_process_recording())
		return;
	declared = vt_process.file;
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		vt_metric_declare(own[i]);
	vt_source_say(VT_SRC_gc, true, NULL);
}

static void begin(enum vt_gc_type type, bool concurrent)
{
	if (now.cycle || !vt_load_relaxed(&vt__gate.counting))
		return;
	now.cycle = vt_add_relaxed(&last_cycle, 1) + 1;
	now.type = type;
	now.concurrent = concurrent;
	now.begin = now.phase = vt_ticks();
	now.pause = 0;
	vt_count(VT_M_gc_cycles, 0);    /* a forked child makes its ring file here */
	vt_gc_attach();
	VT_EMIT(gc, begin, .cycle = now.cycle, .type = type,
	        .heap_used = vt_gauge(VT_M_gc_heap_used));
	if (!concurrent)
		vt_gc_pause_begin();
}

void vt_gc_begin(enum vt_gc_type type)
{
	begin(type, false);
}

void vt_gc_begin_concurrent(enum vt_gc_type type)
{
	begin(type, true);
}

void vt_gc_pause_begin(void)
{
	if (!now.cycle || now.pause)
		return;
	now.pause = vt_ticks();
	VT_EMIT(gc, pause, .cycle = now.cycle);
}

static void count_pause(uint64_t time)
{
	vt_count(VT_M_gc_pauses, 1);
	vt_count(VT_M_gc_pause_time, time);
	vt_count_max(VT_M_gc_pause_max, time);
}

void vt_gc_pause_end(void)
{
	if (!now.cycle || !now.pause)
		return;
	uint64_t time = vt_ticks_to_ns(vt_ticks() - now.pause);
	now.pause = 0;
	count_pause(time);
	VT_EMIT(gc, pause_end, .cycle = now.cycle, .time = time);
}

void vt_gc_phase_begin(enum vt_gc_phase phase)
{
	if (!now.cycle)
		return;
	now.phase = vt_ticks();
	switch (phase) {
	case VT_GC_CLEAR: VT_EMIT(gc, clear, .cycle = now.cycle); break;
	case VT_GC_MARK: VT_EMIT(gc, mark, .cycle = now.cycle); break;
	case VT_GC_SWEEP: VT_EMIT(gc, sweep, .cycle = now.cycle); break;
	case VT_GC_MARK_SWEEP: VT_EMIT(gc, mark_sweep, .cycle = now.cycle); break;
	case VT_GC_PHASES: break;
	}
}

void vt_gc_phase(enum vt_gc_phase phase)
{
	if (!now.cycle || phase >= VT_GC_PHASES)
		return;
	uint64_t at = vt_ticks(), time = vt_ticks_to_ns(at - now.phase);
	now.phase = at;
	vt_metric_declare(phase_metric[phase]);
	vt_count(phase_metric[phase], time);
	switch (phase) {
	case VT_GC_CLEAR: VT_EMIT(gc, clear_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_MARK: VT_EMIT(gc, mark_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_SWEEP: VT_EMIT(gc, sweep_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_MARK_SWEEP: VT_EMIT(gc, mark_sweep_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_PHASES: break;
	}
}

static VT_THREAD_LOCAL uint64_t slice_begin __attribute__((tls_model("initial-exec")));

void vt_gc_slice_begin(void)
{
	if (!now.cycle || slice_begin)
		return;
	slice_begin = vt_ticks();
	VT_EMIT(gc, slice, .cycle = now.cycle);
}

void vt_gc_slice_end_with(uint64_t objects_marked, uint64_t dirty_pages)
{
	if (!now.cycle || !slice_begin)
		return;
	uint64_t time = vt_ticks_to_ns(vt_ticks() - slice_begin);
	slice_begin = 0;
	count_pause(time);
	VT_EMIT(gc, slice_end, .cycle = now.cycle, .time = time, .objects_marked = objects_marked,
	        .dirty_pages = dirty_pages);
}

static void count_type(enum vt_gc_type type)
{
	vt_count(type == VT_GC_MINOR ? VT_M_gc_minor :
	         type == VT_GC_MAJOR ? VT_M_gc_major : VT_M_gc_incremental, 1);
}

static void count_result(const struct vt_gc_result *r)
{
	static const enum vt_metric_id by_fallback[] = {
		[VT_gc_fallback_dirty_pages_exceeded] = VT_M_gc_fallback_dirty,
		[VT_gc_fallback_slice_timeout] = VT_M_gc_fallback_timeout,
		[VT_gc_fallback_worklist_unbounded] = VT_M_gc_fallback_worklist,
		[VT_gc_fallback_satb_buffer_overflow] = VT_M_gc_fallback_satb,
	};
	const struct { enum vt_metric_id metric; uint64_t n; } sums[] = {
		{ VT_M_gc_reclaimed, r->reclaimed }, { VT_M_gc_surviving, r->surviving },
		{ VT_M_gc_objects_marked, r->objects_marked },
		{ VT_M_gc_objects_reclaimed, r->objects_reclaimed },
		{ VT_M_gc_objects_surviving, r->objects_surviving },
		{ VT_M_gc_slices, r->slices }, { VT_M_gc_dirty_pages, r->dirty_pages },
	};
	for (unsigned i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (sums[i].n)
			vt_count(sums[i].metric, sums[i].n);
	if (r->fallback > VT_gc_fallback_none && r->fallback <= VT_gc_fallback_satb_buffer_overflow)
		vt_count(by_fallback[r->fallback], 1);
	vt_gc_heap(r->heap_used, r->heap_total);
	if (r->heap_young)
		vt_gauge_set(VT_M_gc_heap_young, r->heap_young);
	if (r->heap_old)
		vt_gauge_set(VT_M_gc_heap_old, r->heap_old);
}

void vt_gc_end_with(const struct vt_gc_result *r)
{
	if (!now.cycle)
		return;
	vt_gc_pause_end();
	uint64_t time = vt_ticks_to_ns(vt_ticks() - now.begin);
	vt_count(VT_M_gc_cycles, 1);
	vt_count(VT_M_gc_time, time);
	count_type(r->final_type ? r->final_type : now.type);
	count_result(r);
	VT_EMIT(gc, end, .cycle = now.cycle, .time = time, .reclaimed = r->reclaimed,
	        .heap_used = r->heap_used, .heap_total = r->heap_total, .heap_young = r->heap_young,
	        .heap_old = r->heap_old, .surviving = r->surviving, .objects_marked = r->objects_marked,
	        .objects_reclaimed = r->objects_reclaimed, .objects_surviving = r->objects_surviving,
	        .slices = r->slices, .dirty_pages = r->dirty_pages,
	        .final_type = r->final_type == now.type ? 0 : r->final_type, .fallback = r->fallback);
	now.cycle = 0;
}

void vt_gc_refuse(enum vt_enumerator outcome)
{
	vt_count(VT_M_gc_refused, 1);
	VT_EMIT(gc, refused, .outcome = outcome);
}

void vt_gc_heap(uint64_t used, uint64_t total)
{
	if (used)
		vt_gauge_set(VT_M_gc_heap_used, used);
	if (total)
		vt_gauge_set(VT_M_gc_heap_total, total);
}
