/* interp.c - interp.h: all of it is inline but for the depth of a thread and the declaration. */
#include <valktrace/interp.h>

#include "core/process.h"

VT_THREAD_LOCAL uint64_t vt__depth __attribute__((tls_model("initial-exec")));

void vt_interp_attach(void)
{
	for (unsigned m = VT_M_interp_evals; m <= VT_M_interp_lookups; m++)
		vt_metric_declare((enum vt_metric_id)m);
	vt_source_say(VT_SRC_interp, true, NULL);
}
