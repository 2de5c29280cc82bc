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
	MAX_JOBS = 128,                 /* that wait for the thread pool; one more is answered with 503 */
};

struct connection {
	uv_tcp_t tcp;
	struct vt_http_request request;
	char head[MAX_HEAD];
	size_t length;                  /* of what has been read */
	size_t used;                    /* of that, bytes of the request which is answered now */
	bool busy;                      /* a response is computed or sent: no other is begun */
	bool closing, last;             /* last: close after the response */
	uv_write_t write;
	char *response;                 /* head and body; allocated */
	size_t response_size;
	unsigned status;
	uv_work_t work;
	struct vt_loop_work job;
	bool working;                   /* the work is the pool's: the connection must stay */
	unsigned ms;                    /* what the job takes */
};

/*
 * Sends a response, head and all: `body` of `length` bytes is copied. The request ends when its last byte
 * has been handed to the kernel.
 */
void respond(struct connection *c, unsigned status, const char *type, const char *body, size_t length);

/* After the thread pool has let go of a connection that was closed meanwhile. */
void finish_connection(struct connection *c);

/* Routes the request of c->head, whose target is `path`. */
void route(struct connection *c, const char *path);

#endif
