/* interp.c - interp.h: all of it is inline but for the calls of a thread and the declaration. */
#include <valktrace/interp.h>

#include "core/process.h"

VT_THREAD_LOCAL uint64_t vt__open_calls __attribute__((tls_model("initial-exec")));

void vt_interp_attach_with(unsigned what)
{
	static const enum vt_metric_id metrics[] = {    /* by bit of enum vt_interp_what */
		VT_M_interp_evals, VT_M_interp_calls, VT_M_interp_builtins, VT_M_interp_depth_max,
		VT_M_interp_closures, VT_M_interp_lookups, VT_M_interp_tail_calls,
	};

	for (unsigned i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (what >> i & 1)
			vt_metric_declare(metrics[i]);
	vt_source_say(VT_SRC_interp, true, NULL);
}

void vt_interp_attach(void)
{
	vt_interp_attach_with(VT_INTERP_ALL);
}
