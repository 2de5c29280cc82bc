/*
 * tracer.c - valktrace.h for a host that records itself: options, start, stop, dump, what is on. Where its
 * events go is decided here, once: into an outer recording, to a recorder of our own, or to the ring alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/dump.h"
#include "core/process.h"
#include "core/recorder_thread.h"
#include "core/tables.h"
#include "core/thread.h"
#include "core/tracer.h"

struct vt_tracer vt_tracer = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool vt_tracer_on(void)
{
	return vt_tracer.state != VT_TRACING_OFF && vt_tracer.pid == getpid();
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

/* One that is no rule is told, and the others count. */
static void set_rules(struct vt_settings *s, const char *rules)
{
	char problem[512], *copy = rules ? strdup(rules) : NULL, *save = NULL;

	for (char *rule = copy; copy && (rule = strtok_r(rule, ";", &save)); rule = NULL)
		if (vt_settings_set(s, "warn", rule, problem, sizeof(problem)) < 0)
			fprintf(stderr, "valktrace: vt_start: %s\n", problem);
	free(copy);
}

static void settings_of(struct vt_settings *s, const struct vt_options *o)
{
	vt_settings_default(s);
	s->max_bytes = 64 << 20;
	copy_text(s->events, sizeof(s->events), o->events);
	copy_text(s->output, sizeof(s->output), o->output);
	copy_text(s->ring_directory, sizeof(s->ring_directory), o->ring_directory);
	copy_text(s->mode, sizeof(s->mode), o->mode);
	copy_text(s->dump_signal, sizeof(s->dump_signal), o->dump_signal);
	copy_text(s->codec, sizeof(s->codec), o->codec);
	s->level = (uint64_t)o->level;
	s->ring_size = o->ring_size ? o->ring_size : s->ring_size;
	s->flush_ns = o->flush_ms ? o->flush_ms * 1000000 : s->flush_ns;
	s->counters_ns = o->counters_ms ? o->counters_ms * 1000000 : s->counters_ns;
	s->max_bytes = o->max_bytes == UINT64_MAX ? 0 : o->max_bytes ? o->max_bytes : s->max_bytes;
	s->rotate_bytes = o->rotate_bytes;
	s->rotate_ns = o->rotate_ms * 1000000;

	char problem[512];
	set_rules(s, o->warn);
	const char *environment = secure_getenv("VALKTRACE");
	if (environment && vt_settings_parse(s, environment, problem, sizeof(problem)) < 0)
		fprintf(stderr, "valktrace: VALKTRACE: %s\n", problem);
	if (!*s->output)
		snprintf(s->output, sizeof(s->output), "%s-%%p.vtrace",
		         o->program ? o->program : program_invocation_short_name);
}

/* What is known now, as a set; names that are not may be registered yet and are switched on then. */
static uint64_t mask_of_events(const char *events)
{
	uint64_t mask = 0;

	if (*events)
		vt_category_set(events, &mask, vt_process.wanted_names, sizeof(vt_process.wanted_names));
	return mask;
}

/* A misspelt name and one that comes later look the same: this is the line for the first. */
static void say_unknown_names(void)
{
	char names[VT_WANTED_NAMES], *save = NULL;

	memcpy(names, vt_process.wanted_names, sizeof(names));
	for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (vt_types_category(name) < 0)
			fprintf(stderr, "valktrace: events: no category '%s' is known (yet)\n", name);
}

/* ---- start ----------------------------------------------------------------------------------------- */

