/* registry.c - the collectors there are, one line each. */
#include <stddef.h>

#include "core/collector.h"

extern const struct vt_collector vt_collector_perf_event, vt_collector_perf_stat;

const struct vt_collector *const vt_collectors[] = {
	&vt_collector_perf_event,
	&vt_collector_perf_stat,
	NULL
};
