/*
 * httpd_client.c - the HTTP test host as a client: asks a server on loopback and hands its answer
 * on. The connection of the client is one of ours too, its request is the other server's.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/hosts/httpd.h"

enum { MOST = 1 << 16 };

struct client {
	uv_tcp_t tcp;
	uv_connect_t connecting;
	uv_write_t write;
	struct connection *for_whom;
	bool open;
	unsigned status;
	size_t length;
	char answer[MOST];
};

static uint64_t clients;

/* Its connection may have been closed meanwhile: then `working` has kept it for us. */
static void on_closed(uv_handle_t *handle)
{
	struct client *l = handle->data;
	struct connection *c = l->for_whom;

	vt_http_clients(--clients);
	if (l->open)
		vt_http_connection_closed();
	c->working = false;
	if (c->closing)
		finish_connection(c);
	else
		respond(c, l->status, "text/plain", l->answer, l->status == 200 ? l->length : 0);
	free(l);
}

static void finish(struct client *l, unsigned status)
{
	l->status = status;
	uv_close((uv_handle_t *)&l->tcp, on_closed);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *l = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(l->answer + l->length, (unsigned)(MOST - l->length));
}

static void on_data(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct client *l = stream->data;

	(void)buffer;
	if (n < 0) {
		finish(l, n == UV_EOF ? 200 : 502);
		return;
	}
	vt_http_bytes((uint64_t)n, 0);
	l->length += (size_t)n;
}

static void on_connected(uv_connect_t *connecting, int err)
{
	static char question[] = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
	struct client *l = connecting->data;
	uv_buf_t out = uv_buf_init(question, sizeof(question) - 1);

	if (err) {
		vt_http_connection_failed();
		finish(l, 502);
		return;
	}
	l->open = true;
	vt_http_connection_opened();
	if (uv_read_start((uv_stream_t *)&l->tcp, give_buffer, on_data) != 0 ||
	    uv_write(&l->write, (uv_stream_t *)&l->tcp, &out, 1, NULL) != 0) {
		finish(l, 502);
		return;
	}
	vt_http_bytes(0, sizeof(question) - 1);
}

void fetch(struct connection *c, const char *port)
{
	struct client *l = calloc(1, sizeof(*l));
	struct sockaddr_in address;

	if (!l) {
		respond(c, 500, "text/plain", "", 0);
		return;
	}
	l->for_whom = c;
	c->working = true;
	vt_http_clients(++clients);
	uv_ip4_addr("127.0.0.1", atoi(port), &address);
	uv_tcp_init(c->tcp.loop, &l->tcp);
	l->tcp.data = l->connecting.data = l;
	if (uv_tcp_connect(&l->connecting, &l->tcp, (const struct sockaddr *)&address, on_connected) != 0)
		finish(l, 502);
}
