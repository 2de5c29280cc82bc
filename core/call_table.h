/* call_table.h - names and categories of the C library's calls: core/calls.def as data. */
#ifndef CORE_CALL_TABLE_H
#define CORE_CALL_TABLE_H

#include <stdbool.h>

#include <valktrace/ring.h>

struct vt_call_desc {
	const char *name;               /* NULL: no such call */
	uint8_t category;
	bool heap;                      /* the allocator's: no system call */
};

extern const struct vt_call_desc vt_call_table[VT_HOST_CALLS];

#endif
