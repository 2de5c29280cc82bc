/*
 * tracer.c - valktrace.h for a host that records itself: options, the recorder's thread, live metrics.
 * The only file of the library with a recorder in it; all state is in `tracer`.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <valktrace.h>

#include "core/process.h"
#include "core/recorder.h"
#include "core/sample.h"
#include "core/thread.h"

static struct {
	pthread_mutex_t lock;           /* vt_start, vt_stop, vt_flush against each other */
	bool running;
	bool joined;                    /* the recorder is that of `valktrace record`, not ours */
	pid_t pid;                      /* of the process that runs: a forked child has no recorder */
	struct vt_settings settings;
	char log_path[PATH_MAX], directory[PATH_MAX];
	uint64_t run;
	uv_loop_t loop;
	uv_async_t command;
	uv_thread_t thread;
	uv_sem_t answered;
	enum { COMMAND_FLUSH, COMMAND_STOP } asked;
	int answer;
	struct vt_recorder recorder;
	char program[64], version[64];  /* for live metrics: as in the log */
	uint64_t snapshots_taken;       /* the recorder has those up to this number for certain */
} tracer = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool recording_here(void)
{
	return tracer.running && tracer.pid == getpid();
}

static void say(const char *what, const char *why)
{
	fprintf(stderr, "valktrace: %s: %s; tracing is off\n", what, why);
}

/* ---- options ------------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from)
{
	if (from)
		snprintf(to, size, "%s", from);
}

static void settings_of(struct vt_settings *s, const struct vt_options *o)
{
	vt_settings_default(s);
	s->max_bytes = 64 << 20;
	copy_text(s->events, sizeof(s->events), o->events);
	copy_text(s->output, sizeof(s->output), o->output);
	copy_text(s->ring_directory, sizeof(s->ring_directory), o->ring_directory);
	copy_text(s->mode, sizeof(s->mode), o->mode);
	copy_text(s->codec, sizeof(s->codec), o->codec);
	s->level = (uint64_t)o->level;
	s->ring_size = o->ring_size ? o->ring_size : s->ring_size;
	s->flush_ns = o->flush_ms ? o->flush_ms * 1000000 : s->flush_ns;
	s->counters_ns = o->counters_ms ? o->counters_ms * 1000000 : s->counters_ns;
	s->max_bytes = o->max_bytes == UINT64_MAX ? 0 : o->max_bytes ? o->max_bytes : s->max_bytes;
	s->rotate_bytes = o->rotate_bytes;
	s->rotate_ns = o->rotate_ms * 1000000;

	char problem[512];
	const char *environment = secure_getenv("VALKTRACE");
	if (environment && vt_settings_parse(s, environment, problem, sizeof(problem)) < 0)
		fprintf(stderr, "valktrace: VALKTRACE: %s\n", problem);
}

static const char *base_name(void)
{
	return program_invocation_short_name;
}

/* ---- the recorder's thread ------------------------------------------------------------------------- */

static void on_command(uv_async_t *handle)
{
	if (tracer.asked == COMMAND_FLUSH) {
		tracer.answer = vt_recorder_flush(&tracer.recorder);
		uv_sem_post(&tracer.answered);
	} else {
		tracer.answer = vt_recorder_close(&tracer.recorder, VT_END_STOPPED);
		uv_close((uv_handle_t *)handle, NULL);
	}
}

static void run_loop(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "valktrace");
	uv_run(&tracer.loop, UV_RUN_DEFAULT);
}

static void on_problem(void *unused, int error)
{
	(void)unused;
	fprintf(stderr, "valktrace: %s: %s; recording goes on in the ring\n", tracer.recorder.log.path,
	        vt_strerror(error));
}

