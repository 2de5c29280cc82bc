/*
 * metrics_kernel.c - the kernel-style block. Its form is fixed; what has no writer counts as 0
 * there.
 */
#include <valktrace/metrics.h>

#include "core/metrics_text.h"

enum form { UPTIME, TRACING, BUFFERED, COUNT, MEAN_TICK, MILLISECONDS, NOTHING };

/* The block in order: a text and the value behind it. */
static const struct { const char *text; enum form form; uint8_t metric; } block[] = {
	{ "=== Kernel Statistics ===\nUptime: ", UPTIME, 0 },
	{ "s\nTracing: ", TRACING, 0 },
	{ "\nEvents buffered: ", BUFFERED, 0 },
	{ "\n\n--- Syscalls ---\nTotal: ", COUNT, VT_M_kernel_syscalls },
	{ "\nErrors: ", COUNT, VT_M_kernel_syscall_errors },
	{ "\n\n--- Scheduler ---\nTicks: ", COUNT, VT_M_kernel_ticks },
	{ "\nAvg tick: ", MEAN_TICK, VT_M_kernel_tick_time },
	{ "ms\nMax tick: ", MILLISECONDS, VT_M_kernel_tick_max },
	{ "ms\n\n--- Processes ---\nSpawned: ", COUNT, VT_M_kernel_spawned },
	{ "\nExited: ", COUNT, VT_M_kernel_exited },
	{ "\n\n--- Events ---\nSignals: ", COUNT, VT_M_kernel_signals },
	{ "\nTimers: ", COUNT, VT_M_kernel_timers },
	{ "\n\n--- I/O ---\nRead: ", COUNT, VT_M_kernel_bytes_read },
	{ " bytes\nWritten: ", COUNT, VT_M_kernel_bytes_written },
	{ " bytes\n", NOTHING, 0 },
};

static uint64_t value_of(const struct vt_metrics *m, unsigned metric)
{
	return m->present[metric] ? m->values[metric] : 0;
}

static void put_value(struct vt_text *t, const struct vt_metrics *m, enum form form,
                      unsigned metric)
{
	uint64_t value = value_of(m, metric);

	switch (form) {
	case UPTIME:
		vt_text_ratio(t, m->uptime, 1000000000, 2);
		break;
	case TRACING:
		vt_text_string(t, m->enabled ? "ON" : "OFF");
		break;
	case BUFFERED:
		vt_text_number(t, m->buffered);
		break;
	case COUNT:
		vt_text_number(t, value);
		break;
	case MEAN_TICK:
		vt_text_ratio(t, value, (vt_u128)value_of(m, VT_M_kernel_ticks) * 1000000, 3);
		break;
	case MILLISECONDS:
		vt_text_ratio(t, value, 1000000, 3);
		break;
	case NOTHING:
		break;
	}
}

size_t vt_metrics_kernel(const struct vt_metrics *m, char *to, size_t size)
{
	struct vt_text t = { to, size, 0 };

	for (size_t i = 0; i < sizeof(block) / sizeof(*block); i++) {
		vt_text_string(&t, block[i].text);
		put_value(&t, m, block[i].form, block[i].metric);
	}
	return vt_text_end(&t);
}
