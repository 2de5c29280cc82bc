/*
 * http.h - report what an HTTP server or client does: rate, errors, duration, and what may run out.
 *
 *   vt_http_connection_opened();
 *   vt_http_bytes(n, 0);                          as bytes come and go
 *   vt_http_request_begin(&c->request);           its first byte is here
 *   vt_http_request_end(&c->request, 200, n, m);  the last byte of the response has been sent
 *   vt_http_connection_closed();
 *
 * A request ends when its response is sent, not when it has been computed and not when its stream or
 * connection is closed: only so is its duration what the client waited for. The struct belongs to the
 * host, one for each request under way, zeroed before its first use; another thread may end what one has
 * begun. Misuse (an end without a begin) is ignored.
 *
 * Metrics are always counted while a recording runs; events are written when category http is on. Any
 * thread; nothing allocates.
 */
#ifndef VALKTRACE_HTTP_H
#define VALKTRACE_HTTP_H

#include <valktrace/emit.h>

enum vt_http_pool { VT_HTTP_ARENAS, VT_HTTP_TCP_BUFFERS, VT_HTTP_POOLS };

enum vt_http_queue {
	VT_HTTP_REQUESTS,               /* that wait for a worker */
	VT_HTTP_RESPONSES,              /* that wait to be sent */
	VT_HTTP_QUEUES
};

/* A request under way; its fields are ours. */
struct vt_http_request {
	uint64_t vt__begun;             /* ticks; 0: none is under way */
};

VT_BEGIN_DECLS

/* Says that this process speaks HTTP: its counters are then 0, not absent, before the first request. */
VT_CALL void vt_http_attach(void) VT_DISABLED();

VT_CALL void vt_http_request_begin(struct vt_http_request *r) VT_DISABLED();

/* `received`, `sent`: bytes of this request and response, for the event; 0: not known. */
VT_CALL void vt_http_request_end(struct vt_http_request *r, unsigned status, uint64_t received,
                                 uint64_t sent) VT_DISABLED();

/* The response was not sent: the client has gone, or the server gives up. An error, and in no duration. */
VT_CALL void vt_http_request_abort(struct vt_http_request *r, uint64_t received, uint64_t sent) VT_DISABLED();

/* Bytes on connections, heads and all. */
VT_CALL void vt_http_bytes(uint64_t received, uint64_t sent) VT_DISABLED();

VT_CALL void vt_http_connection_opened(void) VT_DISABLED();
VT_CALL void vt_http_connection_closed(void) VT_DISABLED();
VT_CALL void vt_http_connection_failed(void) VT_DISABLED();

/* VT_http_rejection_limit: too many are open; VT_http_rejection_load: too much is to do. */
VT_CALL void vt_http_connection_rejected(enum vt_enumerator reason) VT_DISABLED();

/* Streams of HTTP/2. A stream is counted when it is opened, a request when it ends. */
VT_CALL void vt_http_stream_opened(void) VT_DISABLED();
VT_CALL void vt_http_stream_closed(void) VT_DISABLED();

/* How many there are now. */
VT_CALL void vt_http_servers(uint64_t listening) VT_DISABLED();
VT_CALL void vt_http_clients(uint64_t clients) VT_DISABLED();
VT_CALL void vt_http_queue(enum vt_http_queue queue, uint64_t depth) VT_DISABLED();
VT_CALL void vt_http_queue_capacity(uint64_t requests) VT_DISABLED();

/* Slots of a pool that are in use, of how many; the peak is kept. An overflow: all were in use. */
VT_CALL void vt_http_pool(enum vt_http_pool pool, uint64_t used, uint64_t capacity) VT_DISABLED();
VT_CALL void vt_http_pool_overflow(enum vt_http_pool pool) VT_DISABLED();

VT_END_DECLS

#endif
