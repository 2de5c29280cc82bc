/* recorder.c - the loop: bell, flush timer, counters timer, rounds over all processes. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/collecting.h"
#include "core/recorder.h"

/* ---- the waiter -------------------------------------------------------------------------------- */

static void *wait_for_bell(void *arg)
{
	struct vt_recorder *r = arg;

	for (;;) {
		while (sem_wait(&r->armed) < 0)
			;
		/* Spurious wake-ups and signals: the bell is rung when the word is no longer 1. */
		while (!__atomic_load_n(&r->stopping, __ATOMIC_ACQUIRE) && vt_load_acquire(r->bell) == 1)
			syscall(SYS_futex, r->bell, FUTEX_WAIT, 1, NULL, NULL, 0);
		if (__atomic_load_n(&r->stopping, __ATOMIC_ACQUIRE))
			return NULL;
		uv_async_send(r->rung);
	}
}

static bool busy(const struct vt_recorder *r)
{
	for (unsigned i = 0; i < r->process_count; i++)
		if (vt_follow_busy(r->processes[i]))
			return true;
	return false;
}

/* Lets producers ring. False: there is work already, so none of them may. */
static bool arm(struct vt_recorder *r)
{
	vt_store_relaxed(r->bell, 1);
	/* With the producer's fence between its commit and its look at the bell: one sees the other. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!busy(r))
		return true;
	vt_store_relaxed(r->bell, 0);
	return false;
}

/* ---- what `info` tells of the recorder: facts of the run's first process ------------------------- */

static int write_fact(struct vt_recorder *r, const char *key, const char *value)
{
	struct vt_out payload = { 0 };

	if (r->next_process == 0)
		return 0;
	vt_rec_fact_encode(&payload, &(struct vt_rec_fact){
		.index = 0, .class_flag = VT_FIELD_PUBLIC,
		.key = { key, strlen(key) }, .value = { value, strlen(value) },
	});
	int err = vt_log_records(&r->log, VT_CHUNK_PROCESS, 0, &payload);
	vt_out_free(&payload);
	return err;
}

/* A counter record with no counter, but with the reason why there is none. */
static int write_reason(struct vt_recorder *r, const struct vt_untraced *u)
{
	struct vt_counter_sample s = {
		.sequence = 1, .ticks = u->end.ticks, .monotonic = u->end.monotonic,
		.realtime = u->end.realtime, .flags = VT_COUNTERS_FINAL,
	};
	struct vt_out payload = { 0 };

	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		if (!vt_schema_builtin()->sources[i].name)
			continue;
		s.sources_known |= 1u << i;
		s.reasons[i] = (struct vt_span){ u->reason, strlen(u->reason) };
	}
	vt_rec_counters_encode(&payload, &s);
	int err = vt_log_records(&r->log, VT_CHUNK_COUNTERS, 0, &payload);
	vt_out_free(&payload);
	return err;
}

int vt_recorder_untraced(struct vt_recorder *r, const struct vt_untraced *u)
{
	struct vt_out payload = { 0 };

	vt_rec_process_encode(&payload, &(struct vt_rec_process){
		.index = 0, .parent = VT_NO_PROCESS, .pid = u->pid, .ending = (uint32_t)u->ending,
		.status = u->status, .start = u->start, .end = u->end.ticks,
		.program = { u->program, strlen(u->program) },
	});
	int err = vt_log_records(&r->log, VT_CHUNK_PROCESS, 0, &payload);
	vt_out_free(&payload);
	if (err)
		return err;
	r->next_process = 1;
	err = write_fact(r, "untraced", u->reason);
	if (!err)
		err = write_fact(r, "try", u->advice);
	if (!err)
		err = write_fact(r, "recorder", r->options);
	return err ? err : write_reason(r, u);
}

static void take_fullness(struct vt_recorder *r, const struct vt_followed *p)
{
	unsigned rings = r->fullest.rings + p->fullest.rings;
	if (p->fullest.bytes >= r->fullest.bytes && p->fullest.rings > 0)
		r->fullest = p->fullest;
	r->fullest.rings = rings;
}

/* The smallest power of two that would have held the fullest ring twice, if it is less than there was. */
static void describe_rings(const struct vt_recorder *r, char *to, size_t size)
{
	const struct vt_fullest *f = &r->fullest;
	uint64_t enough = 32 << 10;

	while (enough < 2 * f->bytes)
		enough *= 2;
	int n = snprintf(to, size, "%u x %llu KiB, fullest %llu %% (%s/%u)", f->rings,
	                 (unsigned long long)(f->size >> 10), (unsigned long long)(f->bytes * 100 / f->size),
	                 f->name, f->tid);
	if (n > 0 && (size_t)n < size && enough < f->size)
		snprintf(to + n, size - (size_t)n, ": --ring-size %lluK would do", (unsigned long long)(enough >> 10));
}

