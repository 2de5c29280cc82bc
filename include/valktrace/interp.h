/*
 * interp.h - count what an interpreter does. Every call is a few instructions on a cell of its thread.
 *
 *   vt_eval();                              an expression is evaluated
 *   vt_call(name); ... vt_return();         a function of the program
 *   vt_tail_call(name);                     replaces the innermost function: no return of its own
 *   vt_builtin(name);                       a builtin is called
 *   vt_closure(); vt_lookup();              a closure is made; a name is looked up
 *
 * `name` is an id from vt_string, 0 if unknown; it is only used while category interp is on. Depth is
 * counted per thread by call and return. After a non-local exit tell the depth the host has now:
 * vt_depth(n).
 */
#ifndef VALKTRACE_INTERP_H
#define VALKTRACE_INTERP_H

#include <valktrace/emit.h>

VT_BEGIN_DECLS

extern VT_API VT_THREAD_LOCAL uint64_t vt__depth __attribute__((tls_model("initial-exec")));

/* Says that this process has an interpreter: its counters are then 0, not absent, before the first call. */
VT_CALL void vt_interp_attach(void) VT_DISABLED()

VT_INLINE void vt_eval(void) { vt_count(VT_M_interp_evals, 1); }
VT_INLINE void vt_closure(void) { vt_count(VT_M_interp_closures, 1); }
VT_INLINE void vt_lookup(void) { vt_count(VT_M_interp_lookups, 1); }

VT_INLINE void vt_depth(uint64_t depth)
{
	if (!VT_COMPILED_IN)
		return;
	vt__depth = depth;
	vt_count_max(VT_M_interp_depth_max, depth);
}

VT_INLINE void vt_call(uint64_t name)
{
	vt_count(VT_M_interp_calls, 1);
	if (VT_COMPILED_IN)
		vt_depth(vt__depth + 1);
	VT__EMIT_ORDERED(interp, call, name);
}

VT_INLINE void vt_return(void)
{
	if (VT_COMPILED_IN)
		vt__depth -= vt__depth > 0;
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
	VT__EMIT_ORDERED(interp, builtin, name);
}

VT_INLINE void vt_builtin_return(void)
{
	VT__EMIT_ORDERED(interp, builtin_return, );
}

VT_END_DECLS

#endif
