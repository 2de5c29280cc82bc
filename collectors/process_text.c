/* process_text.c - see process.h: the texts of /proc/PID, taken apart. */
#include "collectors/process.h"
#include "collectors/total.h"

void vt_process_take_stat(struct vt_process_values *v, const struct vt_proc_stat *s, uint64_t ticks_a_second)
{
	vt_process_total(v, VT_P_CPU_USER, vt_share(s->user, 1000000000, ticks_a_second));
	vt_process_total(v, VT_P_CPU_SYSTEM, vt_share(s->system, 1000000000, ticks_a_second));
	vt_process_total(v, VT_P_MINOR_FAULTS, s->minor);
	vt_process_total(v, VT_P_MAJOR_FAULTS, s->major);
	if (vt_proc_is_dead(s))
		return;                 /* it has no memory any more, but it had */
	vt_process_set(v, VT_P_THREADS, s->threads);
	vt_process_set(v, VT_P_VIRTUAL, s->virtual_bytes);
}

void vt_process_take_status(struct vt_process_values *v, const char *text)
{
	static const char *const keys[] = { "VmHWM", "VmRSS" };
	uint64_t kib[2];
	bool found[2];

	vt_proc_lines(text, keys, 2, kib, found);
	if (found[0])
		vt_process_total(v, VT_P_PEAK_RESIDENT, vt_times(kib[0], 1024));
	if (found[1])
		vt_process_set(v, VT_P_RESIDENT, vt_times(kib[1], 1024));
	/* The kernel brings its own mark up to date only now and then. */
	if (found[1])
		vt_process_total(v, VT_P_PEAK_RESIDENT, vt_times(kib[1], 1024));
}

void vt_process_take_io(struct vt_process_values *v, const char *text)
{
	static const char *const keys[VT_P_IO] = {
		"rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes",
	};
	uint64_t values[VT_P_IO];
	bool found[VT_P_IO];

	vt_proc_lines(text, keys, VT_P_IO, values, found);
	for (unsigned i = 0; i < VT_P_IO; i++)
		if (found[i])
			vt_process_total(v, VT_P_READ + i, values[i]);
}

bool vt_process_switches(const char *status, uint64_t *voluntary, uint64_t *involuntary)
{
	static const char *const keys[] = { "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches" };
	uint64_t values[2];
	bool found[2];

	if (vt_proc_lines(status, keys, 2, values, found) != 2)
		return false;
	*voluntary = values[0];
	*involuntary = values[1];
	return true;
}

bool vt_process_delay(const char *schedstat, uint64_t *ns)
{
	uint64_t ran;

	return vt_proc_number(&schedstat, &ran) && *schedstat++ == ' ' && vt_proc_number(&schedstat, ns) &&
	       (*schedstat == ' ' || *schedstat == '\n');
}
