/* http.c - http.h: counters of this thread's cells, gauges of the process, an event a request. */
#include <valktrace/http.h>

#include "core/clock.h"
#include "core/process.h"

/* Upper bounds in ns of the buckets from VT_M_http_duration_500us on; the last has none. */
static const uint64_t bounds[] = {
	500000, 1000000, 5000000, 10000000, 50000000, 100000000, 500000000, 1000000000, 5000000000,
};
enum { BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };
VT_STATIC_ASSERT(VT_M_http_duration_500us + BOUNDS == VT_M_http_duration_inf, "a row for each bound");
VT_STATIC_ASSERT(VT_M_http_requests_1xx + 4 == VT_M_http_requests_5xx, "a row for each class");

static enum vt_metric_id metric(enum vt_metric_id first, unsigned offset)
{
	return (enum vt_metric_id)((unsigned)first + offset);
}

/* Once a ring file: a forked child has one of its own. */
void vt_http_attach(void)
{
	static const struct vt_ring_file *declared;
	static const enum vt_metric_id own[] = {
		VT_M_http_errors, VT_M_http_active, VT_M_http_duration_sum, VT_M_http_duration_max,
		VT_M_http_received, VT_M_http_sent, VT_M_http_connections, VT_M_http_connections_active,
		VT_M_http_connections_failed, VT_M_http_rejected_limit, VT_M_http_rejected_load,
	};
	vt_count(VT_M_http_errors, 0);  /* a forked child makes its ring file here */
	if (vt_load_relaxed(&declared) == vt_process.file || !vt_process_recording())
		return;
	vt_store_relaxed(&declared, vt_process.file);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		vt_metric_declare(own[i]);
	for (unsigned i = 0; i <= BOUNDS; i++)
		vt_metric_declare(metric(VT_M_http_duration_500us, i));
	for (unsigned i = 0; i < 5; i++)
		vt_metric_declare(metric(VT_M_http_requests_1xx, i));
	vt_source_say(VT_SRC_http, true, NULL);
}

/* ---- requests --------------------------------------------------------------------------------------- */

void vt_http_request_begin(struct vt_http_request *r)
{
	if (r->vt__begun || !vt_process_recording())
		return;
	r->vt__begun = vt_ticks();
	vt_http_attach();
	vt_gauge_add(VT_M_http_active, 1);
}

static uint64_t finish(struct vt_http_request *r)
{
	uint64_t time = vt_ticks_to_ns(vt_ticks() - r->vt__begun);

	r->vt__begun = 0;
	vt_gauge_add(VT_M_http_active, -1);
	return time;
}

static void count_duration(uint64_t time)
{
	unsigned bucket = 0;

	while (bucket < BOUNDS && time > bounds[bucket])
		bucket++;
	vt_count(metric(VT_M_http_duration_500us, bucket), 1);
	vt_count(VT_M_http_duration_sum, time);
	vt_count_max(VT_M_http_duration_max, time);
}

void vt_http_request_end(struct vt_http_request *r, unsigned status, uint64_t received, uint64_t sent)
{
	if (!r->vt__begun)
		return;
	uint64_t time = finish(r);
	/* A status that is none is the server's fault, as a 5xx. */
	unsigned class = status >= 100 && status <= 599 ? status / 100 : 5;
	vt_count(metric(VT_M_http_requests_1xx, class - 1), 1);
	if (class == 5)
		vt_count(VT_M_http_errors, 1);
	count_duration(time);
	VT_EMIT(http, request, .status = status, .received = received, .sent = sent, .time = time);
}

void vt_http_request_abort(struct vt_http_request *r, uint64_t received, uint64_t sent)
{
	if (!r->vt__begun)
		return;
	uint64_t time = finish(r);
	vt_count(VT_M_http_errors, 1);
	VT_EMIT(http, request, .status = 0, .received = received, .sent = sent, .time = time);
}

void vt_http_bytes(uint64_t received, uint64_t sent)
{
	vt_count(VT_M_http_received, received);
	vt_count(VT_M_http_sent, sent);
}

/* ---- connections and streams ------------------------------------------------------------------------ */

void vt_http_connection_opened(void)
{
	vt_http_attach();
	vt_count(VT_M_http_connections, 1);
	vt_gauge_add(VT_M_http_connections_active, 1);
	VT__EMIT_ORDERED(http, connected, );
}

void vt_http_connection_closed(void)
{
	vt_gauge_add(VT_M_http_connections_active, -1);
	VT__EMIT_ORDERED(http, disconnected, );
}

void vt_http_connection_failed(void)
{
	vt_http_attach();
	vt_count(VT_M_http_connections_failed, 1);
	VT__EMIT_ORDERED(http, connect_failed, );
}

void vt_http_connection_rejected(enum vt_enumerator reason)
{
	vt_http_attach();
	vt_count(reason == VT_http_rejection_load ? VT_M_http_rejected_load : VT_M_http_rejected_limit, 1);
	VT_EMIT(http, rejected, .reason = reason);
}

void vt_http_stream_opened(void)
{
	vt_http_attach();
	vt_count(VT_M_http_streams, 1);
	vt_gauge_add(VT_M_http_streams_active, 1);
}

void vt_http_stream_closed(void)
{
	vt_gauge_add(VT_M_http_streams_active, -1);
}

/* ---- what there is ---------------------------------------------------------------------------------- */

void vt_http_servers(uint64_t listening)
{
	vt_http_attach();
	vt_gauge_set(VT_M_http_servers, listening);
}

void vt_http_clients(uint64_t clients)
{
	vt_http_attach();
	vt_gauge_set(VT_M_http_clients, clients);
}

void vt_http_queue(enum vt_http_queue queue, uint64_t depth)
{
	if (queue < VT_HTTP_QUEUES)
		vt_gauge_set(metric(VT_M_http_pending_requests, queue), depth);
}

void vt_http_queue_capacity(uint64_t requests)
{
	vt_gauge_set(VT_M_http_queue_capacity, requests);
}

void vt_http_pool(enum vt_http_pool pool, uint64_t used, uint64_t capacity)
{
	if (pool >= VT_HTTP_POOLS)
		return;
	vt_gauge_set(metric(VT_M_http_arenas_used, pool), used);
	vt_gauge_set(metric(VT_M_http_arenas_capacity, pool), capacity);
	vt_count_max(metric(VT_M_http_arenas_peak, pool), used);
	vt_metric_declare(metric(VT_M_http_arenas_overflows, pool));
}

void vt_http_pool_overflow(enum vt_http_pool pool)
{
	if (pool < VT_HTTP_POOLS)
		vt_count(metric(VT_M_http_arenas_overflows, pool), 1);
}
