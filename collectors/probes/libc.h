/*
 * libc.h - calls of the C library, of any program: collectors/probes/libc.c wraps those that cross a PLT,
 * and collectors/probes/heap.c, a library of its own, the allocator's.
 */
#ifndef COLLECTORS_PROBES_LIBC_H
#define COLLECTORS_PROBES_LIBC_H

#include <stdbool.h>
#include <stdint.h>

/* Looks up what is wrapped, while there is one thread and no handler. */
void vt_libc_prepare(void);

/* Begins to count, once this process has a ring file. */
void vt_libc_attach(void);

/* A call of the allocator (its id in core/calls.def) that began at `begin` ticks; errno is kept. */
void vt_libc_heap(unsigned call, bool failed, uint64_t size, uint64_t begin);

/*
 * What the agent tells heap.c, under the name valktrace_agent_heap_1: where to report. The name changes
 * with the meaning.
 */
struct vt_agent_heap {
	uint32_t abi, zero;             /* VT_ABI */
	void (*report)(unsigned call, bool failed, uint64_t size, uint64_t begin);
};

#endif