/* CPU time of the recorder's thread; in `record` that is all of its process. */
static void describe_cost(const struct vt_recorder *r, char *to, size_t size)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	uint64_t cpu = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	uint64_t wall = (vt_anchor_now().monotonic - r->started_ns) / 1000 + 1;

	snprintf(to, size, "recorder %llu.%llu ms CPU (%llu.%llu %% of a core), %llu wake-ups",
	         (unsigned long long)(cpu / 1000), (unsigned long long)(cpu / 100 % 10),
	         (unsigned long long)(cpu * 100 / wall), (unsigned long long)(cpu * 1000 / wall % 10),
	         (unsigned long long)r->wakeups);
}

static void write_last_facts(struct vt_recorder *r)
{
	char text[256];

	if (r->fullest.rings > 0) {
		describe_rings(r, text, sizeof(text));
		write_fact(r, "rings", text);
	}
	if (*r->missing)
		write_fact(r, "missing", r->missing);
	describe_cost(r, text, sizeof(text));
	write_fact(r, "cost", text);
}

/* Bytes of a process in a round: between rounds the pressure is looked at anew. */
enum { ROUND = 2 << 20 };

/* ---- rounds -------------------------------------------------------------------------------------- */

static int write_schema(struct vt_recorder *r)
{
	struct vt_out payload = { 0 };

	vt_schema_encode(&payload, vt_schema_builtin());
	if (r->collecting)
		vt_collecting_schema(r->collecting, &payload);
	int err = vt_log_records(&r->log, VT_CHUNK_SCHEMA, VT_NO_PROCESS, &payload);
	vt_out_free(&payload);
	if (!err) {
		err = write_fact(r, "recorder", r->options);
		r->chunks_at_repeat = r->log.sequence;
		for (unsigned i = 0; i < r->process_count; i++)
			vt_follow_repeat(r->processes[i]);
	}
	if (!err)
		err = vt_warner_repeat(r->warner, &r->out);
	return err;
}

static int before_round(struct vt_recorder *r)
{
	if (vt_log_full(&r->log)) {
		int err = vt_log_rotate(&r->log);
		return err ? err : write_schema(r);
	}
	if (r->log.sequence - r->chunks_at_repeat >= VT_SCHEMA_REPEAT)
		return write_schema(r);
	return 0;
}

static void note_error(struct vt_recorder *r, int err)
{
	r->error = err;
	if (err < 0 && !r->said && r->problem) {
		r->said = true;
		r->problem(r->problem_user, err);
	}
}

/* One round over all processes; their chunks together are the most that may overlap in time. */
static int64_t round_of_all(struct vt_recorder *r)
{
	int64_t total = 0;
	int err = before_round(r);

	for (unsigned i = 0; i < r->process_count && !err; i++) {
		r->log.chunker.hurry = vt_follow_pressed(r->processes[i]);
		uint64_t budget = VT_ROUND_RAW / r->process_count;
		int64_t n = vt_follow_round(r->processes[i], budget < ROUND ? budget : ROUND, r->splitter,
		                            &r->out);
		r->log.chunker.hurry = false;
		if (n < 0)
			err = (int)n;
		else
			total += n;
	}
	note_error(r, err);
	return err ? err : total;
}

int vt_recorder_flush(struct vt_recorder *r)
{
	int64_t n;
	do
		n = round_of_all(r);
	while (n >= ROUND / 2);
	return n < 0 ? (int)n : 0;
}

static void on_rung(uv_async_t *handle)
{
	struct vt_recorder *r = handle->data;

	if (r->stopping)
		return;
	r->wakeups++;
	/* A segment was entered, but there is no hurry before half a ring is full or a chunk: one wake-up of
	 * ours then costs the producer one a few segments, and chunks are large enough to compress. */
	while (!arm(r))
		if (round_of_all(r) < 0)
			break;
	vt_store_relaxed(r->bell, 1);
	sem_post(&r->armed);
}

static void on_flush(uv_timer_t *handle)
{
	struct vt_recorder *r = handle->data;
	r->wakeups++;
	vt_recorder_flush(r);
	if (r->flushed)
		r->flushed(r->problem_user);
}

static void on_counters(uv_timer_t *handle)
{
	struct vt_recorder *r = handle->data;
	int err = 0;

	vt_collecting_sample(r->collecting);
	for (unsigned i = 0; i < r->process_count && !err; i++) {
		vt_follow_threads(r->processes[i]);
		err = vt_follow_counters(r->processes[i], 0, &r->out);
	}
	note_error(r, err);
}

