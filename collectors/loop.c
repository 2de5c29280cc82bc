/*
 * loop.c - loop.h: a libuv loop watched from inside, by unreferenced prepare and check handles.
 *
 * uv_metrics_info came with libuv 1.45. It is declared weak here with its layout of today, so that one
 * build serves both sides; it is not thread-safe and is called on the loop's thread, in the prepare
 * callback. Where it is missing iterations are counted here and events are absent, not 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <valktrace.h>

#include "core/process.h"

#if UV_VERSION_HEX < (1 << 16 | 45 << 8)
struct uv__metrics_info_1_45 { uint64_t loop_count, events, events_waiting, reserved[13]; };
#define uv_metrics_t struct uv__metrics_info_1_45
#endif
extern int uv_metrics_info(uv_loop_t *loop, uv_metrics_t *metrics) __attribute__((weak));

struct watch {
	struct watch *next;
	uv_loop_t *loop;
	uv_prepare_t *prepare;
	bool native, idle_time;
	uv_metrics_t last;
	uint64_t last_idle;             /* ns */
};

/* Watched loops, by their own threads: the list is short and only touched when one is added. */
static struct watch *watches;
static pthread_mutex_t watches_lock = PTHREAD_MUTEX_INITIALIZER;

static void count_native(struct watch *w)
{
	uv_metrics_t m;

	memset(&m, 0, sizeof(m));
	if (uv_metrics_info(w->loop, &m) != 0)
		return;
	vt_count(VT_M_loop_iterations, m.loop_count - w->last.loop_count);
	vt_count(VT_M_loop_events, m.events - w->last.events);
	vt_count(VT_M_loop_events_waiting, m.events_waiting - w->last.events_waiting);
	VT_EMIT(loop, iteration, .events = m.events - w->last.events);
	w->last = m;
}

static void on_prepare(uv_prepare_t *handle)
{
	struct watch *w = handle->data;

	if (w->native) {
		count_native(w);
	} else {
		vt_count(VT_M_loop_iterations, 1);
		VT_EMIT(loop, iteration, .events = 0);
	}
	if (w->idle_time) {
		uint64_t idle = uv_metrics_idle_time(w->loop);
		if (idle > w->last_idle) {
			vt_count(VT_M_loop_idle_time, idle - w->last_idle);
			VT_EMIT(loop, idle, .time = idle - w->last_idle);
		}
		w->last_idle = idle;
	}
}

static void declare_metrics(const struct watch *w)
{
	vt_metric_declare(VT_M_loop_iterations);
	if (w->native) {
		vt_metric_declare(VT_M_loop_events);
		vt_metric_declare(VT_M_loop_events_waiting);
	}
	if (w->idle_time)
		vt_metric_declare(VT_M_loop_idle_time);
	vt_source_say(VT_SRC_loop, true, NULL);
}

int vt_loop_watch_with(struct uv_loop_s *loop, const char *name, unsigned flags)
{
	/* libuv says how large its handles are: the headers may be of another minor. */
	struct watch *w = calloc(1, sizeof(*w));
	if (w)
		w->prepare = calloc(1, uv_handle_size(UV_PREPARE));
	if (!w || !w->prepare) {
		free(w);
		return -ENOMEM;
	}
	w->loop = loop;
	w->native = uv_metrics_info != NULL;
	/* A refusal costs idle time only, which is then absent. */
	w->idle_time = (flags & VT_LOOP_IDLE_TIME) && uv_loop_configure(loop, UV_METRICS_IDLE_TIME) == 0;
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
	pthread_mutex_unlock(&watches_lock);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	free(w->prepare);
	free(w);
}

void vt_loop_unwatch(struct uv_loop_s *loop)
{
	pthread_mutex_lock(&watches_lock);
	for (struct watch **at = &watches; *at; at = &(*at)->next) {
		struct watch *w = *at;
		if (w->loop != loop)
			continue;
		*at = w->next;
		on_prepare(w->prepare);         /* what happened since the last prepare */
		uv_close((uv_handle_t *)w->prepare, on_closed);
		break;
	}
	pthread_mutex_unlock(&watches_lock);
}
