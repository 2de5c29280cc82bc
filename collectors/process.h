/*
 * process.h - what the kernel counts of a followed process: the texts of /proc/PID, taken apart. All totals are
 * those of the process since it began, whatever the number of its threads.
 */
#ifndef COLLECTORS_PROCESS_H
#define COLLECTORS_PROCESS_H

#include "collectors/procfile.h"
#include "core/collector.h"

/* In the order of the metrics from VT_M_process_cpu_user on. */
enum vt_process_value {
	VT_P_CPU_USER, VT_P_CPU_SYSTEM,                 /* ns */
	VT_P_MINOR_FAULTS, VT_P_MAJOR_FAULTS,
	VT_P_VOLUNTARY, VT_P_INVOLUNTARY, VT_P_RUN_DELAY,
	VT_P_RESIDENT, VT_P_VIRTUAL, VT_P_THREADS, VT_P_OPEN_FDS, VT_P_PEAK_RESIDENT,
	VT_P_READ, VT_P_WRITTEN, VT_P_READS, VT_P_WRITES, VT_P_STORAGE_READ, VT_P_STORAGE_WRITTEN,
	VT_P_VALUES
};
#define VT_P_IO         6u      /* values from VT_P_READ on: /proc/PID/io */

struct vt_process_values {
	uint64_t value[VT_P_VALUES];
	bool have[VT_P_VALUES];
};

static inline void vt_process_set(struct vt_process_values *v, unsigned i, uint64_t value)
{
	v->value[i] = value;
	v->have[i] = true;
}

/* A total never goes back, not even by the rounding of another source. */
static inline void vt_process_total(struct vt_process_values *v, unsigned i, uint64_t value)
{
	vt_process_set(v, i, v->have[i] && v->value[i] > value ? v->value[i] : value);
}

/* It has ended, whether its parent knows that or not. */
static inline bool vt_proc_is_dead(const struct vt_proc_stat *s)
{
	return s->state == 'Z' || s->state == 'X';
}

/* Each fills what the text tells, and leaves the rest as it is: what was read last stays. */
void vt_process_take_stat(struct vt_process_values *v, const struct vt_proc_stat *s, uint64_t ticks_a_second);
void vt_process_take_status(struct vt_process_values *v, const char *text);
void vt_process_take_io(struct vt_process_values *v, const char *text);

/* Counts of one thread: its status and its schedstat. False: not in the text. */
bool vt_process_switches(const char *status, uint64_t *voluntary, uint64_t *involuntary);
bool vt_process_delay(const char *schedstat, uint64_t *ns);

#endif
