/*
 * httpd.c - the HTTP test host: a small HTTP/1.1 server on loopback that reports itself and serves its
 * own metrics. `httpd [PORT]` prints the port and runs until SIGTERM.
 *
 * GET only; one request at a time and connection, the next may be sent before the response is read.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace.h>

#include "tests/hosts/httpd.h"

static uv_tcp_t server;
static uv_signal_t on_term;
static struct connection *slots[MAX_CONNECTIONS];
static unsigned used, sending;
static struct { char bytes[ARENA_SIZE]; bool used; } arenas[ARENAS];

static void tell_pool(void)
{
	unsigned in_use = 0;

	for (unsigned i = 0; i < ARENAS; i++)
		in_use += arenas[i].used;
	vt_http_pool(VT_HTTP_ARENAS, in_use, ARENAS);
	vt_http_pool(VT_HTTP_TCP_BUFFERS, used, MAX_CONNECTIONS);
	vt_http_queue(VT_HTTP_RESPONSES, sending);
}

void count_sending(int more)
{
	sending += (unsigned)more;
	tell_pool();
}

/* ---- arenas: what a request needs while it is under way ----------------------------------------------- */

static void take_arena(struct connection *c)
{
	for (unsigned i = 0; i < ARENAS && !c->arena; i++) {
		if (arenas[i].used)
			continue;
		arenas[i].used = true;
		c->arena = arenas[i].bytes;
	}
	if (!c->arena)
		vt_http_pool_overflow(VT_HTTP_ARENAS);
	tell_pool();
}

static void give_arena(struct connection *c)
{
	if (c->response != c->arena)
		free(c->response);
	c->response = NULL;
	for (unsigned i = 0; i < ARENAS; i++)
		if (c->arena == arenas[i].bytes)
			arenas[i].used = false;
	c->arena = NULL;
	tell_pool();
}

/* ---- the end of a connection ------------------------------------------------------------------------ */

void finish_connection(struct connection *c)
{
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++)
		if (slots[i] == c)
			slots[i] = NULL;
	used--;
	give_arena(c);
	vt_http_connection_closed();
	free(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	c->closing = true;
	h2_close(c);
	if (!c->working)
		finish_connection(c);
}

void close_connection(struct connection *c)
{
	vt_http_request_abort(&c->request, c->used, 0);         /* nothing if none is under way */
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- responses -------------------------------------------------------------------------------------- */

static void serve(struct connection *c);
static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void on_data(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

static void on_written(uv_write_t *write, int err)
{
	struct connection *c = write->data;

	count_sending(-1);
	if (err) {
		close_connection(c);
		return;
	}
	vt_http_bytes(0, c->response_size);
	vt_http_request_end(&c->request, c->status, c->used, c->response_size);
	give_arena(c);
	memmove(c->head, c->head + c->used, c->length - c->used);
	c->length -= c->used;
	c->used = 0;
	c->busy = false;
	if (c->last || uv_is_closing((uv_handle_t *)&c->tcp)) {
		close_connection(c);
		return;
	}
	uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_data);    /* if it was stopped */
	serve(c);
}

static const char *reason_of(unsigned status)
{
	static const struct { unsigned status; const char *reason; } all[] = {
		{ 101, "Switching Protocols" }, { 200, "OK" }, { 301, "Moved Permanently" }, { 400, "Bad Request" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].status == status)
			return all[i].reason;
	return "";
}

void respond(struct connection *c, unsigned status, const char *type, const char *body, size_t length)
{
	char head[256];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
	                 status, reason_of(status), type, length, c->last ? "Connection: close\r\n" : "");

	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	c->response_size = (size_t)n + length;
	c->response = c->arena && c->response_size <= ARENA_SIZE ? c->arena : malloc(c->response_size);
	if (!c->response) {
		close_connection(c);
		return;
	}
	memcpy(c->response, head, (size_t)n);
	memcpy(c->response + n, body, length);
	c->status = status;
	c->write.data = c;
	uv_buf_t out = uv_buf_init(c->response, (unsigned)c->response_size);
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, on_written) != 0) {
		close_connection(c);
		return;
	}
	count_sending(1);
}

/* ---- requests --------------------------------------------------------------------------------------- */

static void refuse(struct connection *c, unsigned status)
{
	c->last = true;
	c->used = c->length;
	respond(c, status, "text/plain", "", 0);
}

/* The head is whole and ends in an empty line. Cuts it into method and target. */
static void handle(struct connection *c, size_t size)
{
	char line[256], method[8], target[200], version[10];

	c->used = size;
	c->last = memmem(c->head, size, "Connection: close", 17) != NULL;
	size_t n = strcspn(c->head, "\r");
	n = n < sizeof(line) ? n : sizeof(line) - 1;
	memcpy(line, c->head, n);
	line[n] = 0;
	if (sscanf(line, "%7s %199s HTTP/%9s", method, target, version) != 3)
		refuse(c, 400);
	else if (strcmp(method, "GET") != 0)
		refuse(c, 405);
	else
		route(c, target);
}

