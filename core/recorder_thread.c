/* recorder_thread.c - see recorder_thread.h. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/process.h"
#include "core/recorder.h"
#include "core/recorder_thread.h"
#include "core/sample.h"

static struct {
	uv_loop_t *loop;                /* of uv_loop_size bytes */
	uv_async_t *command;            /* of uv_handle_size bytes */
	pthread_t thread;
	sem_t answered;
	enum { COMMAND_FLUSH, COMMAND_STOP } asked;
	int answer;
	enum vt_ending ending;
	uint32_t status;
	struct vt_recorder recorder;
	struct vt_recorder_user user;
	uint64_t lost;                  /* as told to the user */
} own;

bool vt_recorder_thread_possible(char *why, size_t size)
{
	unsigned version = uv_version();

	if (version >> 8 == UV_VERSION_HEX >> 8)
		return true;
	snprintf(why, size, "libuv %u.%u in this process, not %d.%d", version >> 16,
	         version >> 8 & 255, UV_VERSION_MAJOR, UV_VERSION_MINOR);
	return false;
}

/* ---- on the thread ----------------------------------------------------------------------------------- */

static void on_command(uv_async_t *handle)
{
	if (own.asked == COMMAND_FLUSH) {
		own.answer = vt_recorder_flush(&own.recorder);
		sem_post(&own.answered);
	} else {
		own.answer = vt_recorder_finish(&own.recorder, 0, own.ending, own.status);
		int err = vt_recorder_close(&own.recorder, own.ending);
		own.answer = own.answer ? own.answer : err;
		uv_close((uv_handle_t *)handle, NULL);
	}
}

static void *run_loop(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "valktrace");
	uv_run(own.loop, UV_RUN_DEFAULT);
	return NULL;
}

static void on_problem(void *unused, int error)
{
	(void)unused;
	fprintf(stderr, "valktrace: %s: %s; recording goes on in the ring\n", own.recorder.log.path,
	        vt_strerror(error));
}

static void on_flushed(void *unused)
{
	struct vt_ring_view view;
	struct vt_counter_sample s;
	uint64_t lost = 0;

	(void)unused;
	if (!own.user.on_loss)
		return;
	vt_ring_view_borrow(&view, vt_process.file);
	vt_sample(&view, &s);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		lost += s.lost[c];
	uint64_t more = lost > own.lost ? lost - own.lost : 0;
	own.lost = lost;
	if (more > 0)
		own.user.on_loss(own.user.user, more);
}

/* ---- start and stop ------------------------------------------------------------------------------------ */

/* Signals are the host's; and a write past a limit (SIGXFSZ) must not kill it. */
static int start_thread(void)
{
	sigset_t all, before;

	if (sem_init(&own.answered, 0, 0) < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = -pthread_create(&own.thread, NULL, run_loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		sem_destroy(&own.answered);
	return err;
}

static int follow_process(void)
{
	struct vt_ring_view view;

	vt_ring_view_borrow(&view, vt_process.file);
	vt_ring_view_locate(&view);
	int64_t index = vt_recorder_add(&own.recorder, &view, vt_process.place.image);
	return index < 0 ? (int)index : 0;
}

/* The loop has run dry or never ran: what is closing closes, then it is gone. */
static void free_loop(void)
{
	uv_run(own.loop, UV_RUN_DEFAULT);
	uv_loop_close(own.loop);
	free(own.loop);
	free(own.command);
	own.loop = NULL;
	own.command = NULL;
}

static int open_on_loop(const struct vt_settings *s, const char *path, uint64_t run)
{
	int err = vt_recorder_open(&own.recorder, own.loop, s, path, true, run, vt_process.bell);
	if (err)
		return err;
	own.recorder.problem = on_problem;
	own.recorder.flushed = on_flushed;
	err = follow_process();
	if (!err)
		err = uv_async_init(own.loop, own.command, on_command);
	if (!err) {
		err = start_thread();
		if (err)
			uv_close((uv_handle_t *)own.command, NULL);
	}
	if (err) {
		vt_recorder_close(&own.recorder, VT_END_STOPPED);
		unlink(path);
	}
	return err;
}

int vt_recorder_thread_start(const struct vt_settings *s, const char *path, uint64_t run,
                             const struct vt_recorder_user *user)
{
	own.user = *user;
	own.lost = 0;
	own.loop = calloc(1, uv_loop_size());
	own.command = calloc(1, uv_handle_size(UV_ASYNC));
	int err = own.loop && own.command ? uv_loop_init(own.loop) : -ENOMEM;
	if (err) {
		free(own.loop);
		free(own.command);
		return err;
	}
	err = open_on_loop(s, path, run);
	if (err)
		free_loop();
	return err;
}

int vt_recorder_thread_flush(void)
{
	own.asked = COMMAND_FLUSH;
	uv_async_send(own.command);
	while (sem_wait(&own.answered) < 0 && errno == EINTR)
		;
	return own.answer;
}

int vt_recorder_thread_stop(enum vt_ending ending, uint32_t status)
{
	own.ending = ending;
	own.status = status;
	own.asked = COMMAND_STOP;
	uv_async_send(own.command);
	pthread_join(own.thread, NULL);
	sem_destroy(&own.answered);
	free_loop();
	return own.answer;
}
