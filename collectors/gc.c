/*
 * gc.c - gc.h: cycles, pauses, slices and phases as events, their sums as metrics. Times are measured even
 * when no event is written, for the metrics are always on. State is per thread: a thread reports a cycle.
 * What remembers the cycles is gc_queries.c.
 */
#include <time.h>

#include <valktrace/gc.h>

#include "collectors/gc_queries.h"
#include "core/clock.h"
#include "core/process.h"

static VT_THREAD_LOCAL struct {
	uint64_t cycle;                 /* number; 0: none is open */
	uint8_t type;                   /* enum vt_gc_type */
	bool in_phase;                  /* vt_gc_phase_begin was called */
	uint64_t begin, phase;          /* ticks */
	uint64_t pause, slice;          /* ticks; 0: none is open */
	/* of the cycle so far: ns, and numbers */
	uint64_t phases[VT_GC_PHASES], paused, longest;
	uint64_t pauses, slices, marked, dirty;
} now __attribute__((tls_model("initial-exec")));

static uint64_t last_cycle;             /* of the process */
static uint64_t said_used, said_total;  /* heap sizes that an event told last */

/* ---- what metrics there are ------------------------------------------------------------------ */

static const enum vt_metric_id phase_metric[VT_GC_PHASES] = {
	[VT_GC_CLEAR] = VT_M_gc_clear_time, [VT_GC_MARK] = VT_M_gc_mark_time,
	[VT_GC_SWEEP] = VT_M_gc_sweep_time, [VT_GC_MARK_SWEEP] = VT_M_gc_mark_sweep_time,
};

/* Upper bounds of gc_pause_10us and the rows after it, in ns: those of their labels. */
static const uint64_t pause_bounds[] = {
	10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000,
};
enum { BOUNDS = sizeof(pause_bounds) / sizeof(pause_bounds[0]) };
VT_STATIC_ASSERT((int)VT_M_gc_pause_10us + (int)BOUNDS == (int)VT_M_gc_pause_inf, "a row a bound");

/* Once a ring file: a forked child has one of its own. */
void vt_gc_attach(void)
{
	static struct vt_ring_file *declared;
	static const enum vt_metric_id own[] = {
		VT_M_gc_cycles, VT_M_gc_pause_time, VT_M_gc_pause_max, VT_M_gc_reclaimed,
		VT_M_gc_minor, VT_M_gc_major, VT_M_gc_incremental, VT_M_gc_time, VT_M_gc_pauses,
		VT_M_gc_other_time, VT_M_gc_outcome_done, VT_M_gc_pause_10us, VT_M_gc_pause_sum,
	};
	struct vt_ring_file *file = vt_process.file;
	if (vt_load_relaxed(&declared) == file || !vt_process_recording())
		return;
	struct vt_ring_file *before = __atomic_exchange_n(&declared, file, __ATOMIC_RELAXED);
	if (before == file)
		return;
	if (before)
		vt_gc_forget();         /* its parent's cycles */
	vt_process_on_reset = vt_gc_forget;
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		vt_metric_declare(own[i]);
	vt_source_say(VT_SRC_gc, true, NULL);
}

static void misused(void)
{
	vt_count(VT_M_gc_misused, 1);
}

/* ---- cycle ----------------------------------------------------------------------------------- */

static void said(uint64_t used, uint64_t total)
{
	if (used)
		vt_store_relaxed(&said_used, used);
	if (total)
		vt_store_relaxed(&said_total, total);
}

static void stop_world(void)
{
	now.pause = vt_ticks();
	VT_EMIT(gc, pause, .cycle = now.cycle);
}

