/* registry.c - the collectors there are, one line each. */
#include <stddef.h>

#include "core/collector.h"

extern const struct vt_collector vt_collector_process;
extern const struct vt_collector vt_collector_vm;
extern const struct vt_collector vt_collector_pressure;
extern const struct vt_collector vt_collector_cgroup;
extern const struct vt_collector vt_collector_perf_event;
extern const struct vt_collector vt_collector_perf_stat;

const struct vt_collector *const vt_collectors[] = {
	&vt_collector_process,
	&vt_collector_vm,
	&vt_collector_pressure,
	&vt_collector_cgroup,
	&vt_collector_perf_event,
	&vt_collector_perf_stat,
	NULL
};
