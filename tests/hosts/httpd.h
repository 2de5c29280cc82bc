/* httpd.h - what the parts of the HTTP test host share. */
#ifndef TESTS_HTTPD_H
#define TESTS_HTTPD_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include <valktrace/http.h>
#include <valktrace/loop.h>

enum {
	MAX_HEAD = 4096,                /* bytes of a request; more is answered with 431 */
	MAX_CONNECTIONS = 64,           /* one more is refused */
	/* That wait for the thread pool; one more is answered with 503, and a new connection is refused. */
	MAX_JOBS = 48,
	ARENAS = 24,                    /* for requests under way; when all are in use, malloc serves */
	ARENA_SIZE = 4096,
};

struct h2;

struct connection {
	uv_tcp_t tcp;
	struct vt_http_request request;
	char head[MAX_HEAD];
	size_t length;                  /* of what has been read */
	size_t used;                    /* of that, bytes of the request which is answered now */
	bool busy;                      /* a response is computed or sent: no other is begun */
	bool closing, last;             /* last: close after the response */
	uv_write_t write;
	char *arena;                    /* of the request; NULL: none was free */
	char *response;                 /* head and body: in the arena, or allocated */
	size_t response_size;
	unsigned status;
	uv_work_t work;
	struct vt_loop_work job;
	bool working;                   /* the work is the pool's: the connection must stay */
	unsigned ms;                    /* what the job takes */
	struct h2 *h2;                  /* it speaks HTTP/2; then all above from `request` on is not used */
};

/*
 * Sends a response, head and all: `body` of `length` bytes is copied. The request ends when its last byte
 * has been handed to the kernel.
 */
void respond(struct connection *c, unsigned status, const char *type, const char *body, size_t length);

/* After the thread pool has let go of a connection that was closed meanwhile. */
void finish_connection(struct connection *c);

/* Jobs that wait. */
unsigned waiting_jobs(void);

/* Responses that are being sent have become more or fewer. */
void count_sending(int more);

void close_connection(struct connection *c);

/* /fetch?PORT: asks another server on loopback, and answers with what it said. */
void fetch(struct connection *c, const char *port);

/* HTTP/2 by nghttp2, as its client knows before (h2c): httpd_h2.c. */
bool h2_begins(const char *bytes, size_t length);
void h2_data(struct connection *c, const char *bytes, size_t length);
void h2_close(struct connection *c);

/* Routes the request of c->head, whose target is `path`. */
void route(struct connection *c, const char *path);

#endif
