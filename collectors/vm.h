/*
 * vm.h - paging of the whole machine out of /proc/vmstat: bytes and faults since the recording began, and their
 * rates in the last interval. Not bandwidth of memory: pgpgin and pgpgout count KiB that block devices read
 * and wrote, whatever for.
 */
#ifndef COLLECTORS_VM_H
#define COLLECTORS_VM_H

#include "collectors/procfile.h"
#include "collectors/total.h"
#include "core/collector.h"

#define VT_VM_KEYS 6u

/* When a reading was taken. `boot` goes on while the machine is suspended, `monotonic` does not. */
struct vt_vm_time {
	uint64_t monotonic, boot;       /* ns */
};

/* Zeroed: nothing was read yet. */
struct vt_vm {
	struct vt_procfile file;
	int root;
	struct vt_total totals[VT_VM_KEYS];
	bool broken[VT_VM_KEYS];        /* since `from`: reset or missing, so there is no rate */
	uint64_t at_from[VT_VM_KEYS];   /* totals at `from` */
	struct vt_vm_time from, last;   /* where rates begin; the last reading */
	bool started;
	uint64_t interval;              /* ns, as asked for */
	uint64_t gaps;
};

/*
 * Takes a reading: `text` of /proc/vmstat at `now`. Sets what is known and unsets the rest. Returns how many of
 * its fields were found.
 */
unsigned vt_vm_take(struct vt_vm *v, const struct vt_collect *c, const char *text, struct vt_vm_time now);

#endif
