/*
 * loop.c - loop.h: a libuv loop watched from inside, by an unreferenced prepare handle.
 *
 * uv_metrics_info came with libuv 1.45. It is declared weak here with its layout of today, so that one
 * build serves both sides; it is not thread-safe and is called on the loop's thread only. Where it is
 * missing iterations are counted here and events are absent, not 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <valktrace.h>

#include "core/clock.h"
#include "core/process.h"

#if UV_VERSION_HEX < (1 << 16 | 45 << 8)
struct uv__metrics_info_1_45 { uint64_t loop_count, events, events_waiting, reserved[13]; };
#define uv_metrics_t struct uv__metrics_info_1_45
#endif
extern int uv_metrics_info(uv_loop_t *loop, uv_metrics_t *metrics) __attribute__((weak));

#define WINDOW_NS 1000000000u           /* the idle share is of at least this */
#define LAG_NS    10000000u             /* what loop.lag tells of */
#define UNKNOWN   UINT64_MAX

struct watch {
	struct watch *next;
	uv_loop_t *loop;
	uv_prepare_t *prepare;
	bool native, idle_time;
	uv_metrics_t last;
	uint64_t idle, at;              /* ns: as the last prepare found it, and when; at 0: not yet */
	uint64_t window_idle, window;   /* the same at the begin of the window */
	uint64_t handles, ratio;        /* under watches_lock; ratio in millionths or UNKNOWN */
	const struct vt_ring_file *declared;    /* where our metrics are declared */
};

/* Watched loops, by their own threads: the list is short, and touched once a second and loop. */
static struct watch *watches;
static pthread_mutex_t watches_lock = PTHREAD_MUTEX_INITIALIZER;

static void count_native(struct watch *w, bool iteration)
{
	uv_metrics_t m;

	memset(&m, 0, sizeof(m));
	if (uv_metrics_info(w->loop, &m) != 0)
		return;
	iteration |= m.loop_count != w->last.loop_count;
	vt_count(VT_M_loop_iterations, m.loop_count - w->last.loop_count);
	vt_count(VT_M_loop_events, m.events - w->last.events);
	vt_count(VT_M_loop_events_waiting, m.events_waiting - w->last.events_waiting);
	if (iteration)
		VT_EMIT(loop, iteration, .events = m.events - w->last.events);
	w->last = m;
}

/* What was not waited since the last prepare was spent in callbacks, or outside of uv_run. */
static void count_time(struct watch *w)
{
	uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(w->loop);
	uint64_t waited = idle - w->idle, passed = now - w->at;

	if (waited > 0) {
		vt_count(VT_M_loop_idle_time, waited);
		VT_EMIT(loop, idle, .time = waited);
	}
	if (w->at && passed > waited) {
		uint64_t busy = passed - waited;
		vt_count(VT_M_loop_busy_time, busy);
		vt_count_max(VT_M_loop_lag_max, busy);
		if (busy >= LAG_NS)
			VT_EMIT(loop, lag, .time = busy);
	}
	w->idle = idle;
	w->at = now;
}

/* ---- gauges: of all loops together ---------------------------------------------------------------- */

static void publish(void)
{
	uint64_t handles = 0, ratio = UNKNOWN, native = 0, prepare = 0;

	for (struct watch *w = watches; w; w = w->next) {
		handles += w->handles;
		ratio = w->ratio < ratio ? w->ratio : ratio;
		native += w->native;
		prepare += !w->native;
	}
	vt_gauge_set(VT_M_loop_handles, handles);
	if (ratio != UNKNOWN)
		vt_gauge_set(VT_M_loop_idle_ratio, ratio);
	if (native || vt_gauge(VT_M_loop_native))
		vt_gauge_set(VT_M_loop_native, native);
	if (prepare || vt_gauge(VT_M_loop_prepare))
		vt_gauge_set(VT_M_loop_prepare, prepare);
}

struct tally { const uv_handle_t *ours; uint64_t active; };

static void count_handle(uv_handle_t *handle, void *user)
{
	struct tally *t = user;
	t->active += handle != t->ours && uv_is_active(handle);
}

static void measure(struct watch *w, uint64_t now)
{
	struct tally t = { (const uv_handle_t *)w->prepare, 0 };
	uint64_t passed = now - w->window, waited = w->idle - w->window_idle;

	uv_walk(w->loop, count_handle, &t);
	pthread_mutex_lock(&watches_lock);
	w->handles = t.active;
	if (w->idle_time && w->window && passed >= WINDOW_NS)
		w->ratio = waited >= passed ? 1000000 : waited * 1000000 / passed;
	publish();
	pthread_mutex_unlock(&watches_lock);
	if (!w->window || passed >= WINDOW_NS) {
		w->window = now;
		w->window_idle = w->idle;
	}
}