static int open_recorder(void)
{
	int err = uv_loop_init(&tracer.loop);
	if (err)
		return err;
	err = vt_recorder_open(&tracer.recorder, &tracer.loop, &tracer.settings, tracer.log_path, false,
	                       tracer.run, vt_process.bell);
	if (err)
		goto no_recorder;
	tracer.recorder.problem = on_problem;
	struct vt_ring_view view;
	vt_ring_view_borrow(&view, vt_process.file);
	int64_t index = vt_recorder_add(&tracer.recorder, &view, vt_process.place.image);
	err = index < 0 ? (int)index : uv_async_init(&tracer.loop, &tracer.command, on_command);
	if (err)
		goto no_thread;
	err = uv_sem_init(&tracer.answered, 0);
	if (!err) {
		/* Signals are the host's; and a write past a limit (SIGXFSZ) must not kill it. */
		sigset_t all, before;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = uv_thread_create(&tracer.thread, run_loop, NULL);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (!err)
		return 0;
	uv_close((uv_handle_t *)&tracer.command, NULL);
no_thread:
	vt_recorder_close(&tracer.recorder, VT_END_STOPPED);
	unlink(tracer.log_path);
	uv_run(&tracer.loop, UV_RUN_DEFAULT);
no_recorder:
	uv_loop_close(&tracer.loop);
	return err;
}

/* Under `record`: until its recorder has drained what is in our rings now, two seconds at most. */
static int wait_for_outer_recorder(void)
{
	struct vt_ring_file *f = vt_process.file;
	uint64_t used = vt_load_relaxed(&f->slots_used);

	vt_process_wake();
	for (unsigned i = 0; i < used; i++) {
		const struct vt_ring *ring = &vt_slot_of(f, i)->main;
		/* Slots whose memory could not be had were never started. */
		uint64_t end = vt_threads_of(f)[i].start ? vt_load_acquire(&ring->commit) : 0;
		for (int ms = 0; end && vt_load_acquire(&ring->tail) < end; ms++) {
			if (ms == 2000)
				return -ETIMEDOUT;
			usleep(1000);
		}
	}
	return 0;
}

static int ask(int command)
{
	if (tracer.joined)
		return wait_for_outer_recorder();
	tracer.asked = command;
	uv_async_send(&tracer.command);
	if (command == COMMAND_FLUSH)
		uv_sem_wait(&tracer.answered);
	else
		uv_thread_join(&tracer.thread);
	return tracer.answer;
}

/* ---- start and stop ---------------------------------------------------------------------------------- */

static void state_facts(const struct vt_options *o)
{
	copy_text(tracer.program, sizeof(tracer.program), o->program ? o->program : base_name());
	copy_text(tracer.version, sizeof(tracer.version), o->version ? o->version : "");
	vt_fact("program", tracer.program, VT_FIELD_PUBLIC);
	if (*tracer.version)
		vt_fact("version", tracer.version, VT_FIELD_PUBLIC);
}

/* The agent of `valktrace record` in this process, if it records and speaks our ABI. */
static const struct vt_outer *find_agent(void)
{
	const struct vt_outer *agent = dlsym(RTLD_DEFAULT, "valktrace_agent_1");

	if (!agent || agent->abi == VT_ABI)
		return agent;
	fprintf(stderr, "valktrace: the agent is of another version; this program records by itself\n");
	return NULL;
}

/* One process, one tracer: one ring a thread, one log, one recorder. */
static bool join_agent(const struct vt_options *o, uint64_t mask)
{
	const struct vt_outer *agent = find_agent();

	if (!agent || vt_process_join(agent) < 0)
		return false;
	tracer.joined = true;
	tracer.run = vt_process.file->run;
	state_facts(o);
	tracer.snapshots_taken = 0;
	if (mask)
		vt_enable(mask);
	return true;
}

static int start(const struct vt_options *o, const char **what)
{
	struct vt_geometry geometry;
	const struct vt_codec *codec;
	static char problem[512];
	uint64_t mask = 0;

	settings_of(&tracer.settings, o);
	*what = "options";
	int err = vt_settings_resolve(&tracer.settings, &geometry, &codec, problem, sizeof(problem));
	if (!err && *tracer.settings.events)
		err = vt_category_set(tracer.settings.events, &mask, problem, sizeof(problem));
	if (err) {
		*what = problem;
		return err;
	}
	if (join_agent(o, mask))
		return 0;
	if (*tracer.settings.output)
		copy_text(tracer.log_path, sizeof(tracer.log_path), tracer.settings.output);
	else
		snprintf(tracer.log_path, sizeof(tracer.log_path), "%s-%d.vtrace",
		         o->program ? o->program : base_name(), (int)getpid());

	*what = "no directory for the ring file";
	err = vt_ring_directory(tracer.settings.ring_directory, tracer.directory, sizeof(tracer.directory));
	if (err)
		return err;
	if (getrandom(&tracer.run, sizeof(tracer.run), GRND_NONBLOCK) != sizeof(tracer.run))
		tracer.run = vt_ticks() * 0x9e3779b97f4a7c15ull;
	*what = tracer.directory;
	err = vt_process_attach(tracer.directory, tracer.run, &geometry, 0, NULL, o->follow_fork);
	if (err)
		return err;
	state_facts(o);
	*what = tracer.log_path;
	err = open_recorder();
	if (err) {
		vt_process_detach();
		unlink(vt_process.place.path);
		return err;
	}
	tracer.snapshots_taken = 0;
	if (mask)
		vt_enable(mask);
	return 0;
}

int vt_start(const struct vt_options *options)
{
	static const struct vt_options defaults;
	const struct vt_options *o = options ? options : &defaults;
	const char *what = "";
	int saved = errno;

	if (o->size != 0 && o->size != sizeof(*o)) {
		say("vt_start", vt_strerror(-VT_E_ABI));
		return -VT_E_ABI;
	}
	pthread_mutex_lock(&tracer.lock);
	int err = recording_here() ? -EALREADY : start(o, &what);
	if (!err) {
		tracer.running = true;
		tracer.pid = getpid();
	} else if (err != -EALREADY) {
		say(what, vt_strerror(err));
	}
	pthread_mutex_unlock(&tracer.lock);
	errno = saved;
	return err;
}

int vt_stop(void)
{
	int saved = errno;
	pthread_mutex_lock(&tracer.lock);
	int err = recording_here() ? 0 : -ENOTCONN;
	if (!err && tracer.joined) {
		vt_process_leave();
		tracer.joined = tracer.running = false;
	} else if (!err) {
		vt_process_detach();
		err = ask(COMMAND_STOP);
		uv_loop_close(&tracer.loop);
		uv_sem_destroy(&tracer.answered);
		vt_process_put_away();
		tracer.running = false;
	}
	pthread_mutex_unlock(&tracer.lock);
	errno = saved;
	return err;
}

/* A host that exits without vt_stop still gets a closed log; one that dies has its ring file. */
__attribute__((destructor)) static void stop_at_exit(void)
{
	if (pthread_mutex_trylock(&tracer.lock) != 0)
		return;
	bool running = recording_here();
	pthread_mutex_unlock(&tracer.lock);
	if (running)
		vt_stop();
}

int vt_flush(void)
{
	pthread_mutex_lock(&tracer.lock);
	int err = recording_here() ? ask(COMMAND_FLUSH) : -ENOTCONN;
	pthread_mutex_unlock(&tracer.lock);
	return err;
}

/* ---- live metrics ------------------------------------------------------------------------------------ */

/*
 * Hands a sample to the recorder: it takes it out of the ring file in its next round. Whoever reads
 * metrics faster than that waits for a round now and then: each number that was given is in the log.
 */
static void post_snapshot(const struct vt_counter_sample *s)
{
	struct vt_snapshot *to = &vt_process.file->snapshots[s->sequence % VT_SNAPSHOTS];

	if (to->sequence > tracer.snapshots_taken && ask(COMMAND_FLUSH) == 0)
		tracer.snapshots_taken = s->sequence - 1;
	vt_store_relaxed(&to->sequence, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	to->ticks = s->ticks;
	to->monotonic = s->monotonic;
	to->realtime = s->realtime;
	memcpy(to->present, s->present, sizeof(to->present));
	memcpy(to->values, s->values, sizeof(to->values));
	memcpy(to->lost, s->lost, sizeof(to->lost));
	to->sources_known = s->sources_known;
	to->sources_available = s->sources_available;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		char reason[VT_MAX_STRING + 1];
		size_t n = s->reasons[i].length < VT_MAX_STRING ? s->reasons[i].length : VT_MAX_STRING;
		memcpy(reason, s->reasons[i].at ? s->reasons[i].at : "", s->reasons[i].at ? n : 0);
		reason[n] = 0;
		to->reasons[i] = n ? (uint32_t)vt_string(reason) : 0;
	}
	/* Pairs with the recorder's acquire load of sequence: the snapshot is whole. */
	vt_store_release(&to->sequence, s->sequence);
	vt_process_wake();
}

static void metrics_of(struct vt_metrics *m, const struct vt_counter_sample *s)
{
	m->sequence = s->sequence;
	m->realtime = s->realtime;
	m->monotonic = s->monotonic;
	m->uptime = s->values[VT_M_trace_uptime];
	m->enabled = s->values[VT_M_trace_enabled] != 0;
	m->buffered = s->values[VT_M_trace_events];
	m->run = tracer.run;
	m->program = tracer.program;
	m->version = tracer.version;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		m->present[i] = s->present[i / 64] >> i % 64 & 1;
		m->values[i] = s->values[i];
	}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		m->lost[c] = s->lost[c];
		m->wanted |= (uint64_t)(s->lost[c] > 0) << c;
	}
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		m->sources[i].known = s->sources_known >> i & 1;
		m->sources[i].available = s->sources_available >> i & 1;
		m->sources[i].reason = s->reasons[i].at ? s->reasons[i].at : "";
	}
}

