/*
 * typed.c - a host with categories of its own, declared in myvm.def. Compiled as C and as C++: names of
 * fields in C (and C++20), the struct form in both. Prints nothing; its log is the result.
 */
#define VT_HOST_DEFINE
#include "myvm_trace.h"

#include <stdlib.h>
#include <valktrace.h>

static void compile(uint64_t i)
{
	struct vt_ev_myvm_jit jit = { 0, 0, 0, 0 };

	jit.size = i * 16;
	jit.tier = i % 2 ? VT_jit_tier_optimizing : VT_jit_tier_baseline;
	jit.delta = -(int64_t)i;
	VT_EMIT_WITH(myvm, jit, jit);
}

#if !defined(__cplusplus) || __cplusplus >= 202002L
static void give_up(uint64_t function)
{
	VT_EMIT(myvm, deopt, .function = function);
	VT_EMIT(myvm, deopt_end, .time = 5);
}
#else
static void give_up(uint64_t function)
{
	struct vt_ev_myvm_deopt deopt = {};
	struct vt_ev_myvm_deopt_end end = {};

	deopt.function = function;
	end.time = 5;
	VT_EMIT_WITH(myvm, deopt, deopt);
	VT_EMIT_WITH(myvm, deopt_end, end);
}
#endif

static uint64_t on;

static void changed(void *user, uint64_t categories)
{
	*(uint64_t *)user = categories;
}

/* A host learns of each change, on the thread that makes it. */
static int listen(void)
{
	const uint64_t loop = 1ull << VT_CAT_loop;

	if (vt_on_change(changed, &on) < 0 || on != vt_enabled())
		return 0;
	uint64_t before = on;
	vt_enable(loop);
	if (on != vt_enabled())
		return 0;
	vt_disable(loop);
	return on == (before & ~loop);
}

/* typed LOG EVENTS COUNT: that many of each, before the start, after it, and after the stop. */
int main(int argc, char **argv)
{
	struct vt_options options;
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 3;

	__builtin_memset(&options, 0, sizeof(options));
	options.output = argc > 1 ? argv[1] : NULL;
	options.events = argc > 2 ? argv[2] : "myvm";
	options.program = "typed";
	compile(1000);
	if (vt_start(&options) < 0)
		return 1;
	uint64_t name = vt_string("main");
	for (uint64_t i = 1; i <= count; i++) {
		compile(i);
		give_up(name);
		vt_call(name);
		vt_return();
	}
	/* The rest of interp.h: nothing of it may be left when it is compiled out. */
	vt_interp_attach_with(VT_INTERP_CALLS | VT_INTERP_DEPTH);
	vt_unwind(vt_mark());
	vt_depth(0);
	if (!listen())
		return 3;
	if (vt_host_error() != 0 || vt_flush() < 0)
		return 2;
	int err = vt_stop();
	compile(2000);
	return err < 0 || on != 0;
}
