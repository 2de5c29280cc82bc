/*
 * lisp_loop.c - timers, pipes and thread-pool work on a real libuv loop.
 *
 * Each open thing is a task, which keeps its callback alive for the collector. What runs between
 * two polls is one tick of this small scheduler.
 */
#include <stdlib.h>
#include <string.h>

#include <valktrace.h>

#include "tests/hosts/lisp.h"

struct task {
	struct task *next;
	struct vm *vm;
	value callback;
	int64_t id;
	unsigned open;                  /* handles that are not closed yet */
	uv_timer_t timer;
	uv_pipe_t reader, writer;
	uv_work_t work;
	struct vt_loop_work job;
	int64_t below, primes;          /* the work: primes below a number */
	size_t length;
	char buffer[4096];              /* read from the pipe */
};

static void task_free(struct task *t)
{
	struct task **at = &t->vm->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t);
}

static void on_closed(uv_handle_t *handle)
{
	struct task *t = handle->data;

	if (t && --t->open == 0)
		task_free(t);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static struct task *new_task(struct vm *vm, value callback)
{
	static int64_t last_id;
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		fail(vm, "out of memory");
	t->vm = vm;
	t->callback = callback;
	t->id = ++last_id;
	t->timer.data = t->reader.data = t->writer.data = t->work.data = t;
	t->next = vm->tasks;
	vm->tasks = t;
	return t;
}

void loop_mark(struct vm *vm)
{
	for (struct task *t = vm->tasks; t; t = t->next)
		mark(vm, t->callback);
}

bool run_turn(struct vm *vm, value (*call)(struct vm *vm, void *user), void *user)
{
	uint64_t begun = uv_hrtime();
	value result;
	bool good = protect(vm, call, user, &result);

	if (vm->exiting) {
		uv_stop(&vm->loop);
	} else if (!good) {
		fprintf(stderr, "lisp: %s\n", vm->message);
		vm->status = 1;
	}
	vm->busy += uv_hrtime() - begun;
	return good;
}

/* ---- timers ------------------------------------------------------------------------ */

static value call_alone(struct vm *vm, void *task)
{
	return apply(vm, ((struct task *)task)->callback, vm->nil);
}

static value call_with(struct vm *vm, const struct task *t, value argument)
{
	return apply(vm, t->callback, keep(vm, cons(vm, argument, vm->nil)));
}

static void on_timer(uv_timer_t *timer)
{
	struct task *t = timer->data;

	vt_timer_fired();
	if (uv_timer_get_repeat(timer) == 0)
		close_handle((uv_handle_t *)timer);
	run_turn(t->vm, call_alone, t);
}

static value start_timer(struct vm *vm, value args, bool again)
{
	int64_t ms = to_integer(vm, first(args));

	if (ms < again)
		fail(vm, "a timer of %lld ms", (long long)ms);
	struct task *t = new_task(vm, second(args));
	uv_timer_init(&vm->loop, &t->timer);
	t->open = 1;
	uv_update_time(&vm->loop);
	uv_timer_start(&t->timer, on_timer, (uint64_t)ms, again ? (uint64_t)ms : 0);
	return new_integer(vm, t->id);
}

static value b_after(struct vm *vm, value args) { return start_timer(vm, args, false); }
static value b_every(struct vm *vm, value args) { return start_timer(vm, args, true); }

static struct task *find_task(struct vm *vm, value id)
{
	int64_t n = to_integer(vm, id);

	for (struct task *t = vm->tasks; t; t = t->next)
		if (t->id == n)
			return t;
	fail(vm, "there is no task %lld", (long long)n);
}

/* (cancel id): of a timer. */
static value b_cancel(struct vm *vm, value args)
{
	struct task *t = find_task(vm, first(args));

	if (t->timer.type != UV_TIMER)
		fail(vm, "cancel: not a timer");
	close_handle((uv_handle_t *)&t->timer);
	return vm->nil;
}

/* ---- pipes: real events of the poller ---------------------------------------------- */

/* The bytes become a string inside the turn: making it may fail as any allocation. */
static value call_with_bytes(struct vm *vm, void *task)
{
	struct task *t = task;
	return call_with(vm, t, new_string(vm, t->buffer, t->length));
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct task *t = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(t->buffer, sizeof(t->buffer));
}

static void on_data(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct task *t = stream->data;

	(void)buffer;
	if (n > 0) {
		vt_bytes_read((uint64_t)n);
		t->length = (size_t)n;
		run_turn(t->vm, call_with_bytes, t);
	} else if (n < 0) {
		close_handle((uv_handle_t *)&t->reader);
		close_handle((uv_handle_t *)&t->writer);
	}
}

/* (pipe on-data): returns what pipe-write and pipe-close want. */
static value b_pipe(struct vm *vm, value args)
{
	uv_file ends[2];
	int err = uv_pipe(ends, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);

	if (err)
		fail(vm, "pipe: %s", uv_strerror(err));
	struct task *t = new_task(vm, first(args));
	uv_pipe_init(&vm->loop, &t->reader, 0);
	uv_pipe_init(&vm->loop, &t->writer, 0);
	t->open = 2;
	uv_pipe_open(&t->reader, ends[0]);
	uv_pipe_open(&t->writer, ends[1]);
	uv_read_start((uv_stream_t *)&t->reader, give_buffer, on_data);
	return new_integer(vm, t->id);
}

static uv_stream_t *writer_of(struct vm *vm, value id)
{
	struct task *t = find_task(vm, id);

	if (t->writer.type != UV_NAMED_PIPE || uv_is_closing((uv_handle_t *)&t->writer))
		fail(vm, "not an open pipe");
	return (uv_stream_t *)&t->writer;
}

static value b_pipe_write(struct vm *vm, value args)
{
	uv_stream_t *to = writer_of(vm, first(args));

	to_text(vm, second(args));
	value text = second(args);
	uv_buf_t bytes = uv_buf_init(text->string.text, (unsigned)text->string.length);
	int n = uv_try_write(to, &bytes, 1);
	if (n < 0)
		fail(vm, "pipe-write: %s", uv_strerror(n));
	vt_bytes_written((uint64_t)n);
	return new_integer(vm, n);
}

static value b_pipe_close(struct vm *vm, value args)
{
	close_handle((uv_handle_t *)writer_of(vm, first(args)));
	return vm->nil;
}

/* ---- thread-pool work -------------------------------------------------------------- */

/* Runs on a thread of libuv's pool, which so gets a ring of its own. */
static void find_primes(uv_work_t *work)
{
	struct task *t = work->data;
	char detail[64];

	vt_loop_work_begin(&t->job);
	vt_thread_name("lisp worker");
	for (int64_t n = 2; n < t->below; n++) {
		int64_t d = 2;
		while (d * d <= n && n % d != 0)
			d++;
		t->primes += d * d > n;
	}
	snprintf(detail, sizeof(detail), "%lld primes below %lld", (long long)t->primes,
	         (long long)t->below);
	vt_note(vt_string("primes"), detail);
	vt_loop_work_end(&t->job);
}

static value call_with_primes(struct vm *vm, void *task)
{
	struct task *t = task;
	return call_with(vm, t, new_integer(vm, t->primes));
}

static void on_primes(uv_work_t *work, int status)
{
	struct task *t = work->data;

	if (status == UV_ECANCELED)
		vt_loop_work_cancelled(&t->job);
	if (status == 0 && !t->vm->exiting)
		run_turn(t->vm, call_with_primes, t);
	task_free(t);
}

/* (work n thunk): counts the primes below n, beside the program. */
static value b_work(struct vm *vm, value args)
{
	int64_t below = to_integer(vm, first(args));
	struct task *t = new_task(vm, second(args));

	t->below = below;
	vt_loop_work_queued(&t->job);
	uv_queue_work(&vm->loop, &t->work, find_primes, on_primes);
	return new_integer(vm, t->id);
}

/* ---- the loop ---------------------------------------------------------------------- */

static void on_tick(uv_prepare_t *handle)
{
	struct vm *vm = handle->loop->data;

	vt_tick(vm->busy);
	vm->busy = 0;
	vt_gc_heap(vm->used, vm->limit);
}

static value b_exit(struct vm *vm, value args)
{
	vm->status = is_pair(args) ? (int)to_integer(vm, first(args)) : 0;
	vm->exiting = true;
	fail(vm, "exit");
}

static const struct builtin builtins[] = {
	{ "after", b_after, 2, 2 }, { "every", b_every, 2, 2 }, { "cancel", b_cancel, 1, 1 },
	{ "pipe", b_pipe, 1, 1 }, { "pipe-write", b_pipe_write, 2, 2 },
	{ "pipe-close", b_pipe_close, 1, 1 }, { "work", b_work, 2, 2 }, { "exit", b_exit, 0, 1 },
	{ NULL, NULL, 0, 0 },
};

void loop_init(struct vm *vm)
{
	uv_loop_init(&vm->loop);
	vm->loop.data = vm;
	vt_loop_watch_with(&vm->loop, "main", VT_LOOP_IDLE_TIME);
	uv_prepare_init(&vm->loop, &vm->tick);
	uv_prepare_start(&vm->tick, on_tick);
	uv_unref((uv_handle_t *)&vm->tick);
	define_builtins(vm, builtins);
}

static void close_any(uv_handle_t *handle, void *unused)
{
	(void)unused;
	close_handle(handle);
}

void loop_close(struct vm *vm)
{
	vm->exiting = true;
	for (struct task *t = vm->tasks; t; t = t->next)
		if (t->work.type == UV_WORK)
			uv_cancel((uv_req_t *)&t->work);
	vt_loop_unwatch(&vm->loop);
	uv_walk(&vm->loop, close_any, NULL);
	uv_run(&vm->loop, UV_RUN_DEFAULT);
	uv_loop_close(&vm->loop);
}
