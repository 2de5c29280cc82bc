/*
 * httpd_routes.c - what the HTTP test host serves: its metrics in three forms, from the live calls, and
 * work on the thread pool.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valktrace.h>

#include "tests/hosts/httpd.h"

/* ---- metrics ---------------------------------------------------------------------------------------- */

typedef size_t render_fn(const struct vt_metrics *m, char *to, size_t size);

static void send_metrics(struct connection *c, const char *type, render_fn *render)
{
	struct vt_metrics m;

	vt_loop_update(c->tcp.loop);
	if (vt_metrics_read(&m) != 0) {
		respond(c, 503, "text/plain", "not recording\n", 14);
		return;
	}
	size_t length = render(&m, NULL, 0);
	char *text = malloc(length + 1);
	if (!text) {
		respond(c, 500, "text/plain", "", 0);
		return;
	}
	render(&m, text, length + 1);
	respond(c, 200, type, text, length);
	free(text);
}

static void prometheus(struct connection *c)
{
	send_metrics(c, "text/plain; version=0.0.4; charset=utf-8", vt_metrics_prometheus);
}

static void combined(struct connection *c)
{
	send_metrics(c, "application/json", vt_metrics_combined);
}

/* ---- the page --------------------------------------------------------------------------------------- */

enum form { COUNT, TIME, BYTES, MEAN, SHARE };

static const struct card { const char *section, *label; enum form form; unsigned metric, other; } cards[] = {
	{ "Garbage Collector", "GC Cycles", COUNT, VT_M_gc_cycles, 0 },
	{ NULL, "Total Pause", TIME, VT_M_gc_pause_time, 0 },
	{ NULL, "Max Pause", TIME, VT_M_gc_pause_max, 0 },
	{ NULL, "Avg Pause", MEAN, VT_M_gc_pause_time, VT_M_gc_cycles },
	{ NULL, "Heap Used", BYTES, VT_M_gc_heap_used, 0 },
	{ NULL, "Heap Total", BYTES, VT_M_gc_heap_total, 0 },
	{ NULL, "Utilization", SHARE, VT_M_gc_heap_used, VT_M_gc_heap_total },
	{ NULL, "Reclaimed", BYTES, VT_M_gc_reclaimed, 0 },
	{ "Interpreter", "Evaluations", COUNT, VT_M_interp_evals, 0 },
	{ NULL, "Function Calls", COUNT, VT_M_interp_calls, 0 },
	{ NULL, "Builtin Calls", COUNT, VT_M_interp_builtins, 0 },
	{ NULL, "Max Stack", COUNT, VT_M_interp_depth_max, 0 },
	{ NULL, "Closures", COUNT, VT_M_interp_closures, 0 },
	{ NULL, "Env Lookups", COUNT, VT_M_interp_lookups, 0 },
	{ "Event Loop", "Iterations", COUNT, VT_M_loop_iterations, 0 },
	{ NULL, "Events", COUNT, VT_M_loop_events, 0 },
	{ NULL, "Idle Time", TIME, VT_M_loop_idle_time, 0 },
};

/* 0, 999us, 1.5ms, 2.00s */
static void put_time(FILE *out, uint64_t ns)
{
	uint64_t us = ns / 1000;

	if (us == 0)
		fputs("0", out);
	else if (us < 1000)
		fprintf(out, "%uµs", (unsigned)us);
	else if (us < 1000000)
		fprintf(out, "%.1fms", (double)us / 1e3);
	else
		fprintf(out, "%.2fs", (double)us / 1e6);
}

static void put_value(FILE *out, const struct vt_metrics *m, const struct card *c)
{
	uint64_t value = m->values[c->metric], other = m->values[c->other];

	if (!m->present[c->metric] || ((c->form == MEAN || c->form == SHARE) && !m->present[c->other])) {
		fputs("-", out);
		return;
	}
	switch (c->form) {
	case COUNT: fprintf(out, "%llu", (unsigned long long)value); break;
	case BYTES: fprintf(out, "%.1f KiB", (double)value / 1024); break;
	case TIME: put_time(out, value); break;
	case MEAN: put_time(out, other ? value / other : 0); break;
	case SHARE: fprintf(out, "%.1f%%", other ? 100.0 * (double)value / (double)other : 0); break;
	}
}

