/*
 * load.h - the two streams of events that every figure is measured on.
 *
 * The reference load is a Lisp VM at work: calls and returns, allocations, system calls, loop
 * iterations, collections, with log-normal times. It makes its own time, so that a log of hours is
 * written in seconds. The ev2 stream is the one that the peers were measured on.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>

#include <valktrace/emit.h>

#define LOAD_SEED       88172645463325252ull
#define LOAD_CATEGORIES (1ull << VT_CAT_interp | 1ull << VT_CAT_memory | 1ull << VT_CAT_syscall | \
                         1ull << VT_CAT_loop | 1ull << VT_CAT_gc)

enum { LOAD_FUNCTIONS = 300, LOAD_FIELDS = 15, LOAD_PENDING = 12 };

struct load_event {
	uint64_t ticks;
	unsigned id, count;
	uint64_t words[LOAD_FIELDS];
};

struct load {
	uint64_t random;
	double ns, ticks_per_ns;        /* since the start; the clock's rate */
	uint64_t start;                 /* ticks */
	unsigned depth, until_gc;
	uint64_t cycle;
	uint64_t functions[LOAD_FUNCTIONS];     /* string ids of their names */
	struct load_event pending[LOAD_PENDING];        /* the rest of a collection */
	unsigned pending_next, pending_count;
};

/* Starts at `start` ticks of a clock of `hz`. Names are ids 1..300 until load_names interns some. */
void load_begin(struct load *l, uint64_t start, uint64_t hz);
void load_names(struct load *l);

/* The next event. Times rise strictly. */
const struct load_event *load_next(struct load *l);

/*
 * Emits an event at its own time into the calling thread's ring: vt__emit but for the tick read. False:
 * it was lost, and counted.
 */
bool load_emit(const struct load_event *e);

VT_INLINE uint64_t load_xorshift(uint64_t *state)
{
	uint64_t r = *state;

	r ^= r << 13;
	r ^= r >> 7;
	r ^= r << 17;
	return *state = r;
}

/* The ev2 stream: two types with the fields pause_us and bytes. */
struct load_ev2 {
	uint64_t random;
	unsigned common, rare;          /* event ids */
	int category;
};

/* Registers the types. 0 or a negative error. */
int load_ev2_begin(struct load_ev2 *l);

VT_INLINE unsigned load_ev2_next(struct load_ev2 *l, uint64_t words[2])
{
	uint64_t r = load_xorshift(&l->random);

	words[0] = r % 2000;
	words[1] = (r >> 32 & 511) * 64;
	return (r & 1023) == 0 ? l->rare : l->common;
}

#endif