static void begin(enum vt_gc_type type, bool concurrent)
{
	if (!vt_load_relaxed(&vt__gate.counting))
		return;
	if (now.cycle) {
		misused();
		return;
	}
	__builtin_memset(&now, 0, sizeof(now));
	now.cycle = vt_add_relaxed(&last_cycle, 1) + 1;
	now.type = type == VT_GC_MINOR || type == VT_GC_INCREMENTAL_MAJOR ? (uint8_t)type : VT_GC_MAJOR;
	now.begin = now.phase = vt_ticks();
	vt_count(VT_M_gc_cycles, 0);    /* a forked child makes its ring file here */
	vt_gc_attach();
	uint64_t used = vt_gauge(VT_M_gc_heap_used);
	VT_EMIT(gc, begin, .cycle = now.cycle, .type = now.type, .heap_used = used);
	said(used, 0);
	if (!concurrent)
		stop_world();
}

void vt_gc_begin(enum vt_gc_type type)
{
	begin(type, false);
}

void vt_gc_begin_concurrent(enum vt_gc_type type)
{
	begin(type, true);
}

/* ---- pauses and slices ----------------------------------------------------------------------- */

/* Of this interval: the recorder takes it with each counter record. Pauses are few: this may be shared. */
static void keep_longest(uint64_t time)
{
	struct vt_ring_file *f = vt_process.file;

	if (!vt_process_recording())
		return;
	uint64_t seen = vt_load_relaxed(&f->longest_pause);
	while (time > seen && !__atomic_compare_exchange_n(&f->longest_pause, &seen, time, true,
	                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

static void count_pause(uint64_t time)
{
	unsigned bucket = 0;

	while (bucket < BOUNDS && time > pause_bounds[bucket])
		bucket++;
	vt_count((enum vt_metric_id)((unsigned)VT_M_gc_pause_10us + bucket), 1);
	vt_count(VT_M_gc_pause_sum, time);
	vt_count(VT_M_gc_pauses, 1);
	vt_count(VT_M_gc_pause_time, time);
	vt_count_max(VT_M_gc_pause_max, time);
	keep_longest(time);
	now.pauses++;
	now.paused += time;
	now.longest = time > now.longest ? time : now.longest;
}

static void restart_world(void)
{
	uint64_t time = vt_ticks_to_ns(vt_ticks() - now.pause);

	now.pause = 0;
	count_pause(time);
	VT_EMIT(gc, pause_end, .cycle = now.cycle, .time = time);
}

void vt_gc_pause_begin(void)
{
	if (!now.cycle || now.pause || now.slice)
		misused();
	else
		stop_world();
}

void vt_gc_pause_end(void)
{
	if (!now.cycle || !now.pause || now.slice)
		misused();
	else
		restart_world();
}

void vt_gc_slice_begin(void)
{
	if (!now.cycle || now.slice) {
		misused();
		return;
	}
	now.slice = vt_ticks();
	if (!now.in_phase)
		now.phase = now.slice;  /* the program ran until now: that is of no phase */
	VT_EMIT(gc, slice, .cycle = now.cycle);
}

static void end_slice(uint64_t objects_marked, uint64_t dirty_pages)
{
	uint64_t time = vt_ticks_to_ns(vt_ticks() - now.slice);

	now.slice = 0;
	now.slices++;
	now.marked += objects_marked;
	now.dirty += dirty_pages;
	vt_count(VT_M_gc_slices, 1);
	if (!now.pause)
		count_pause(time);
	VT_EMIT(gc, slice_end, .cycle = now.cycle, .time = time, .objects_marked = objects_marked,
	        .dirty_pages = dirty_pages);
}

void vt_gc_slice_end_with(uint64_t objects_marked, uint64_t dirty_pages)
{
	if (!now.cycle || !now.slice)
		misused();
	else
		end_slice(objects_marked, dirty_pages);
}

/* ---- phases ---------------------------------------------------------------------------------- */

void vt_gc_phase_begin(enum vt_gc_phase phase)
{
	if (!now.cycle || (unsigned)phase >= VT_GC_PHASES) {
		misused();
		return;
	}
	now.phase = vt_ticks();
	now.in_phase = true;
	switch (phase) {
	case VT_GC_CLEAR: VT_EMIT(gc, clear, .cycle = now.cycle); break;
	case VT_GC_MARK: VT_EMIT(gc, mark, .cycle = now.cycle); break;
	case VT_GC_SWEEP: VT_EMIT(gc, sweep, .cycle = now.cycle); break;
	case VT_GC_MARK_SWEEP: VT_EMIT(gc, mark_sweep, .cycle = now.cycle); break;
	case VT_GC_PHASES: break;
	}
}

/* The next phase begins where this one ends, so that they cannot overlap. */
void vt_gc_phase(enum vt_gc_phase phase)
{
	if (!now.cycle || (unsigned)phase >= VT_GC_PHASES) {
		misused();
		return;
	}
	uint64_t at = vt_ticks(), time = vt_ticks_to_ns(at - now.phase);
	now.phase = at;
	now.in_phase = false;
	now.phases[phase] += time;
	switch (phase) {
	case VT_GC_CLEAR: VT_EMIT(gc, clear_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_MARK: VT_EMIT(gc, mark_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_SWEEP: VT_EMIT(gc, sweep_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_MARK_SWEEP: VT_EMIT(gc, mark_sweep_end, .cycle = now.cycle, .time = time); break;
	case VT_GC_PHASES: break;
	}
}

/* ---- the end of a cycle ---------------------------------------------------------------------- */

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Rounding down each phase keeps their sum below the cycle's time; the rest of it is `other`. */
static struct vt_gc_cycle cycle_of(const struct vt_gc_result *r, uint64_t time)
{
	bool valid = r->final_type == VT_GC_MINOR || r->final_type == VT_GC_MAJOR ||
	             r->final_type == VT_GC_INCREMENTAL_MAJOR;
	struct vt_gc_cycle c = {
		.number = now.cycle, .begin = monotonic_ns() - time, .time = time,
		.pauses = now.pauses, .paused = now.paused, .longest = now.longest, .other = time,
		.reclaimed = r->reclaimed, .surviving = r->surviving,
		.heap_used = r->heap_used, .heap_total = r->heap_total,
		.heap_young = r->heap_young, .heap_old = r->heap_old,
		.objects_marked = r->objects_marked ? r->objects_marked : now.marked,
		.objects_reclaimed = r->objects_reclaimed, .objects_surviving = r->objects_surviving,
		.slices = now.slices, .dirty_pages = now.dirty,
		.begun_as = (enum vt_gc_type)now.type,
		.type = valid ? r->final_type : (enum vt_gc_type)now.type,
		.fallback = r->fallback,
	};

	for (unsigned i = 0; i < VT_GC_PHASES; i++) {
		c.phases[i] = now.phases[i];
		c.other -= now.phases[i] < c.other ? now.phases[i] : c.other;
	}
	/* What the host says of slices may be the last incremental cycle's: only such a cycle has any. */
	if (now.type == VT_GC_INCREMENTAL_MAJOR || c.type == VT_GC_INCREMENTAL_MAJOR) {
		c.slices = c.slices ? c.slices : r->slices;
		c.dirty_pages = r->dirty_pages ? r->dirty_pages : c.dirty_pages;
	}
	return c;
}

static void count_phases(const struct vt_gc_cycle *c)
{
	for (unsigned i = 0; i < VT_GC_PHASES; i++)
		if (c->phases[i]) {
			vt_metric_declare(phase_metric[i]);
			vt_count(phase_metric[i], c->phases[i]);
		}
	vt_count(VT_M_gc_other_time, c->other);
}

static void count_cycle(const struct vt_gc_cycle *c)
{
	static const enum vt_metric_id by_fallback[] = {
		[VT_gc_fallback_dirty_pages_exceeded] = VT_M_gc_fallback_dirty,
		[VT_gc_fallback_slice_timeout] = VT_M_gc_fallback_timeout,
		[VT_gc_fallback_worklist_unbounded] = VT_M_gc_fallback_worklist,
		[VT_gc_fallback_satb_buffer_overflow] = VT_M_gc_fallback_satb,
	};
	const struct { enum vt_metric_id metric; uint64_t n; } sums[] = {
		{ VT_M_gc_reclaimed, c->reclaimed }, { VT_M_gc_surviving, c->surviving },
		{ VT_M_gc_objects_marked, c->objects_marked },
		{ VT_M_gc_objects_reclaimed, c->objects_reclaimed },
		{ VT_M_gc_objects_surviving, c->objects_surviving },
		{ VT_M_gc_slices, c->slices - now.slices },     /* the others were counted as they ended */
		{ VT_M_gc_dirty_pages, c->dirty_pages },
	};

	vt_count(VT_M_gc_cycles, 1);
	vt_count(VT_M_gc_outcome_done, 1);
	vt_count(VT_M_gc_time, c->time);
	vt_count(c->type == VT_GC_MINOR ? VT_M_gc_minor :
	         c->type == VT_GC_MAJOR ? VT_M_gc_major : VT_M_gc_incremental, 1);
	count_phases(c);
	for (unsigned i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (sums[i].n)
			vt_count(sums[i].metric, sums[i].n);
	if (c->fallback > VT_gc_fallback_none && c->fallback <= VT_gc_fallback_satb_buffer_overflow)
		vt_count(by_fallback[c->fallback], 1);
}

static void set_heap(uint64_t used, uint64_t total)
{
	if (used)
		vt_gauge_set(VT_M_gc_heap_used, used);
	if (total)
		vt_gauge_set(VT_M_gc_heap_total, total);
}

void vt_gc_end_with(const struct vt_gc_result *r)
{
	if (!now.cycle) {
		misused();
		return;
	}
	if (now.slice)
		end_slice(0, 0);
	if (now.pause)
		restart_world();
	struct vt_gc_cycle c = cycle_of(r, vt_ticks_to_ns(vt_ticks() - now.begin));
	count_cycle(&c);
	set_heap(c.heap_used, c.heap_total);
	vt_gc_heap_generations(c.heap_young, c.heap_old);
	VT_EMIT(gc, end, .cycle = c.number, .time = c.time, .reclaimed = c.reclaimed,
	        .heap_used = c.heap_used, .heap_total = c.heap_total, .heap_young = c.heap_young,
	        .heap_old = c.heap_old, .surviving = c.surviving, .objects_marked = c.objects_marked,
	        .objects_reclaimed = c.objects_reclaimed, .objects_surviving = c.objects_surviving,
	        .slices = c.slices, .dirty_pages = c.dirty_pages,
	        .final_type = c.type == c.begun_as ? 0 : c.type, .fallback = c.fallback);
	said(c.heap_used, c.heap_total);
	vt_gc_remember(&c);
	now.cycle = 0;
}

/* ---- beside cycles --------------------------------------------------------------------------- */

void vt_gc_refuse(enum vt_enumerator outcome)
{
	vt_count(VT_M_gc_refused, 1);
	vt_count(outcome == VT_gc_outcome_skipped ? VT_M_gc_outcome_skipped : VT_M_gc_outcome_refused, 1);
	VT_EMIT(gc, refused, .outcome = outcome);
}

static bool has_moved(uint64_t used, uint64_t total)
{
	uint64_t before = vt_load_relaxed(&said_used), by = used > before ? used - before : before - used;

	if (total && total != vt_load_relaxed(&said_total))
		return true;
	return used && by >= 4096 && by >= before / 8;
}

void vt_gc_heap(uint64_t used, uint64_t total)
{
	set_heap(used, total);
	if (!VT_WANTED(gc) || !has_moved(used, total))
		return;
	said(used, total);
	VT_EMIT(gc, heap, .heap_used = used, .heap_total = total);
}

/* An empty generation is known when the other one is. */
void vt_gc_heap_generations(uint64_t young, uint64_t old)
{
	if (!young && !old)
		return;
	vt_gauge_set(VT_M_gc_heap_young, young);
	vt_gauge_set(VT_M_gc_heap_old, old);
}
