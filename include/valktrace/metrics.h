/*
 * metrics.h - all metrics of a process at one moment, and the three ways to print them.
 *
 * The same type is filled by the running host (vt_metrics_read) and by the decoder out of a log, and
 * printed by the same code: on the same record the bytes are equal.
 *
 * Absent is not zero: `present` tells. A Prometheus family without a writer is left out and explained
 * by valk_source_available{source,reason} 0; in JSON it is null.
 */
#ifndef VALKTRACE_METRICS_H
#define VALKTRACE_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include <valktrace/schema.h>

VT_BEGIN_DECLS

/* One call: how often, how long in ns. */
struct vt_call_stat {
	const char *call, *category;
	uint64_t count, errors, time, error_time, least, most;
};

struct vt_metrics {
	uint64_t sequence;              /* number of the record: `decode --at #N`; 0: not recorded */
	uint64_t realtime, monotonic;   /* ns */
	uint64_t uptime;                /* ns since events were switched on, or the length of that session */
	bool enabled;                   /* events are on */
	uint64_t buffered;              /* events recorded since the start or vt_reset, also if lost */
	bool present[VT_MAX_METRICS];
	uint64_t values[VT_MAX_METRICS];
	uint64_t lost[VT_MAX_CATEGORIES];
	uint64_t wanted;                /* categories whose loss is reported: bit set */
	struct { bool known, available; const char *reason; } sources[VT_MAX_SOURCES];
	const char *program, *version;  /* as the host states them; "" if it does not */
	uint64_t run;
	const struct vt_call_stat *calls;       /* out of a log only; NULL: none */
	unsigned call_count;
	const struct vt_schema *schema; /* NULL only with VALKTRACE_DISABLE */
};

/*
 * Each returns the length of the text without its terminating 0, as snprintf does: when it is not less
 * than `size` the text was cut, call again with more. `to` may be NULL when `size` is 0. Any thread.
 */

/* What the calls are with VALKTRACE_DISABLE: there are no metrics, and no schema either. */
VT_INLINE struct vt_metrics vt__no_metrics(void)
{
	struct vt_metrics m;
	__builtin_memset(&m, 0, sizeof(m));
	m.program = m.version = "";
	return m;
}

VT_INLINE size_t vt__no_text(char *to, size_t size)
{
	if (size > 0)
		*to = 0;
	return 0;
}

/* One JSON object: gc, interpreter, event_loop; two-space indent, no newline at the end. */
VT_CALL size_t vt_metrics_json(const struct vt_metrics *m, char *to, size_t size)
	VT_DISABLED(return vt__no_text(to, size););

/*
 * {"aio_metrics": ..., "vm_metrics": ...}: beside the object of vt_metrics_json what the HTTP server does,
 * null if there is none. What a server's /debug/metrics gives.
 */
VT_CALL size_t vt_metrics_combined(const struct vt_metrics *m, char *to, size_t size)
	VT_DISABLED(return vt__no_text(to, size););

/* Prometheus text format 0.0.4, ending in a newline. */
VT_CALL size_t vt_metrics_prometheus(const struct vt_metrics *m, char *to, size_t size)
	VT_DISABLED(return vt__no_text(to, size););

/* The kernel-style block, "=== Kernel Statistics ===" to "Written: N bytes\n". */
VT_CALL size_t vt_metrics_kernel(const struct vt_metrics *m, char *to, size_t size)
	VT_DISABLED(return vt__no_text(to, size););

VT_END_DECLS

#endif
