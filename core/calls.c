/* calls.c - statistics of calls: cells made at a thread's first, names that a host gives. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <valktrace/emit.h>
#include <valktrace/kernel.h>

#include "core/process.h"
#include "core/thread.h"

/*
 * A forked child mostly execs after a few calls: it makes no ring file for these, but keeps them here. They
 * go into its cells when it has some, at the latest when it exits.
 */
enum { EARLY_CALLS = 64 };
static struct vt_call_cell early[VT_HOST_CALLS];
static unsigned early_count;

static void fold_early(struct vt_calls *calls)
{
	for (unsigned i = 0; early_count > 0 && i < VT_HOST_CALLS; i++) {
		struct vt_call_cell *to = &calls->cells[i];
		const struct vt_call_cell *from = &early[i];
		if (from->count == 0)
			continue;
		vt__add_whole(&to->count, from->count);
		vt__add_whole(&to->errors, from->errors);
		vt__add_whole(&to->time, from->time);
		vt__add_whole(&to->error_time, from->error_time);
		if (to->least == 0 || from->least < to->least)
			vt_store_relaxed(&to->least, from->least);
		if (from->most > to->most)
			vt_store_relaxed(&to->most, from->most);
	}
	vt_calls_forget();
}

void vt_calls_forget(void)
{
	if (early_count > 0)
		memset(early, 0, sizeof(early));
	early_count = 0;
}

static uint64_t make_cells(struct vt_ring_file *f, struct vt_slot *slot)
{
	char *calls = (char *)slot + vt_calls_offset(f);

	vt_thread_inside++;
	int err = vt_ring_file_populate(&vt_process.place, f, calls, sizeof(struct vt_calls));
	vt_thread_inside--;
	uint64_t at = err < 0 ? VT_NO_CALLS : (uint64_t)(uintptr_t)calls;
	if (!err)
		fold_early((struct vt_calls *)(void *)calls);
	/* Pairs with the acquire load of who reads cells: they have their pages. */
	vt_store_release(&slot->calls, at);
	return at;
}

void vt__call_slow(unsigned call, bool failed, uint64_t time)
{
	if (!vt__ring && vt_process.detached_child && call < VT_HOST_CALLS && early_count < EARLY_CALLS) {
		early_count++;
		vt__call_add(&early[call], failed, time);
		return;
	}
	int saved = errno;
	struct vt_slot *slot = vt__ring ? (struct vt_slot *)(void *)vt__ring : vt_thread_claim();
	struct vt_ring_file *f = vt_process.file;
	uint64_t at = slot ? vt_load_relaxed(&slot->calls) : VT_NO_CALLS;

	if (at == 0 && f)
		at = make_cells(f, slot);
	if (at > VT_NO_CALLS)
		vt__call_add(&((struct vt_calls *)(uintptr_t)at)->cells[call], failed, time);
	else if (f)
		vt_add_relaxed(&f->calls_missed, 1);
	errno = saved;
}

void vt_calls_make_ready(void)
{
	int saved = errno;
	struct vt_slot *slot = vt__ring ? (struct vt_slot *)(void *)vt__ring : vt_thread_claim();

	if (slot && vt_load_relaxed(&slot->calls) == 0)
		make_cells(vt_process.file, slot);
	errno = saved;
}

void vt_calls_settle(void)
{
	/* In a child of vfork they are its parent's. Without any, no system call: a filter may kill for it. */
	if (early_count > 0 && vt_load_relaxed(&vt__gate.counting) &&
	    (uint32_t)getpid() == vt_process.pid)
		vt_calls_make_ready();
}

void vt_syscall_name(uint64_t number, const char *name)
{
	struct vt_ring_file *f = vt_process.file;

	if (number < VT_SYSCALL_NUMBERS && vt_process_recording())
		vt_store_relaxed(&f->call_names[number], (uint32_t)vt_string(name));
}

void vt_calls_rebase(struct vt_ring_file *f, struct vt_slot *slot)
{
	struct vt_calls *calls = vt_calls_of(f, slot);

	for (unsigned i = 0; calls && i < VT_MAX_CALLS; i++) {
		struct vt_call_cell *c = &calls->cells[i];
		calls->bases[i] = (struct vt_call_base){
			vt_load_relaxed(&c->count), vt_load_relaxed(&c->errors),
			vt_load_relaxed(&c->time), vt_load_relaxed(&c->error_time),
		};
		vt_store_relaxed(&c->least, 0);
		vt_store_relaxed(&c->most, 0);
	}
}
