/*
 * interp.h - count what an interpreter does. Every call is a few instructions on a cell of its thread.
 *
 *   vt_eval();                                 an expression is evaluated
 *   vt_call(name); ... vt_return();            a function of the program
 *   vt_tail_call(name);                        replaces the innermost function: no return of its own
 *   vt_builtin(name); ... vt_builtin_return(); a builtin, which may call functions of the program
 *   vt_closure(); vt_lookup();                 a closure is made; a name is looked up
 *
 * `name` is an id from vt_string, 0 if unknown; it is only used while category interp is on.
 *
 * Calls left without a return (error, longjmp, throw). Where the handler is set up, keep the mark; where
 * it is entered, give it back: all functions and builtins that began in between have ended.
 *
 *   uint64_t mark = vt_mark();
 *   if (setjmp(handler))
 *           vt_unwind(mark);
 *
 * A host that only counts its functions says vt_depth(n) instead: n functions go on, and no builtin; all
 * else has ended. So where a builtin calls functions and catches their errors, it takes vt_mark.
 *
 * Coroutines. A thread begins in coroutine 0. Each other has a number of the host's choice and a mark,
 * which the host keeps with it, 0 at first. When the thread goes on in another one:
 *
 *   from->mark = vt_coroutine(to->number, to->mark);
 *
 * One that ends, or is thrown away, in the middle of calls is told by vt_unwind(0) before the thread goes on.
 *
 * Depth, the deepest of which is a metric, is the number of open functions of the coroutine that runs;
 * builtins and coroutines that wait are not in it. All of it is per thread. Not for signal handlers.
 */
#ifndef VALKTRACE_INTERP_H
#define VALKTRACE_INTERP_H

#include <valktrace/emit.h>

VT_BEGIN_DECLS

/*
 * Calls of this thread that have begun and not ended: all in the lower half, functions alone in the upper one.
 * One word, for a processor hands on a store at once only to a load of the same size.
 */
extern VT_API VT_THREAD_LOCAL uint64_t vt__open_calls __attribute__((tls_model("initial-exec")));
#define VT__OPEN_FUNCTION   ((1ull << 32) + 1)

/* What a host can report. What it does not tell is absent in every output, not 0. */
enum vt_interp_what {
	VT_INTERP_EVALS = 1, VT_INTERP_CALLS = 2, VT_INTERP_BUILTINS = 4, VT_INTERP_DEPTH = 8,
	VT_INTERP_CLOSURES = 16, VT_INTERP_LOOKUPS = 32, VT_INTERP_TAIL_CALLS = 64,
	VT_INTERP_ALL = 127
};

/*
 * Says that this process has an interpreter which reports `what` (enum vt_interp_what, or-ed): these
 * counters are then 0, not absent, before the first call. vt_interp_attach: all of them. Context: any
 * thread, after vt_start; takes a lock.
 */
VT_CALL void vt_interp_attach_with(unsigned what) VT_DISABLED();
VT_CALL void vt_interp_attach(void) VT_DISABLED();

VT_INLINE void vt_eval(void) { vt_count(VT_M_interp_evals, 1); }
VT_INLINE void vt_closure(void) { vt_count(VT_M_interp_closures, 1); }
VT_INLINE void vt_lookup(void) { vt_count(VT_M_interp_lookups, 1); }

/* Both counts of a call, with one question whether and where. */
VT_INLINE void vt__count_interp_call(uint64_t depth)
{
	uint64_t *cells = vt__cells();

	if (vt_unlikely(!cells) || vt_unlikely(depth > vt_load_relaxed(&cells[VT_M_interp_depth_max]))) {
		vt_count(VT_M_interp_calls, 1);
		vt_count_max(VT_M_interp_depth_max, depth);
		return;
	}
	vt_store_relaxed(&cells[VT_M_interp_calls], vt_load_relaxed(&cells[VT_M_interp_calls]) + 1);
}

VT_INLINE void vt_call(uint64_t name)
{
	if (VT_COMPILED_IN) {
		vt__open_calls += VT__OPEN_FUNCTION;
		vt__count_interp_call(vt__open_calls >> 32);
	}
	VT__EMIT_ORDERED(interp, call, name);
}

VT_INLINE void vt_return(void)
{
	if (VT_COMPILED_IN)
		vt__open_calls -= vt_likely(vt__open_calls >> 32) ? VT__OPEN_FUNCTION : vt__open_calls > 0;
	VT__EMIT_ORDERED(interp, return, );
}

VT_INLINE void vt_tail_call(uint64_t name)
{
	vt_count(VT_M_interp_tail_calls, 1);
	VT__EMIT_ORDERED(interp, tail_call, name);
}

VT_INLINE void vt_builtin(uint64_t name)
{
	vt_count(VT_M_interp_builtins, 1);
	if (VT_COMPILED_IN)
		vt__open_calls++;
	VT__EMIT_ORDERED(interp, builtin, name);
}

VT_INLINE void vt_builtin_return(void)
{
	if (VT_COMPILED_IN)
		vt__open_calls -= (uint32_t)vt__open_calls > 0;
	VT__EMIT_ORDERED(interp, builtin_return, );
}

/* Where this thread is in its calls. */
VT_INLINE uint64_t vt_mark(void)
{
	return !VT_COMPILED_IN ? 0 : vt__open_calls;
}

/* Calls that began since `mark` and are open have ended. Does nothing if there are none. */
VT_INLINE void vt_unwind(uint64_t mark)
{
	if (!VT_COMPILED_IN || (uint32_t)mark >= (uint32_t)vt__open_calls)
		return;
	uint32_t left = (uint32_t)vt__open_calls - (uint32_t)mark;
	vt__open_calls = mark;
	VT__EMIT_ORDERED(interp, unwind, (uint32_t)mark, left);
}

/* `depth` functions are open, and no builtin. */
VT_INLINE void vt_depth(uint64_t depth)
{
	if (!VT_COMPILED_IN)
		return;
	vt_unwind(depth << 32 | (uint32_t)depth);
	vt__open_calls = depth << 32 | (uint32_t)depth;
	vt_count_max(VT_M_interp_depth_max, depth);
}

/* The thread goes on in coroutine `number`, which is at `mark`. Return: the mark of the one it leaves. */
VT_INLINE uint64_t vt_coroutine(uint64_t number, uint64_t mark)
{
	uint64_t before = vt_mark();

	if (VT_COMPILED_IN)
		vt__open_calls = mark;
	VT__EMIT_ORDERED(interp, switch, number);
	return before;
}

VT_END_DECLS

#endif
