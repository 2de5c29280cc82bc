/*
 * loop_cases.c - see loop_cases.h. Loops and handles are as large as the libuv that is there says, which
 * may be of another minor than the headers.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <valktrace.h>

#include "tests/hosts/loop_cases.h"

/* The first three of its 16 words. */
#if UV_VERSION_HEX < (1 << 16 | 45 << 8)
extern int uv_metrics_info(uv_loop_t *loop, void *words) __attribute__((weak));
#else
extern int uv_metrics_info(uv_loop_t *loop, uv_metrics_t *metrics) __attribute__((weak));
#endif

enum { MANY = 5 };

struct test {
	uv_loop_t *loop;
	uv_handle_t *handles[MANY];
	struct { uv_work_t work; struct vt_loop_work job; } jobs[MANY];
	int pipes[MANY][2];
	unsigned called;
};

static void pause_ms(unsigned ms)
{
	struct timespec time = { 0, (long)ms * 1000000 };
	nanosleep(&time, NULL);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static uv_handle_t *new_handle(struct test *t, unsigned i, uv_handle_type type)
{
	t->handles[i] = calloc(1, uv_handle_size(type));
	if (!t->handles[i])
		abort();
	t->handles[i]->data = t;
	return t->handles[i];
}

/* ---- cases ------------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
	((struct test *)timer->data)->called++;
}

static void add_timers(struct test *t, unsigned count, uint64_t ms, uv_timer_cb call)
{
	for (unsigned i = 0; i < count; i++) {
		uv_timer_t *timer = (uv_timer_t *)new_handle(t, i, UV_TIMER);
		uv_timer_init(t->loop, timer);
		uv_timer_start(timer, call, ms + i, 0);
	}
}

static void empty(struct test *t) { uv_run(t->loop, UV_RUN_NOWAIT); }

static void active(struct test *t)
{
	add_timers(t, 3, 3600000, on_timer);
	uv_run(t->loop, UV_RUN_NOWAIT);
}

static void timers(struct test *t)
{
	add_timers(t, MANY, 5, on_timer);
	uv_run(t->loop, UV_RUN_DEFAULT);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	((struct test *)poll->data)->called++;
	uv_close((uv_handle_t *)poll, NULL);
}

static void polls(struct test *t)
{
	for (unsigned i = 0; i < MANY; i++) {
		uv_poll_t *poll = (uv_poll_t *)new_handle(t, i, UV_POLL);
		if (pipe(t->pipes[i]) != 0 || write(t->pipes[i][1], "x", 1) != 1)
			abort();
		uv_poll_init(t->loop, poll, t->pipes[i][0]);
		uv_poll_start(poll, UV_READABLE, on_poll);
	}
	uv_run(t->loop, UV_RUN_DEFAULT);
}

static void run_job(uv_work_t *work)
{
	struct vt_loop_work *job = work->data;

	vt_loop_work_begin(job);
	pause_ms(2);
	vt_loop_work_end(job);
}

static void on_job(uv_work_t *work, int status)
{
	if (status == UV_ECANCELED)
		vt_loop_work_cancelled(work->data);
}

static void queue_jobs(struct test *t)
{
	for (unsigned i = 0; i < MANY; i++) {
		t->jobs[i].work.data = &t->jobs[i].job;
		vt_loop_work_queued(&t->jobs[i].job);
		uv_queue_work(t->loop, &t->jobs[i].work, run_job, on_job);
	}
}

static void work(struct test *t)
{
	queue_jobs(t);
	uv_run(t->loop, UV_RUN_DEFAULT);
}

/* What no thread of the pool has taken yet can be cancelled: at least one, as there are four. */
static void cancelled(struct test *t)
{
	queue_jobs(t);
	t->called = uv_cancel((uv_req_t *)&t->jobs[MANY - 1].work) == 0;
	uv_run(t->loop, UV_RUN_DEFAULT);
}

static void sleep_in_timer(uv_timer_t *timer)
{
	(void)timer;
	pause_ms(30);
}

static void blocked(struct test *t)
{
	add_timers(t, 1, 5, sleep_in_timer);
	uv_run(t->loop, UV_RUN_DEFAULT);
}

/* Longer than the window of the idle share, most of it waiting. */
static void long_wait(struct test *t)
{
	add_timers(t, 2, 1050, on_timer);
	uv_run(t->loop, UV_RUN_DEFAULT);
}

static const struct { const char *name; void (*run)(struct test *t); } cases[] = {
	{ "empty", empty }, { "active", active }, { "timers", timers }, { "polls", polls },
	{ "work", work }, { "cancelled", cancelled }, { "blocked", blocked }, { "long_wait", long_wait },
};

/* ---- what they have counted ------------------------------------------------------------------------- */

static const struct { const char *name; unsigned metric; bool total; uint64_t unit; } shown[] = {
	{ "iterations", VT_M_loop_iterations, true, 1 }, { "events", VT_M_loop_events, true, 1 },
	{ "waiting", VT_M_loop_events_waiting, true, 1 }, { "idle_us", VT_M_loop_idle_time, true, 1000 },
	{ "busy_us", VT_M_loop_busy_time, true, 1000 }, { "lag_us", VT_M_loop_lag_max, false, 1000 },
	{ "share_ppm", VT_M_loop_idle_ratio, false, 1 }, { "handles", VT_M_loop_handles, false, 1 },
	{ "native", VT_M_loop_native, false, 1 }, { "prepare", VT_M_loop_prepare, false, 1 },
	{ "queued", VT_M_loop_work_queued, true, 1 }, { "jobs", VT_M_loop_work, true, 1 },
	{ "cancelled", VT_M_loop_work_cancelled, true, 1 }, { "job_us", VT_M_loop_work_time, true, 1000 },
};

static void show(FILE *out, const struct test *t, const struct vt_metrics *before)
{
	struct vt_metrics now;
	uint64_t own[64] = { 0 };

	vt_metrics_read(&now);
	fprintf(out, " called=%u", t->called);
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		unsigned m = shown[i].metric;
		uint64_t value = now.values[m] - (shown[i].total ? before->values[m] : 0);
		if (now.present[m])
			fprintf(out, " %s=%llu", shown[i].name, (unsigned long long)(value / shown[i].unit));
		else
			fprintf(out, " %s=-", shown[i].name);
	}
	if (uv_metrics_info && uv_metrics_info(t->loop, (void *)own) == 0)
		fprintf(out, " uv=%llu/%llu/%llu", (unsigned long long)own[0], (unsigned long long)own[1],
		        (unsigned long long)own[2]);
	else
		fputs(" uv=-", out);
}

static void run_case(FILE *out, unsigned i)
{
	struct test t = { .loop = calloc(1, uv_loop_size()) };
	struct vt_metrics before;

	if (!t.loop || uv_loop_init(t.loop) != 0)
		abort();
	fprintf(out, "%s", cases[i].name);
	vt_metrics_read(&before);
	vt_loop_watch_with(t.loop, cases[i].name, VT_LOOP_IDLE_TIME);
	cases[i].run(&t);
	vt_loop_update(t.loop);
	show(out, &t, &before);
	vt_loop_unwatch(t.loop);
	uv_walk(t.loop, close_handle, NULL);
	uv_run(t.loop, UV_RUN_DEFAULT);
	fprintf(out, " close=%d\n", uv_loop_close(t.loop));
	for (unsigned k = 0; k < MANY; k++) {
		free(t.handles[k]);
		if (t.pipes[k][0]) {
			close(t.pipes[k][0]);
			close(t.pipes[k][1]);
		}
	}
	free(t.loop);
}

void loop_cases(FILE *out)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		run_case(out, i);
}