static void page(struct connection *c)
{
	struct vt_metrics m;
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out) {
		respond(c, 500, "text/plain", "", 0);
		return;
	}
	vt_loop_update(c->tcp.loop);
	vt_metrics_read(&m);
	fputs("<!doctype html>\n<html lang=en><meta charset=utf-8><title>httpd</title>\n<h1>httpd</h1>\n", out);
	for (size_t i = 0; i < sizeof(cards) / sizeof(*cards); i++) {
		if (cards[i].section)
			fprintf(out, "%s<h2>%s</h2>\n<dl>\n", i ? "</dl>\n" : "", cards[i].section);
		fprintf(out, "<dt>%s<dd>", cards[i].label);
		put_value(out, &m, &cards[i]);
		fputs("\n", out);
	}
	fputs("</dl>\n</html>\n", out);
	fclose(out);
	respond(c, 200, "text/html; charset=utf-8", text, length);
	free(text);
}

/* ---- work ------------------------------------------------------------------------------------------- */

static unsigned waiting;

unsigned waiting_jobs(void)
{
	return waiting;
}

static void on_pool(uv_work_t *work)
{
	struct connection *c = work->data;
	struct timespec time = { c->ms / 1000, (long)(c->ms % 1000) * 1000000 };

	vt_loop_work_begin(&c->job);
	nanosleep(&time, NULL);
	vt_loop_work_end(&c->job);
}

static void on_worked(uv_work_t *work, int err)
{
	struct connection *c = work->data;

	(void)err;
	c->working = false;
	vt_http_queue(VT_HTTP_REQUESTS, --waiting);
	if (c->closing)
		finish_connection(c);
	else
		respond(c, 200, "text/plain", "done\n", 5);
}

/* /work?MS on the thread pool. */
static void work(struct connection *c, const char *ms)
{
	if (waiting >= MAX_JOBS) {
		respond(c, 503, "text/plain", "too much to do\n", 15);
		return;
	}
	c->ms = (unsigned)strtoul(ms, NULL, 10) % 10000;
	c->working = true;
	vt_http_queue(VT_HTTP_REQUESTS, ++waiting);
	vt_loop_work_queued(&c->job);
	uv_queue_work(c->tcp.loop, &c->work, on_pool, on_worked);
}

static void big(struct connection *c, const char *bytes)
{
	size_t length = strtoul(bytes, NULL, 10) % (64 << 20);
	char *text = malloc(length + 1);

	if (!text) {
		respond(c, 500, "text/plain", "", 0);
		return;
	}
	memset(text, 'x', length);
	respond(c, 200, "text/plain", text, length);
	free(text);
}

void route(struct connection *c, const char *path)
{
	if (strcmp(path, "/metrics") == 0)
		prometheus(c);
	else if (strcmp(path, "/debug/metrics") == 0)
		combined(c);
	else if (strcmp(path, "/debug/") == 0)
		page(c);
	else if (strncmp(path, "/work?", 6) == 0)
		work(c, path + 6);
	else if (strncmp(path, "/big?", 5) == 0)
		big(c, path + 5);
	else if (strncmp(path, "/fetch?", 7) == 0)
		fetch(c, path + 7);
	else if (strcmp(path, "/moved") == 0)
		respond(c, 301, "text/plain", "", 0);
	else if (strcmp(path, "/switch") == 0)
		respond(c, 101, "text/plain", "", 0);
	else if (strcmp(path, "/fail") == 0)
		respond(c, 500, "text/plain", "", 0);
	else if (strcmp(path, "/") == 0)
		respond(c, 200, "text/plain", "hello\n", 6);
	else
		respond(c, 404, "text/plain", "", 0);
}
