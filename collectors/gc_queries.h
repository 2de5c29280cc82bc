/* gc_queries.h - what remembers the cycles, for who reports them. */
#ifndef COLLECTORS_GC_QUERIES_H
#define COLLECTORS_GC_QUERIES_H

#include <valktrace/gc.h>

void vt_gc_remember(const struct vt_gc_cycle *cycle);

/* A new recording, or a reset: what was remembered is not part of it. */
void vt_gc_forget(void);

#endif