static void state_facts(const struct vt_options *o)
{
	copy_text(vt_tracer.program, sizeof(vt_tracer.program),
	          o->program ? o->program : program_invocation_short_name);
	copy_text(vt_tracer.version, sizeof(vt_tracer.version), o->version ? o->version : "");
	vt_fact("program", vt_tracer.program, VT_FIELD_PUBLIC);
	if (*vt_tracer.version)
		vt_fact("version", vt_tracer.version, VT_FIELD_PUBLIC);
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
static bool join_agent(void)
{
	const struct vt_outer *agent = find_agent();

	return agent && vt_process_join(agent) == 0;
}

static void on_exit_called(int status, void *unused)
{
	(void)unused;
	if (!vt_process_recording())
		return;
	vt_process.file->exit_status = (uint32_t)status & 0xff;
	vt_store_release(&vt_process.file->exited, 1);
}

/* Before the destructor that stops: the log then says how the program ended. */
static void watch_exit(void)
{
	on_exit(on_exit_called, NULL);
}

static int attach(const struct vt_options *o, const char **what)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static char directory[PATH_MAX];

	*what = "no directory for the ring file";
	int err = vt_ring_directory(vt_tracer.settings.ring_directory, directory, sizeof(directory));
	if (err)
		return err;
	if (getrandom(&vt_tracer.run, sizeof(vt_tracer.run), GRND_NONBLOCK) != sizeof(vt_tracer.run))
		vt_tracer.run = vt_ticks() * 0x9e3779b97f4a7c15ull;
	*what = directory;
	pthread_once(&once, watch_exit);
	return vt_process_attach(directory, vt_tracer.run, &vt_tracer.resolved.geometry, 0, NULL,
	                         o->follow_fork);
}

/* Who takes the events out of the rings. */
static int start_recorder(const struct vt_options *o, enum vt_tracing *state)
{
	const struct vt_recorder_user user = { o->on_loss, o->user };
	char why[128];

	if (vt_tracer.resolved.ring_only) {
		*state = VT_TRACING_RING;
		return 0;
	}
	if (!vt_recorder_thread_possible(why, sizeof(why))) {
		fprintf(stderr, "valktrace: %s: recording to the ring only\n", why);
		*state = VT_TRACING_RING_FALLBACK;
		return 0;
	}
	*state = VT_TRACING_RECORDER;
	return vt_recorder_thread_start(&vt_tracer.settings, vt_tracer.log_path, vt_tracer.run, &user);
}

static int resolve(const struct vt_options *o, const char **what)
{
	static char problem[512];

	settings_of(&vt_tracer.settings, o);
	if (vt_tracer.settings.off)
		return -ECANCELED;
	*what = problem;
	int err = vt_settings_resolve(&vt_tracer.settings, &vt_tracer.resolved, problem, sizeof(problem));
	if (err)
		return err;
	*what = vt_tracer.settings.output;
	copy_text(vt_tracer.output, sizeof(vt_tracer.output), vt_tracer.settings.output);
	return vt_settings_path(vt_tracer.output, vt_tracer.log_path, sizeof(vt_tracer.log_path));
}

static void dump_on_signal(void)
{
	int err = vt_dump(NULL);

	if (err)
		fprintf(stderr, "valktrace: %s: %s\n", vt_tracer.output, vt_strerror(err));
}

static int start(const struct vt_options *o, enum vt_tracing *state, const char **what)
{
	int err = resolve(o, what);
	if (err)
		return err;
	uint64_t mask = mask_of_events(vt_tracer.settings.events);
	if (join_agent()) {
		vt_tracer.run = vt_process.file->run;
		*state = VT_TRACING_JOINED;
	} else {
		err = attach(o, what);
		if (err)
			return err;
	}
	state_facts(o);
	if (*state != VT_TRACING_JOINED) {
		*what = vt_tracer.log_path;
		err = start_recorder(o, state);
		if (err) {
			vt_process_detach();
			unlink(vt_process.place.path);
			return err;
		}
	}
	vt_tracer.snapshots_taken = 0;
	if (vt_tracer.resolved.dump_signal)
		vt_dump_on_signal(vt_tracer.resolved.dump_signal, dump_on_signal);
	if (mask)
		vt_enable(mask);
	say_unknown_names();
	return 0;
}

int vt_start(const struct vt_options *options)
{
	static const struct vt_options defaults;
	const struct vt_options *o = options ? options : &defaults;
	enum vt_tracing state = VT_TRACING_OFF;
	const char *what = "";
	int saved = errno;

	if (o->size != 0 && o->size != sizeof(*o)) {
		say("vt_start", vt_strerror(-VT_E_ABI));
		return -VT_E_ABI;
	}
	pthread_mutex_lock(&vt_tracer.lock);
	int err = vt_tracer_on() ? -EALREADY : start(o, &state, &what);
	if (!err) {
		vt_tracer.state = state;
		vt_tracer.pid = getpid();
	} else if (err != -EALREADY && err != -ECANCELED) {
		say(what, vt_strerror(err));
	}
	pthread_mutex_unlock(&vt_tracer.lock);
	errno = saved;
	return err;
}

