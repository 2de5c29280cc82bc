/*
 * metrics_json.c - the metrics of the three runtime sources as one JSON object of fixed keys.
 * What has no writer is null; derived values are null when a part of them is.
 */
#include <valktrace/metrics.h>

#include "core/metrics_text.h"

enum form {
	COUNT,          /* the number */
	MICROS,         /* ns as whole microseconds */
	MEAN_MS,        /* ns a unit of `other`, in ms; 0 without any */
	PERCENT,        /* of `other`; 0 when that is 0 */
	OF_UPTIME,      /* ns in percent of the time that the recording was enabled */
};

static const struct key {
	const char *name;
	enum form form;
	uint8_t metric, other;
} gc[] = {
	{ "cycles_total", COUNT, VT_M_gc_cycles, 0 },
	{ "pause_us_total", MICROS, VT_M_gc_pause_time, 0 },
	{ "pause_us_max", MICROS, VT_M_gc_pause_max, 0 },
	{ "pause_ms_avg", MEAN_MS, VT_M_gc_pause_time, VT_M_gc_cycles },
	{ "reclaimed_bytes_total", COUNT, VT_M_gc_reclaimed, 0 },
	{ "heap_used_bytes", COUNT, VT_M_gc_heap_used, 0 },
	{ "heap_total_bytes", COUNT, VT_M_gc_heap_total, 0 },
	{ "heap_utilization_pct", PERCENT, VT_M_gc_heap_used, VT_M_gc_heap_total },
	{ NULL, COUNT, 0, 0 },
}, interpreter[] = {
	{ "evals_total", COUNT, VT_M_interp_evals, 0 },
	{ "function_calls", COUNT, VT_M_interp_calls, 0 },
	{ "builtin_calls", COUNT, VT_M_interp_builtins, 0 },
	{ "stack_depth_max", COUNT, VT_M_interp_depth_max, 0 },
	{ "closures_created", COUNT, VT_M_interp_closures, 0 },
	{ "env_lookups", COUNT, VT_M_interp_lookups, 0 },
	{ NULL, COUNT, 0, 0 },
}, event_loop[] = {
	{ "iterations", COUNT, VT_M_loop_iterations, 0 },
	{ "events_processed", COUNT, VT_M_loop_events, 0 },
	{ "idle_time_us", MICROS, VT_M_loop_idle_time, 0 },
	{ "idle_time_pct", OF_UPTIME, VT_M_loop_idle_time, 0 },
	{ NULL, COUNT, 0, 0 },
};

static const struct { const char *name; const struct key *keys; } sections[] = {
	{ "gc", gc },
	{ "interpreter", interpreter },
	{ "event_loop", event_loop },
};

static bool known(const struct vt_metrics *m, const struct key *k)
{
	if (!m->present[k->metric])
		return false;
	if (k->form == MEAN_MS || k->form == PERCENT)
		return m->present[k->other];
	/*
	 * Several loops together can be idle for longer than the clock ran: then a share says
	 * nothing.
	 */
	return k->form != OF_UPTIME || (m->uptime > 0 && m->values[k->metric] <= m->uptime);
}

static void put_value(struct vt_text *t, const struct vt_metrics *m, const struct key *k)
{
	uint64_t value = m->values[k->metric];
	vt_u128 other = m->values[k->other];

	if (!known(m, k)) {
		vt_text_string(t, "null");
		return;
	}
	switch (k->form) {
	case COUNT:
		vt_text_number(t, value);
		break;
	case MICROS:
		vt_text_number(t, value / 1000);
		break;
	case MEAN_MS:
		vt_text_ratio(t, value, other * 1000000, 3);
		break;
	case PERCENT:
		vt_text_ratio(t, (vt_u128)value * 100, other, 2);
		break;
	case OF_UPTIME:
		vt_text_ratio(t, (vt_u128)value * 100, m->uptime, 2);
		break;
	}
}

size_t vt_metrics_json(const struct vt_metrics *m, char *to, size_t size)
{
	struct vt_text t = { to, size, 0 };

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		vt_text_string(&t, i == 0 ? "{\n  \"" : ",\n  \"");
		vt_text_string(&t, sections[i].name);
		vt_text_string(&t, "\": {");
		for (const struct key *k = sections[i].keys; k->name; k++) {
			vt_text_string(&t, k == sections[i].keys ? "\n    \"" : ",\n    \"");
			vt_text_string(&t, k->name);
			vt_text_string(&t, "\": ");
			put_value(&t, m, k);
		}
		vt_text_string(&t, "\n  }");
	}
	vt_text_string(&t, "\n}");
	return vt_text_end(&t);
}
