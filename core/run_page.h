/*
 * run_page.h - what `valktrace record` tells the processes of a run: a page in the ring directory,
 * <run id>.run, mapped by each of them. VALKTRACE_RUN=<run id>:<ring directory> leads to it.
 *
 * It also holds the one bell of the run, so that one waiter serves any number of processes.
 */
#ifndef CORE_RUN_PAGE_H
#define CORE_RUN_PAGE_H

#include <stdint.h>

#define VT_RUN_PAGE_MAGIC   0x314e5552544c5621ull
#define VT_RUN_PAGE_SIZE    4096u
#define VT_RUN_VARIABLE     "VALKTRACE_RUN"

/*
 * Processes that could make no ring file: they say nothing themselves, for their stderr is the program's; the
 * recorder does at the end.
 */
struct vt_run_failures {
	uint32_t count;                 /* atomic add */
	int32_t error;                  /* negative errno, of the last one */
};

struct vt_run_page {
	uint64_t magic;
	uint32_t abi, mode;             /* VT_ABI; enum vt_ring_mode */
	uint64_t run, ring_size, mask;  /* mask: events on from the start */
	uint32_t bell;                  /* futex: 1 while the recorder waits */
	uint32_t closed;                /* 1: the recording has ended; late comers need not begin */
	uint32_t no_calls, zero;        /* 1: calls of the C library are not counted */
	char names[512];                /* categories that only a host knows, on once it registers them: "a,b" */
	struct vt_run_failures failures;
};

#endif
