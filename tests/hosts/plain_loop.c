/*
 * plain_loop.c - a program with a libuv loop that knows nothing of valktrace: timers, a pipe, jobs. Prints
 * what it has seen itself: `iterations reads jobs close`. With an argument it measures idle time, which
 * makes libuv poll twice an iteration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { TICKS = 50, JOBS = 5 };

static unsigned iterations, reads, done, ticks;
static int ends[2];

static void on_prepare(uv_prepare_t *handle)
{
	(void)handle;
	iterations++;
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	static char bytes[64];

	(void)handle;
	(void)suggested;
	*buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void on_data(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	(void)buffer;
	if (n > 0)
		reads++;
	else
		uv_close((uv_handle_t *)stream, NULL);
}

static void on_tick(uv_timer_t *timer)
{
	if (write(ends[1], "x", 1) != 1)
		abort();
	if (++ticks == TICKS) {
		uv_close((uv_handle_t *)timer, NULL);
		close(ends[1]);
	}
}

static void job(uv_work_t *work)
{
	(void)work;
}

static void on_job(uv_work_t *work, int status)
{
	(void)work;
	done += status == 0;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_prepare_t prepare;
	uv_timer_t timer;
	uv_pipe_t reader;
	uv_work_t jobs[JOBS];

	(void)argv;
	if ((argc > 1 && uv_loop_configure(loop, UV_METRICS_IDLE_TIME) != 0) || pipe(ends) != 0)
		return 1;
	uv_pipe_init(loop, &reader, 0);
	uv_pipe_open(&reader, ends[0]);
	uv_read_start((uv_stream_t *)&reader, give_buffer, on_data);
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_tick, 2, 2);
	uv_prepare_init(loop, &prepare);
	uv_prepare_start(&prepare, on_prepare);
	uv_unref((uv_handle_t *)&prepare);
	for (int i = 0; i < JOBS; i++)
		uv_queue_work(loop, &jobs[i], job, on_job);
	uv_run(loop, UV_RUN_DEFAULT);
	unsigned seen = iterations;
	uv_close((uv_handle_t *)&prepare, NULL);
	uv_run(loop, UV_RUN_DEFAULT);           /* one more, which closes it */
	int err = uv_loop_close(loop);
	printf("%u %u %u %d\n", seen + 1, reads, done, err);
	return err != 0;
}