static int on_sampled(void *user, const struct vt_followed *p, const struct vt_counter_sample *s)
{
	struct vt_recorder *r = user;
	return vt_warner_judge(r->warner, p, s, s->flags & VT_COUNTERS_FINAL, r->splitter, &r->out);
}

/* ---- the log as the followed processes see it ------------------------------------------------------ */

static int out_records(void *user, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload)
{
	struct vt_recorder *r = user;
	return vt_log_records(&r->log, type, process, payload);
}

static int out_events(void *user, struct vt_chunk_header *h,
                      const struct vt_split_section *sections, unsigned count)
{
	struct vt_recorder *r = user;
	return vt_log_events(&r->log, h, sections, count);
}

static uint32_t out_new_ring(void *user)
{
	struct vt_recorder *r = user;
	return r->next_ring++;
}

/* ---- open and close -------------------------------------------------------------------------------- */

static int start_waiting(struct vt_recorder *r)
{
	if (sem_init(&r->armed, 0, 1) < 0)
		return -errno;
	vt_store_relaxed(r->bell, 1);
	/* Signals are the host's: none may be delivered to a thread of ours. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = -pthread_create(&r->waiter, NULL, wait_for_bell, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		sem_destroy(&r->armed);
	r->waiting = err == 0;
	return err;
}

static void stop_waiting(struct vt_recorder *r)
{
	if (!r->waiting)
		return;
	__atomic_store_n(&r->stopping, true, __ATOMIC_RELEASE);
	vt_store_relaxed(r->bell, 0);
	syscall(SYS_futex, r->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
	sem_post(&r->armed);
	pthread_join(r->waiter, NULL);
	sem_destroy(&r->armed);
	r->waiting = false;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void close_handles(struct vt_recorder *r)
{
	uv_close((uv_handle_t *)r->rung, free_handle);
	uv_close((uv_handle_t *)r->flush_timer, free_handle);
	uv_close((uv_handle_t *)r->counters_timer, free_handle);
}

/* Handles have the size that the libuv in this process says, not the one we were compiled with. */
static bool make_handles(struct vt_recorder *r)
{
	r->rung = calloc(1, uv_handle_size(UV_ASYNC));
	r->flush_timer = calloc(1, uv_handle_size(UV_TIMER));
	r->counters_timer = calloc(1, uv_handle_size(UV_TIMER));
	if (r->rung && r->flush_timer && r->counters_timer)
		return true;
	free(r->rung);
	free(r->flush_timer);
	free(r->counters_timer);
	return false;
}

static int start_loop(struct vt_recorder *r, const struct vt_settings *settings)
{
	if (!make_handles(r))
		return -ENOMEM;
	int err = uv_async_init(r->loop, r->rung, on_rung);
	if (err) {
		free(r->rung);
		free(r->flush_timer);
		free(r->counters_timer);
		return err;
	}
	uv_timer_init(r->loop, r->flush_timer);
	uv_timer_init(r->loop, r->counters_timer);
	r->rung->data = r->flush_timer->data = r->counters_timer->data = r;
	uint64_t flush = settings->flush_ns / 1000000, counters = settings->counters_ns / 1000000;
	uv_timer_start(r->flush_timer, on_flush, flush, flush);
	uv_timer_start(r->counters_timer, on_counters, counters, counters);
	err = start_waiting(r);
	if (err)
		close_handles(r);
	return err;
}

static int start_collecting(struct vt_recorder *r, const struct vt_settings *settings)
{
	r->settings = *settings;
	r->collecting = vt_collecting_open(r, &r->settings);
	if (r->collecting)
		return 0;
	stop_waiting(r);
	close_handles(r);
	return -ENOMEM;
}

int vt_recorder_open(struct vt_recorder *r, uv_loop_t *loop, const struct vt_settings *settings,
                     const char *path, bool replace, uint64_t run, uint32_t *bell)
{
	struct vt_resolved resolved;
	char problem[256];
	struct vt_log_limits limits = {
		.rotate_bytes = settings->rotate_bytes, .rotate_ns = settings->rotate_ns,
		.max_bytes = settings->max_bytes,
	};

	memset(r, 0, sizeof(*r));
	r->loop = loop;
	r->bell = bell;
	r->next_ring = 1;
	r->out = (struct vt_follow_out){ out_records, out_events, out_new_ring, r };
	int err = vt_settings_resolve(settings, &resolved, problem, sizeof(problem));
	if (err)
		return err;
	err = vt_warner_new(&r->warner, settings->warn, settings->counters_ns / 2, problem, sizeof(problem));
	if (err)
		return err;
	r->splitter = vt_splitter_new();
	if (!r->splitter) {
		vt_warner_free(r->warner);
		return -ENOMEM;
	}
	err = vt_log_open(&r->log, path, replace, run, resolved.codec, (int)settings->level, &limits);
	if (!err) {
		vt_settings_describe(settings, &resolved, r->options, sizeof(r->options));
		r->started_ns = vt_anchor_now().monotonic;
		err = write_schema(r);
		if (!err)
			err = start_loop(r, settings);
		if (!err)
			err = start_collecting(r, settings);
		if (err)
			vt_log_close(&r->log);
	}
	if (err) {
		vt_warner_free(r->warner);
		vt_splitter_free(r->splitter);
	}
	return err;
}

int vt_recorder_close(struct vt_recorder *r, enum vt_ending ending)
{
	int err = 0;

	stop_waiting(r);
	if (r->process_count > 0)
		vt_collecting_last(r->collecting);
	while (r->process_count > 0) {
		int e = vt_recorder_finish(r, r->processes[0]->index, ending, 0);
		err = err ? err : e;
	}
	write_last_facts(r);
	int e = r->unfinished ? vt_log_abandon(&r->log) : vt_log_close(&r->log);
	vt_collecting_close(r->collecting);
	close_handles(r);
	r->events += vt_warner_events(r->warner);
	vt_warner_free(r->warner);
	r->warner = NULL;
	vt_splitter_free(r->splitter);
	free(r->processes);
	return err ? err : e;
}

/* ---- processes ------------------------------------------------------------------------------------- */

static uint32_t parent_of(const struct vt_recorder *r, uint32_t parent_pid)
{
	for (unsigned i = 0; i < r->process_count; i++)
		if (r->processes[i]->view.file->pid == parent_pid)
			return r->processes[i]->index;
	return VT_NO_PROCESS;
}

int64_t vt_recorder_add(struct vt_recorder *r, const struct vt_ring_view *view, uint64_t image)
{
	if (r->process_count == r->process_room) {
		unsigned room = r->process_room ? 2 * r->process_room : 8;
		struct vt_followed **grown = realloc(r->processes, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		r->processes = grown;
		r->process_room = room;
	}
	if (r->next_process >= VT_MAX_PROCESSES)
		return -VT_E_LIMIT;
	struct vt_followed *p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	uint32_t parent = parent_of(r, view->file->parent_pid);
	int err = vt_follow_open(p, view, r->next_process, parent, image);
	if (err) {
		free(p);
		return err;
	}
	if (r->warner) {
		p->sampled = on_sampled;
		p->sampled_user = r;
	}
	r->processes[r->process_count++] = p;
	if (r->next_process++ == 0)
		write_fact(r, "recorder", r->options);
	vt_collecting_begin(r->collecting, p);
	return p->index;
}

struct vt_followed *vt_recorder_process(struct vt_recorder *r, uint32_t index)
{
	for (unsigned i = 0; i < r->process_count; i++)
		if (r->processes[i]->index == index)
			return r->processes[i];
	return NULL;
}

int vt_recorder_finish(struct vt_recorder *r, uint32_t index, enum vt_ending ending, uint32_t status)
{
	struct vt_followed *p = vt_recorder_process(r, index);
	if (!p)
		return -ESRCH;
	p->ending = ending;
	p->status = status;
	if (ending != VT_END_RUNNING)
		p->ended_ticks = vt_anchor_now().ticks;
	vt_collecting_end(r->collecting, p, r->usage && r->usage_pid == p->view.file->pid ? r->usage : NULL);
	int err = before_round(r);
	if (!err)
		err = vt_follow_finish(p, r->splitter, &r->out);
	if (!err && r->warner)
		err = vt_warner_finish(r->warner, p, r->splitter, &r->out);
	note_error(r, err);
	r->unfinished = r->unfinished || err < 0;
	r->events += p->events;
	r->lost += p->lost;
	take_fullness(r, p);
	for (unsigned i = 0; i < r->process_count; i++)
		if (r->processes[i] == p)
			r->processes[i] = r->processes[--r->process_count];
	vt_follow_close(p);
	free(p);
	return err;
}

uint64_t vt_recorder_events(const struct vt_recorder *r)
{
	uint64_t n = r->events + vt_warner_events(r->warner);
	for (unsigned i = 0; i < r->process_count; i++)
		n += r->processes[i]->events;
	return n;
}

uint64_t vt_recorder_lost(const struct vt_recorder *r)
{
	uint64_t n = r->lost;
	for (unsigned i = 0; i < r->process_count; i++)
		n += r->processes[i]->lost;
	return n;
}
