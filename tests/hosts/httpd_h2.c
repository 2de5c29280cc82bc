/*
 * httpd_h2.c - HTTP/2 in the HTTP test host: nghttp2 speaks it, this says what happens. A stream is
 * counted when its headers begin, its request ends with the frame that ends the response. GET /
 * says hello, /hold answers never, all else is 404.
 */
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "tests/hosts/httpd.h"

enum { MOST_STREAMS = 100 };

struct stream {
	struct stream *next;
	struct vt_http_request request;
	int32_t id;
	unsigned status;
	char path[32];
	size_t sent;
};

struct h2 {
	nghttp2_session *session;
	struct stream *streams;
};

struct output {
	uv_write_t write;
	struct connection *connection;
	size_t length;
	char bytes[];
};

static const char hello[] = "hello\n";

bool h2_begins(const char *bytes, size_t length)
{
	return length >= 24 && memcmp(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24) == 0;
}

/* ---- streams ---------------------------------------------------------------------------------------- */

static struct stream *find(struct h2 *h, int32_t id)
{
	struct stream *s = h->streams;

	while (s && s->id != id)
		s = s->next;
	return s;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct connection *c = user;
	struct stream *s = calloc(1, sizeof(*s));

	(void)session;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s->id = frame->hd.stream_id;
	s->next = c->h2->streams;
	c->h2->streams = s;
	vt_http_stream_opened();
	vt_http_request_begin(&s->request);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t length,
                     const uint8_t *value, size_t value_length, uint8_t flags, void *user)
{
	struct connection *c = user;
	struct stream *s = find(c->h2, frame->hd.stream_id);

	(void)session;
	(void)flags;
	if (s && length == 5 && memcmp(name, ":path", 5) == 0 && value_length < sizeof(s->path))
		memcpy(s->path, value, value_length);
	return 0;
}

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
	(void)session, (void)id, (void)room, (void)source, (void)user;
	memcpy(to, hello, sizeof(hello) - 1);           /* room: never less than a frame of 16384 */
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return sizeof(hello) - 1;
}

static int on_request(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	static uint8_t name[] = ":status", ok[] = "200", missing[] = "404";
	struct connection *c = user;
	struct stream *s = find(c->h2, frame->hd.stream_id);
	nghttp2_data_provider body = { .read_callback = give_body };

	if (!s || frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    strcmp(s->path, "/hold") == 0)
		return 0;
	s->status = strcmp(s->path, "/") == 0 ? 200 : 404;
	nghttp2_nv head = { .name = name, .value = s->status == 200 ? ok : missing, .namelen = 7, .valuelen = 3 };
	return nghttp2_submit_response(session, s->id, &head, 1, s->status == 200 ? &body : NULL);
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct connection *c = user;
	struct stream *s = find(c->h2, frame->hd.stream_id);

	(void)session;
	if (!s)
		return 0;
	s->sent += 9 + frame->hd.length;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		vt_http_request_end(&s->request, s->status, 0, s->sent);
	return 0;
}

static void free_stream(struct stream *s)
{
	vt_http_request_abort(&s->request, 0, s->sent);         /* nothing when it has ended */
	vt_http_stream_closed();
	free(s);
}

static int on_stream_closed(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct connection *c = user;
	struct stream **at = &c->h2->streams, *s;

	(void)session;
	(void)error;
	while ((s = *at) && s->id != id)
		at = &s->next;
	if (s) {
		*at = s->next;
		free_stream(s);
	}
	return 0;
}

/* ---- the connection --------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int err)
{
	struct output *o = write->data;

	count_sending(-1);
	if (err)
		close_connection(o->connection);
	else
		vt_http_bytes(0, o->length);
	free(o);
}

static bool flush(struct connection *c)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(c->h2->session, &bytes)) > 0) {
		struct output *o = malloc(sizeof(*o) + (size_t)n);
		if (!o)
			return false;
		memcpy(o->bytes, bytes, (size_t)n);
		o->length = (size_t)n;
		o->connection = c;
		o->write.data = o;
		uv_buf_t out = uv_buf_init(o->bytes, (unsigned)n);
		if (uv_write(&o->write, (uv_stream_t *)&c->tcp, &out, 1, on_written) != 0) {
			free(o);
			return false;
		}
		count_sending(1);
	}
	return n == 0;
}

static bool open_session(struct connection *c)
{
	nghttp2_settings_entry most = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MOST_STREAMS };
	nghttp2_session_callbacks *calls;

	c->h2 = calloc(1, sizeof(*c->h2));
	if (!c->h2 || nghttp2_session_callbacks_new(&calls) != 0)
		return false;
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_request);
	nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_closed);
	int err = nghttp2_session_server_new(&c->h2->session, calls, c);
	nghttp2_session_callbacks_del(calls);
	return err == 0 && nghttp2_submit_settings(c->h2->session, NGHTTP2_FLAG_NONE, &most, 1) == 0;
}

void h2_data(struct connection *c, const char *bytes, size_t length)
{
	if ((!c->h2 && !open_session(c)) ||
	    nghttp2_session_mem_recv(c->h2->session, (const uint8_t *)bytes, length) < 0 || !flush(c) ||
	    !(nghttp2_session_want_read(c->h2->session) || nghttp2_session_want_write(c->h2->session)))
		close_connection(c);
}

void h2_close(struct connection *c)
{
	struct stream *s;

	if (!c->h2)
		return;
	while ((s = c->h2->streams)) {
		c->h2->streams = s->next;
		free_stream(s);
	}
	nghttp2_session_del(c->h2->session);            /* NULL: nothing */
	free(c->h2);
	c->h2 = NULL;
}