int vt_metrics_read(struct vt_metrics *m)
{
	memset(m, 0, sizeof(*m));
	m->schema = vt_schema_builtin();
	m->program = m->version = "";
	pthread_mutex_lock(&tracer.lock);
	int err = recording_here() ? 0 : -ENOTCONN;
	if (!err) {
		struct vt_ring_view view;
		struct vt_counter_sample s;
		vt_ring_view_borrow(&view, vt_process.file);
		vt_sample(&view, &s);
		s.sequence = vt_add_relaxed(&vt_process.file->next_record, 1);
		post_snapshot(&s);
		metrics_of(m, &s);
	}
	pthread_mutex_unlock(&tracer.lock);
	return err;
}

/* ---- what is on -------------------------------------------------------------------------------------- */

static void set_mask(uint64_t mask)
{
	struct vt_ring_file *f = vt_process.file;
	if (!vt_process_recording())
		return;
	uint64_t before = vt_load_relaxed(&f->wanted_mask), now = vt_anchor_now().monotonic;

	if (!before && mask) {
		vt_store_relaxed(&f->enabled_since, now);
	} else if (before && !mask) {
		vt_store_relaxed(&f->last_session, now - f->enabled_since);
		vt_store_relaxed(&f->enabled_since, 0);
	}
	vt_store_relaxed(&f->wanted_mask, mask);
	vt_process_refresh_mask();
	VT_EMIT(meta, enabled, .mask = mask);
}

void vt_enable(uint64_t categories)
{
	set_mask(vt_enabled() | categories);
}

void vt_disable(uint64_t categories)
{
	set_mask(vt_enabled() & ~categories);
}

uint64_t vt_enabled(void)
{
	return vt_process.file ? vt_load_relaxed(&vt_process.file->wanted_mask) : 0;
}

int vt_categories(const char *names, uint64_t *set)
{
	char bad[VT_OPTION_WORD];
	return vt_category_set(names, set, bad, sizeof(bad));
}

void vt_thread_name(const char *name)
{
	int index = vt_thread_slot();
	union { char bytes[40]; uint64_t words[5]; } text = { .bytes = "" };

	if (!name || !vt_load_relaxed(&vt__gate->counting))
		return;
	if (index < 0 && vt_thread_claim())
		index = vt_thread_slot();
	if (index < 0)
		return;
	snprintf(text.bytes, sizeof(text.bytes), "%s", name);
	struct vt_thread_entry *entry = &vt_threads_of(vt_process.file)[index];
	for (int i = 0; i < 5; i++)
		vt_store_relaxed(&entry->name[i], text.words[i]);
	vt_store_relaxed(&entry->named, 1);
}
