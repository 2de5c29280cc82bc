/*
 * boehm.c - the Boehm-Demers-Weiser collector (libgc), of unmodified programs such as Guile.
 *
 * Found at run time, nothing is linked. The callback runs under the collector's lock: it allocates
 * nothing and asks only what may be asked there (GC_get_prof_stats_unsafe). What was hooked before is
 * called after us.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include <valktrace/gc.h>

#include "collectors/probes/probe.h"
#include "core/process.h"

/* As in gc.h of 7.6 and later. */
enum gc_event {
	GC_START, GC_MARK_START, GC_MARK_END, GC_RECLAIM_START, GC_RECLAIM_END, GC_END,
	GC_PRE_STOP_WORLD, GC_POST_STOP_WORLD, GC_PRE_START_WORLD, GC_POST_START_WORLD,
};
struct gc_prof_stats {
	uintptr_t heapsize_full, free_bytes_full, unmapped_bytes, bytes_allocd_since_gc,
	          allocd_bytes_before_gc, non_gc_bytes, gc_no, markers_m1, bytes_reclaimed_since_gc,
	          reclaimed_bytes_before_gc, expl_freed_bytes_since_gc, obtained_from_os_bytes;
};
typedef void gc_callback(enum gc_event);

static gc_callback *next_callback;
static size_t (*get_prof_stats)(struct gc_prof_stats *, size_t);
static uint64_t reclaimed_before, allocated_before;     /* under the collector's lock */

static bool read_stats(struct gc_prof_stats *s)
{
	*s = (struct gc_prof_stats){ 0 };
	return get_prof_stats &&
	       get_prof_stats(s, sizeof(*s)) >= offsetof(struct gc_prof_stats, non_gc_bytes);
}

static uint64_t allocated_bytes(const struct gc_prof_stats *s)
{
	return (uint64_t)s->allocd_bytes_before_gc + s->bytes_allocd_since_gc;
}

static void report_heap(struct vt_gc_result *r)
{
	struct gc_prof_stats s;

	if (!read_stats(&s))
		return;
	/* The collector knows the sizes of objects and not what they are. */
	uint64_t allocated = allocated_bytes(&s);
	vt_gc_alloc(VT_GC_ALLOC_OTHER, allocated > allocated_before ? allocated - allocated_before : 0);
	allocated_before = allocated;
	vt_gauge_set(VT_M_gc_heap_free, s.free_bytes_full);
	vt_gauge_set(VT_M_gc_heap_unmapped, s.unmapped_bytes);
	/* Blocks are swept lazily: what was found free since the last cycle's end counts for this one. */
	uint64_t reclaimed = (uint64_t)s.reclaimed_bytes_before_gc + s.bytes_reclaimed_since_gc;
	r->heap_total = s.heapsize_full;
	r->heap_used = s.heapsize_full - s.free_bytes_full;
	r->reclaimed = reclaimed > reclaimed_before ? reclaimed - reclaimed_before : 0;
	reclaimed_before = reclaimed;
}

static void report(enum gc_event event)
{
	struct vt_gc_result result = { .vt__zero = 0 };

	switch (event) {
	case GC_START:
		vt_gc_begin_concurrent(VT_GC_MAJOR);
		break;
	case GC_PRE_STOP_WORLD:
		vt_gc_pause_begin();
		break;
	case GC_POST_START_WORLD:
		vt_gc_pause_end();
		break;
	case GC_MARK_START:
		vt_gc_phase_begin(VT_GC_MARK);
		break;
	case GC_MARK_END:
		vt_gc_phase(VT_GC_MARK);
		break;
	case GC_RECLAIM_START:
		vt_gc_phase_begin(VT_GC_SWEEP);
		break;
	case GC_RECLAIM_END:
		vt_gc_phase(VT_GC_SWEEP);
		break;
	case GC_END:
		report_heap(&result);
		vt_gc_end_with(&result);
		break;
	case GC_POST_STOP_WORLD:
	case GC_PRE_START_WORLD:
		break;
	}
}

static void on_collection_event(enum gc_event event)
{
	int saved = errno;
	report(event);
	errno = saved;
	if (next_callback)
		next_callback(event);
}

static bool attach(char *what, size_t size)
{
	void (*set)(gc_callback *) = NULL;
	gc_callback *(*get)(void) = NULL;
	unsigned (*version)(void) = NULL;

	/* POSIX's way round the missing cast from object to function pointer. */
	*(void **)&set = dlsym(RTLD_DEFAULT, "GC_set_on_collection_event");
	if (!set)
		return false;
	*(void **)&get = dlsym(RTLD_DEFAULT, "GC_get_on_collection_event");
	*(void **)&version = dlsym(RTLD_DEFAULT, "GC_get_version");
	*(void **)&get_prof_stats = dlsym(RTLD_DEFAULT, "GC_get_prof_stats_unsafe");
	next_callback = get ? get() : NULL;
	struct gc_prof_stats before;
	if (read_stats(&before))
		allocated_before = allocated_bytes(&before);
	set(on_collection_event);
	vt_gc_attach();
	unsigned v = version ? version() : 0;
	snprintf(what, size, v ? "boehm-gc %u.%u.%u" : "boehm-gc", v >> 16, v >> 8 & 0xff, v & 0xff);
	return true;
}

const struct vt_probe vt_probe_boehm = { .name = "boehm-gc", .source = VT_SRC_gc, .attach = attach };
