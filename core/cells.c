/*
 * cells.c - what a process says of its metrics beside the threads' own cells: gauges, which metrics have a
 * writer, which sources feed it. All of it lies in the ring file.
 */
#include <valktrace/emit.h>

#include "core/process.h"

void vt_metric_declare(enum vt_metric_id metric)
{
	struct vt_ring_file *f = vt_process.file;
	if (vt_process_recording())
		__atomic_fetch_or(&f->present[metric / 64], 1ull << metric % 64, __ATOMIC_RELAXED);
}

void vt_gauge_set(enum vt_metric_id metric, uint64_t value)
{
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording())
		return;
	vt_store_relaxed(&f->gauges[metric], value);
	vt_metric_declare(metric);
}

void vt_gauge_add(enum vt_metric_id metric, int64_t n)
{
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording())
		return;
	uint64_t old = vt_load_relaxed(&f->gauges[metric]), new;
	do {
		new = n < 0 && old < 0 - (uint64_t)n ? 0 : old + (uint64_t)n;
	} while (!__atomic_compare_exchange_n(&f->gauges[metric], &old, new, true,
	                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	vt_metric_declare(metric);
}

uint64_t vt_gauge(enum vt_metric_id metric)
{
	return vt_process.file ? vt_load_relaxed(&vt_process.file->gauges[metric]) : 0;
}

void vt_source_say(enum vt_source_id source, bool available, const char *reason)
{
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording())
		return;
	uint32_t id = reason && *reason ? (uint32_t)vt_string(reason) : 0;
	vt_store_relaxed(&f->sources[source].reason, id);
	/* Pairs with the reader's acquire load of state: it then sees the reason. */
	vt_store_release(&f->sources[source].state, available ? 2u : 1u);
}