/* Once for each ring file: a forked child has one of its own, and a loop may be watched before vt_start. */
static void declare_metrics(struct watch *w)
{
	vt_count(VT_M_loop_iterations, 0);      /* a forked child makes its ring file here */
	if (w->declared == vt_process.file || !vt_process_recording())
		return;
	w->declared = vt_process.file;
	vt_metric_declare(VT_M_loop_iterations);
	if (w->native) {
		vt_metric_declare(VT_M_loop_events);
		vt_metric_declare(VT_M_loop_events_waiting);
	}
	if (w->idle_time) {
		vt_metric_declare(VT_M_loop_idle_time);
		vt_metric_declare(VT_M_loop_busy_time);
		vt_metric_declare(VT_M_loop_lag_max);
	}
	vt_source_say(VT_SRC_loop, true, NULL);
}

static void on_prepare(uv_prepare_t *handle)
{
	struct watch *w = handle->data;

	declare_metrics(w);
	if (w->native) {
		count_native(w, true);
	} else {
		vt_count(VT_M_loop_iterations, 1);
		VT_EMIT(loop, iteration, .events = 0);
	}
	if (w->idle_time)
		count_time(w);
	uint64_t now = w->idle_time ? w->at : uv_hrtime();
	if (now - w->window >= WINDOW_NS)
		measure(w, now);
}

/* ---- the list --------------------------------------------------------------------------------------- */

static struct watch *new_watch(struct uv_loop_s *loop, unsigned flags)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	/* libuv says how large its handles are: the headers may be of another minor. */
	w->prepare = calloc(1, uv_handle_size(UV_PREPARE));
	if (!w->prepare) {
		free(w);
		return NULL;
	}
	w->loop = loop;
	w->native = uv_metrics_info != NULL;
	w->ratio = UNKNOWN;
	/* A refusal costs idle time only, which is then absent. */
	w->idle_time = (flags & VT_LOOP_IDLE_TIME) && uv_loop_configure(loop, UV_METRICS_IDLE_TIME) == 0;
	return w;
}

int vt_loop_watch_with(struct uv_loop_s *loop, const char *name, unsigned flags)
{
	struct watch *w = new_watch(loop, flags);

	if (!w)
		return -ENOMEM;
	int err = uv_prepare_init(loop, w->prepare);
	if (!err)
		err = uv_prepare_start(w->prepare, on_prepare);
	if (err) {
		free(w->prepare);
		free(w);
		return err;
	}
	w->prepare->data = w;
	uv_unref((uv_handle_t *)w->prepare);
	declare_metrics(w);
	vt_fact("loop", name ? name : "main", VT_FIELD_PUBLIC);
	pthread_mutex_lock(&watches_lock);
	w->next = watches;
	watches = w;
	publish();
	pthread_mutex_unlock(&watches_lock);
	return 0;
}

/* Iterations that a prepare handle counts are known already. */
static void update(struct watch *w)
{
	if (w->native)
		count_native(w, false);
	if (w->idle_time)
		count_time(w);
	measure(w, w->idle_time ? w->at : uv_hrtime());
}

/* The loop's own thread is the only one that may remove it: it stays while we use it. */
static struct watch **find(const struct uv_loop_s *loop)
{
	struct watch **at = &watches;

	while (*at && (*at)->loop != loop)
		at = &(*at)->next;
	return at;
}

void vt_loop_update(struct uv_loop_s *loop)
{
	pthread_mutex_lock(&watches_lock);
	struct watch *w = *find(loop);
	pthread_mutex_unlock(&watches_lock);
	if (w)
		update(w);
}

static void on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	free(w->prepare);
	free(w);
}

void vt_loop_unwatch(struct uv_loop_s *loop)
{
	vt_loop_update(loop);
	pthread_mutex_lock(&watches_lock);
	struct watch **at = find(loop), *w = *at;
	if (w) {
		*at = w->next;
		publish();
	}
	pthread_mutex_unlock(&watches_lock);
	if (w)
		uv_close((uv_handle_t *)w->prepare, on_closed);
}

/* ---- jobs ------------------------------------------------------------------------------------------- */

void vt_loop_work_queued(struct vt_loop_work *w)
{
	w->vt__queued = vt_ticks();
	w->vt__begun = 0;
	vt_count(VT_M_loop_work_queued, 1);
}

void vt_loop_work_begin(struct vt_loop_work *w)
{
	w->vt__begun = vt_ticks();
	if (!w->vt__queued)
		return;
	uint64_t waited = vt_ticks_to_ns(w->vt__begun - w->vt__queued);
	vt_count(VT_M_loop_work_queue_time, waited);
	vt_count_max(VT_M_loop_work_queue_max, waited);
}

void vt_loop_work_end(struct vt_loop_work *w)
{
	if (!w->vt__begun)
		return;
	uint64_t time = vt_ticks_to_ns(vt_ticks() - w->vt__begun);
	uint64_t queued = w->vt__queued ? vt_ticks_to_ns(w->vt__begun - w->vt__queued) : 0;
	w->vt__begun = w->vt__queued = 0;
	vt_count(VT_M_loop_work, 1);
	vt_count(VT_M_loop_work_time, time);
	VT_EMIT(loop, work, .time = time, .queued = queued);
}

void vt_loop_work_cancelled(struct vt_loop_work *w)
{
	if (!w->vt__queued)
		return;
	w->vt__queued = 0;
	vt_count(VT_M_loop_work_cancelled, 1);
}