/* Answers the next request that is whole, if there is one and none is being answered. */
static void serve(struct connection *c)
{
	if (c->busy || c->length == 0 || uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	if (h2_begins(c->head, c->length)) {
		size_t length = c->length;
		c->length = 0;
		h2_data(c, c->head, length);
		return;
	}
	vt_http_request_begin(&c->request);
	c->head[c->length] = 0;
	const char *end = memmem(c->head, c->length, "\r\n\r\n", 4);
	if (!end && c->length < MAX_HEAD - 1)
		return;
	c->busy = true;
	take_arena(c);
	if (end)
		handle(c, (size_t)(end - c->head) + 4);
	else
		refuse(c, 431);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(c->head + c->length, (unsigned)(MAX_HEAD - 1 - c->length));
}

/* ENOBUFS: the client sends on before it has its answer, more than there is room for. It has to wait. */
static void on_data(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct connection *c = stream->data;

	(void)buffer;
	if (n == UV_ENOBUFS) {
		uv_read_stop(stream);
		return;
	}
	if (n < 0) {
		close_connection(c);
		return;
	}
	vt_http_bytes((uint64_t)n, 0);
	if (c->h2) {
		h2_data(c, c->head, (size_t)n);
		return;
	}
	c->length += (size_t)n;
	serve(c);
}

/* ---- connections ------------------------------------------------------------------------------------ */

static void close_only(uv_handle_t *handle)
{
	free(handle);
}

/* The connection must be taken to be refused. */
static void reject(enum vt_enumerator reason)
{
	uv_tcp_t *tcp = malloc(sizeof(*tcp));

	vt_http_connection_rejected(reason);
	if (reason == VT_http_rejection_limit)
		vt_http_pool_overflow(VT_HTTP_TCP_BUFFERS);
	if (!tcp || uv_tcp_init(server.loop, tcp) != 0) {
		free(tcp);
		return;
	}
	uv_accept((uv_stream_t *)&server, (uv_stream_t *)tcp);
	uv_close((uv_handle_t *)tcp, close_only);
}

static void on_connection(uv_stream_t *listener, int err)
{
	if (err) {
		vt_http_connection_failed();
		return;
	}
	bool busy = waiting_jobs() >= MAX_JOBS;
	struct connection *c = !busy && used < MAX_CONNECTIONS ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		reject(busy ? VT_http_rejection_load : VT_http_rejection_limit);
		return;
	}
	unsigned i = 0;
	while (slots[i])
		i++;
	slots[i] = c;
	used++;
	uv_tcp_init(listener->loop, &c->tcp);
	c->tcp.data = c->work.data = c;
	vt_http_connection_opened();
	tell_pool();
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 ||
	    uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_data) != 0)
		close_connection(c);
}

/* ---- begin and end ---------------------------------------------------------------------------------- */

static void stop(uv_signal_t *handle, int number)
{
	(void)number;
	vt_loop_unwatch(handle->loop);
	vt_http_servers(0);
	for (unsigned i = 0; i < MAX_CONNECTIONS; i++)
		if (slots[i])
			close_connection(slots[i]);
	uv_close((uv_handle_t *)&server, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static int listen_on(uv_loop_t *loop, int port)
{
	struct sockaddr_in address;
	int length = sizeof(address), err;

	uv_ip4_addr("127.0.0.1", port, &address);
	uv_tcp_init(loop, &server);
	if ((err = uv_tcp_bind(&server, (const struct sockaddr *)&address, 0)) != 0 ||
	    (err = uv_listen((uv_stream_t *)&server, 128, on_connection)) != 0 ||
	    (err = uv_tcp_getsockname(&server, (struct sockaddr *)&address, &length)) != 0)
		return err;
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();

	signal(SIGPIPE, SIG_IGN);
	vt_start(&(struct vt_options){ .program = "httpd", .version = VT_VERSION, .events = "http,loop" });
	vt_loop_watch_with(loop, "main", VT_LOOP_IDLE_TIME);
	vt_http_queue_capacity(MAX_JOBS);
	vt_http_queue(VT_HTTP_REQUESTS, 0);
	tell_pool();
	int err = listen_on(loop, argc > 1 ? atoi(argv[1]) : 0);
	if (err) {
		fprintf(stderr, "httpd: %s\n", uv_strerror(err));
		return 1;
	}
	vt_http_servers(1);
	vt_http_clients(0);
	uv_signal_init(loop, &on_term);
	uv_signal_start(&on_term, stop, SIGTERM);
	uv_run(loop, UV_RUN_DEFAULT);
	err = uv_loop_close(loop);
	vt_stop();
	if (err)
		fprintf(stderr, "httpd: the loop: %s\n", uv_strerror(err));
	return err != 0;
}