/* ---- flush, dump, stop ------------------------------------------------------------------------------- */

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

int vt_tracer_flush(void)
{
	switch (vt_tracer.state) {
	case VT_TRACING_JOINED:
		return wait_for_outer_recorder();
	case VT_TRACING_RECORDER:
		return vt_recorder_thread_flush();
	default:
		return 0;
	}
}

int vt_flush(void)
{
	pthread_mutex_lock(&vt_tracer.lock);
	int err = vt_tracer_on() ? vt_tracer_flush() : -ENOTCONN;
	pthread_mutex_unlock(&vt_tracer.lock);
	return err;
}

int vt_dump(const char *path)
{
	char expanded[PATH_MAX];
	int saved = errno;

	pthread_mutex_lock(&vt_tracer.lock);
	int err = !vt_tracer_on() ? -ENOTCONN :
		vt_settings_path(path ? path : vt_tracer.output, expanded, sizeof(expanded));
	/* The recorder's own log is not to be replaced by what is in the rings. */
	if (!err && vt_tracer.state == VT_TRACING_RECORDER && strcmp(expanded, vt_tracer.log_path) == 0)
		err = path ? -EEXIST : vt_settings_path("dump-%p-%t.vtrace", expanded, sizeof(expanded));
	if (!err)
		err = vt_dump_rings(&vt_process.place, &vt_tracer.settings, expanded, VT_END_RUNNING);
	pthread_mutex_unlock(&vt_tracer.lock);
	errno = saved;
	return err;
}

/* A stop at exit tells the status as well, if exit has begun: see on_exit_called. */
static enum vt_ending how_it_ends(void)
{
	return vt_load_acquire(&vt_process.file->exited) ? VT_END_EXIT : VT_END_STOPPED;
}

static int stop(void)
{
	int err = 0;

	if (vt_tracer.state == VT_TRACING_JOINED) {
		vt_process_leave();
		return 0;
	}
	vt_process_detach();
	if (vt_tracer.state == VT_TRACING_RECORDER)
		err = vt_recorder_thread_stop(how_it_ends(), vt_process.file->exit_status);
	else if (vt_tracer.state == VT_TRACING_RING_FALLBACK)
		err = vt_dump_rings(&vt_process.place, &vt_tracer.settings, vt_tracer.log_path, how_it_ends());
	vt_process_put_away();
	return err;
}

int vt_stop(void)
{
	int saved = errno;

	pthread_mutex_lock(&vt_tracer.lock);
	int err = vt_tracer_on() ? stop() : -ENOTCONN;
	if (err != -ENOTCONN)
		vt_tracer.state = VT_TRACING_OFF;
	pthread_mutex_unlock(&vt_tracer.lock);
	errno = saved;
	return err;
}

/* A host that exits without vt_stop still gets a closed log; one that dies has its ring file. */
__attribute__((destructor)) static void stop_at_exit(void)
{
	if (pthread_mutex_trylock(&vt_tracer.lock) != 0)
		return;
	bool on = vt_tracer_on();
	pthread_mutex_unlock(&vt_tracer.lock);
	if (on)
		vt_stop();
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
	char unknown[VT_OPTION_WORD], *save = NULL;

	vt_category_set(names, set, unknown, sizeof(unknown));
	for (char *name = strtok_r(unknown, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		int id = vt_types_category(name);
		if (id < 0)
			return -VT_E_UNKNOWN_CATEGORY;
		*set = *names == '!' ? *set & ~(1ull << id) : *set | 1ull << id;
	}
	return 0;
}

void vt_thread_name(const char *name)
{
	int index = vt_thread_slot();
	union { char bytes[40]; uint64_t words[5]; } text = { .bytes = "" };

	if (!name || !vt_load_relaxed(&vt__gate.counting))
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
