/* loops.c - see loops.h. Whether loop_emit emits or is disabled is decided by the mask. */
#include <valktrace/emit.h>

#include "tests/bench/loops.h"

/* Keeps a value, and so the loop, without storing it. */
#define KEEP(value) __asm__ volatile("" : : "r"(value))

void loop_empty(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		KEEP(i);
}

void loop_timestamp(uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += vt_ticks();
	KEEP(sum);
}

void loop_emit(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		VT_EMIT(gc, pause_end, .cycle = i, .time = 3 * i);
		KEEP(i);
	}
}

void loop_emit_words(uint64_t n, unsigned id)
{
	for (uint64_t i = 0; i < n; i++) {
		vt_emit_words(id, (const uint64_t[]){ i, 3 * i }, 2);
		KEEP(i);
	}
}

void loop_count(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		vt_count(VT_M_interp_evals, 1);
		KEEP(i);
	}
}
