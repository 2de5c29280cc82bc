/* dump.c - see dump.h. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "core/dump.h"
#include "core/follow.h"
#include "core/log.h"

/* ---- the log ------------------------------------------------------------------------------------------- */

static int out_records(void *user, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload)
{
	return vt_log_records(user, type, process, payload);
}

static int out_events(void *user, struct vt_chunk_header *h,
                      const struct vt_split_section *sections, unsigned count)
{
	return vt_log_events(user, h, sections, count);
}

static uint32_t out_new_ring(void *user)
{
	static uint32_t last;   /* under the tracer's lock; unique in a run is all that is asked */
	(void)user;
	return ++last;
}

static int write_head(struct vt_log *log, const char *options)
{
	struct vt_out payload = { 0 };

	vt_schema_encode(&payload, vt_schema_builtin());
	int err = vt_log_records(log, VT_CHUNK_SCHEMA, VT_NO_PROCESS, &payload);
	payload.length = 0;
	vt_rec_fact_encode(&payload, &(struct vt_rec_fact){
		.index = 0, .class_flag = VT_FIELD_PUBLIC,
		.key = { "recorder", 8 }, .value = { options, strlen(options) },
	});
	if (!err)
		err = vt_log_records(log, VT_CHUNK_PROCESS, 0, &payload);
	vt_out_free(&payload);
	return err;
}

static int write_rings(struct vt_log *log, struct vt_ring_view *view, uint64_t image, enum vt_ending ending)
{
	const struct vt_follow_out out = { out_records, out_events, out_new_ring, log };
	struct vt_splitter *splitter = vt_splitter_new();
	struct vt_followed p;

	/* Of the copy: what a recorder found lost is in its log, this one finds all of it itself. */
	memset(view->file->overwritten, 0, sizeof(view->file->overwritten));
	int err = splitter ? vt_follow_open(&p, view, 0, VT_NO_PROCESS, image) : -ENOMEM;
	if (err) {
		vt_ring_view_close(view);
	} else {
		p.ending = ending;
		p.status = view->file->exit_status;
		err = vt_follow_finish(&p, splitter, &out);
		vt_follow_close(&p);
	}
	vt_splitter_free(splitter);
	return err;
}

static int write_log(const char *path, struct vt_ring_view *view, uint64_t image,
                     const struct vt_settings *s, enum vt_ending ending)
{
	static struct vt_log log;       /* 20 KiB: under the tracer's lock instead of a small thread's stack */
	const struct vt_ring_file *f = view->file;
	const struct vt_log_limits limits = { .begin = { f->ticks, f->monotonic, f->realtime } };
	struct vt_resolved r;
	char text[512];
	uint64_t run;

	int err = vt_settings_resolve(s, &r, text, sizeof(text));
	if (!err && getrandom(&run, sizeof(run), GRND_NONBLOCK) != sizeof(run))
		run = vt_ticks();
	if (!err)
		err = vt_log_open(&log, path, false, run, r.codec, (int)s->level, &limits);
	if (err) {
		vt_ring_view_close(view);
		return err;
	}
	vt_settings_describe(s, &r, text, sizeof(text));
	err = write_head(&log, text);
	if (err)
		vt_ring_view_close(view);
	else
		err = write_rings(&log, view, image, ending);
	int closed = vt_log_close(&log);
	return err ? err : closed;
}

int vt_dump_rings(const struct vt_ring_place *place, const struct vt_settings *s, const char *path,
                  enum vt_ending ending)
{
	struct vt_ring_view view;
	char temporary[PATH_MAX];

	int n = snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;
	int err = vt_ring_view_open(&view, place->path, VT_VIEW_COPY);
	if (err)
		return err;
	unlink(temporary);      /* of an earlier process with our number */
	err = write_log(temporary, &view, place->image, s, ending);
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err)
		unlink(temporary);
	return err;
}

/* ---- the signal ------------------------------------------------------------------------------------------ */

static sem_t asked;
static void (*dump_now)(void);
static pid_t owner;             /* a forked child has the handler, but not the thread */

static void on_signal(int number)
{
	int saved = errno;
	(void)number;
	sem_post(&asked);
	errno = saved;
}

static void *wait_for_signals(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "valktrace-dump");
	for (;;) {
		if (sem_wait(&asked) == 0)
			dump_now();
	}
	return NULL;
}

int vt_dump_on_signal(int number, void (*dump)(void))
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t all, before;
	pthread_t thread;
	int err = 0;

	dump_now = dump;
	if (owner != getpid()) {
		if (sem_init(&asked, 0, 0) < 0)
			return -errno;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		err = -pthread_create(&thread, NULL, wait_for_signals, NULL);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (err)
			return err;
		pthread_detach(thread);
		owner = getpid();
	}
	return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}
