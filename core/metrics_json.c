/*
 * metrics_json.c - the metrics of the three runtime sources as one JSON object of fixed keys, alone or
 * beside those of the HTTP server.
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
	SUM,            /* of the metrics from `metric` to `other` that are there */
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
}, aio[] = {
	{ "requests_total", SUM, VT_M_http_requests_1xx, VT_M_http_requests_5xx },
	{ "requests_active", COUNT, VT_M_http_active, 0 },
	{ "requests_errors", COUNT, VT_M_http_errors, 0 },
	{ "request_duration_us_sum", MICROS, VT_M_http_duration_sum, 0 },
	{ "connections_total", COUNT, VT_M_http_connections, 0 },
	{ "connections_active", COUNT, VT_M_http_connections_active, 0 },
	{ "connections_failed", COUNT, VT_M_http_connections_failed, 0 },
	{ "streams_total", COUNT, VT_M_http_streams, 0 },
	{ "streams_active", COUNT, VT_M_http_streams_active, 0 },
	{ "bytes_sent_total", COUNT, VT_M_http_sent, 0 },
	{ "bytes_recv_total", COUNT, VT_M_http_received, 0 },
	{ "servers_count", COUNT, VT_M_http_servers, 0 },
	{ "clients_count", COUNT, VT_M_http_clients, 0 },
	{ "handles_count", COUNT, VT_M_loop_handles, 0 },
	{ "arenas_used", COUNT, VT_M_http_arenas_used, 0 },
	{ "arenas_total", COUNT, VT_M_http_arenas_capacity, 0 },
	{ "tcp_buffers_used", COUNT, VT_M_http_buffers_used, 0 },
	{ "tcp_buffers_total", COUNT, VT_M_http_buffers_capacity, 0 },
	{ "queue_depth", SUM, VT_M_http_pending_requests, VT_M_http_pending_responses },
	{ "queue_capacity", COUNT, VT_M_http_queue_capacity, 0 },
	{ "pending_requests", COUNT, VT_M_http_pending_requests, 0 },
	{ "pending_responses", COUNT, VT_M_http_pending_responses, 0 },
	{ NULL, COUNT, 0, 0 },
};

struct section { const char *name; const struct key *keys; };

static const struct section vm_sections[] = {
	{ "gc", gc },
	{ "interpreter", interpreter },
	{ "event_loop", event_loop },
	{ NULL, NULL },
};

static bool any_present(const struct vt_metrics *m, unsigned first, unsigned last)
{
	while (first < last && !m->present[first])
		first++;
	return m->present[first];
}

static uint64_t sum(const struct vt_metrics *m, unsigned first, unsigned last)
{
	uint64_t n = 0;

	for (; first <= last; first++)
		n += m->present[first] ? m->values[first] : 0;
	return n;
}

static bool known(const struct vt_metrics *m, const struct key *k)
{
	if (k->form == SUM)
		return any_present(m, k->metric, k->other);
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
	case SUM:
		vt_text_number(t, sum(m, k->metric, k->other));
		break;
	}
}

static void put_indent(struct vt_text *t, unsigned depth)
{
	vt_text_string(t, "\n");
	while (depth-- > 0)
		vt_text_string(t, "  ");
}

/* The name of a member, which is not the first one unless `first`. */
static void put_name(struct vt_text *t, const char *name, unsigned depth, bool first)
{
	vt_text_string(t, first ? "" : ",");
	put_indent(t, depth);
	vt_text_string(t, "\"");
	vt_text_string(t, name);
	vt_text_string(t, "\": ");
}

static void put_keys(struct vt_text *t, const struct vt_metrics *m, const struct key *keys, unsigned depth)
{
	vt_text_string(t, "{");
	for (const struct key *k = keys; k->name; k++) {
		put_name(t, k->name, depth + 1, k == keys);
		put_value(t, m, k);
	}
	put_indent(t, depth);
	vt_text_string(t, "}");
}

static void put_vm(struct vt_text *t, const struct vt_metrics *m, unsigned depth)
{
	vt_text_string(t, "{");
	for (const struct section *s = vm_sections; s->name; s++) {
		put_name(t, s->name, depth + 1, s == vm_sections);
		put_keys(t, m, s->keys, depth + 1);
	}
	put_indent(t, depth);
	vt_text_string(t, "}");
}

size_t vt_metrics_json(const struct vt_metrics *m, char *to, size_t size)
{
	struct vt_text t = { to, size, 0 };

	put_vm(&t, m, 0);
	return vt_text_end(&t);
}

static bool speaks_http(const struct vt_metrics *m)
{
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (m->present[i] && vt_schema_builtin()->metrics[i].name &&
		    vt_schema_builtin()->metrics[i].source == VT_SRC_http)
			return true;
	return false;
}

size_t vt_metrics_combined(const struct vt_metrics *m, char *to, size_t size)
{
	struct vt_text t = { to, size, 0 };

	vt_text_string(&t, "{");
	put_name(&t, "aio_metrics", 1, true);
	if (speaks_http(m))
		put_keys(&t, m, aio, 1);
	else
		vt_text_string(&t, "null");
	put_name(&t, "vm_metrics", 1, false);
	put_vm(&t, m, 1);
	vt_text_string(&t, "\n}");
	return vt_text_end(&t);
}
