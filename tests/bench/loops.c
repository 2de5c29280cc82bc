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

void loop_floor(uint64_t n)
{
	enum { WORDS = (512 << 10) / 8, RECORD = 3 };
	static uint64_t ring[WORDS + RECORD], commit;

	for (uint64_t i = 0; i < n; i++) {
		const uint64_t now = vt_ticks();
		uint64_t position = vt_load_relaxed(&commit);
		uint64_t *to = ring + position % WORDS;
		vt_store_relaxed(to, now);
		vt_store_relaxed(to + 1, i);
		vt_store_relaxed(to + 2, 3 * i);
		vt_store_release(&commit, position + RECORD);
		KEEP(i);
	}
}
