/*
 * perf_event.c - collector perf: performance counters of the recorded processes alone, by perf_event_open.
 *
 * No child process and no right of an administrator: each followed process has counters of its own, which
 * its later threads inherit and its children do not: those that are recorded are followed themselves, so
 * nothing is counted twice. Counting begins when the recorder has found the process, a moment after its start.
 * The kernel may let counters take turns: then a value is scaled by enabled over running time.
 *
 * A child that has no ring is not counted. Counters that its parent's children inherit would see it, but each
 * followed child would then have its parent's and its own on the same hardware, a grandchild three sets, and
 * their turns would become as much shorter.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/perf_list.h"

enum { MOST_THREADS = 64 };

struct counter {
	int fd;
	unsigned event;
};

struct counted {                        /* a followed process */
	struct vt_collected process;
	struct counter *counters;
	unsigned count, room;
	uint64_t shown[VT_PERF_EVENTS]; /* scaled values are estimates: a total does not go back */
};

struct perf_event {
	struct vt_perf_list list;
	struct counted **processes;
	unsigned count, room;
	uint64_t open, most_open;       /* descriptors */
};

/* ---- opening ------------------------------------------------------------------------------------------- */

static const char *reason_of(int error, char text[VT_PERF_REASON])
{
	switch (error) {
	case ENOENT: case ENODEV: case EOPNOTSUPP: case ENXIO:
		return "not supported by this machine";
	case EACCES: case EPERM:
		snprintf(text, VT_PERF_REASON, "not permitted: perf_event_paranoid is %d, and no CAP_PERFMON",
		         vt_perf_paranoid());
		return text;
	case ENOSYS:
		return "this kernel has no performance counters";
	case EINVAL:
		return "this kernel cannot count it (inherit_thread needs Linux 5.13)";
	case EMFILE: case ENFILE:
		return "too many open files (ulimit -n)";
	case ESRCH:
		return "the process ended before it was counted";
	default:
		snprintf(text, VT_PERF_REASON, "%.60s", strerror(error));
		return text;
	}
}

/* These happen in the kernel: counted in user mode alone they would be 0, and that is no number. */
static bool only_in_kernel(const struct vt_perf_known *k)
{
	return k->type == PERF_TYPE_SOFTWARE && (k->config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
	                                         k->config == PERF_COUNT_SW_CPU_MIGRATIONS);
}

/* A descriptor, or a negative error. *user: only user mode may be counted. */
static int open_counter(const struct vt_perf_known *k, uint32_t tid, bool *user)
{
	struct perf_event_attr a = {
		.size = sizeof(a), .type = k->type, .config = k->config, .inherit = 1, .inherit_thread = 1,
		.exclude_kernel = *user, .exclude_hv = *user,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	long fd = syscall(SYS_perf_event_open, &a, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		return (int)fd;
	if ((errno == EACCES || errno == EPERM) && !*user && !only_in_kernel(k)) {
		*user = true;
		return open_counter(k, tid, user);
	}
	return -errno;
}

static bool add_counter(struct counted *p, int fd, unsigned event)
{
	if (p->count == p->room) {
		unsigned room = p->room ? 2 * p->room : 32;
		struct counter *grown = realloc(p->counters, room * sizeof(*grown));
		if (!grown)
			return false;
		p->counters = grown;
		p->room = room;
	}
	p->counters[p->count++] = (struct counter){ fd, event };
	return true;
}

/* 0, or the first error among its threads that no other thread made good. */
static int open_event(struct perf_event *s, struct counted *p, unsigned event, const uint32_t *tids,
                      unsigned tid_count, bool *user)
{
	int err = -ESRCH;

	for (unsigned i = 0; i < tid_count; i++) {
		int fd = -EMFILE;
		if (s->open < s->most_open)
			fd = open_counter(s->list.events[event].known, tids[i], user);
		if (fd >= 0 && !add_counter(p, fd, event)) {
			close(fd);
			fd = -ENOMEM;
		}
		s->open += fd >= 0;
		if (fd >= 0)
			err = 0;
		else if (err == -ESRCH)
			err = fd;
	}
	return err;
}

/* Threads that it has now; later ones inherit. In a program that records itself the recorder's is one of them. */
static unsigned threads_of(uint32_t pid, uint32_t tids[MOST_THREADS])
{
	char path[40];
	unsigned count = 0;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *directory = opendir(path);
	while (directory && count < MOST_THREADS && (entry = readdir(directory))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		if (tid != 0)
			tids[count++] = tid;
	}
	if (directory)
		closedir(directory);
	return count;
}

static void close_counters(struct perf_event *s, struct counted *p)
{
	for (unsigned i = 0; i < p->count; i++)
		close(p->counters[i].fd);
	s->open -= p->count;
	p->count = 0;
}

/* What one process has is told of all: an event is available when it was once. */
static void say(struct perf_event *s, const struct vt_collect *c, struct vt_perf_event *e, int err, bool user)
{
	char text[VT_PERF_REASON] = "";

	/* Clocks count all time, whatever is excluded. */
	if (err == 0 && user && !e->clock)
		snprintf(text, sizeof(text), "in user mode only: %.64s:u", e->name);
	if (err == 0 || !e->available)
		vt_perf_list_say(&s->list, c, e, err == 0, err ? reason_of(-err, text) : text);
}

static void open_all(struct perf_event *s, const struct vt_collect *c, struct counted *p)
{
	uint32_t tids[MOST_THREADS];
	unsigned tid_count = threads_of(p->process.pid, tids);
	char first[VT_PERF_REASON] = "", text[VT_PERF_REASON];
	bool any = false;

	for (unsigned i = 0; i < s->list.count; i++) {
		struct vt_perf_event *e = &s->list.events[i];
		bool user = false;
		if (!e->wanted)
			continue;
		int err = open_event(s, p, i, tids, tid_count, &user);
		say(s, c, e, err, user);
		any = any || err == 0;
		if (err && !*first)
			snprintf(first, sizeof(first), "%.40s: %.70s", e->name, reason_of(-err, text));
	}
	if (s->list.strict && !vt_perf_list_available(&s->list, first)) {
		close_counters(s, p);
		any = false;
	}
	c->source(c, p->process.index, VT_SRC_process_perf, any, *first ? first : "no event was asked for");
}

/* ---- reading ------------------------------------------------------------------------------------------- */

struct sum {
	uint64_t value, enabled, running;
	bool any;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static void read_counter(const struct counter *counter, struct sum *sum)
{
	uint64_t in[3];         /* value, enabled, running */
	uint64_t scaled;

	if (read(counter->fd, in, sizeof(in)) != (ssize_t)sizeof(in))
		return;
	sum->enabled = add(sum->enabled, in[1]);
	sum->running = add(sum->running, in[2]);
	if (!vt_perf_scale(in[0], in[1], in[2], &scaled))
		return;
	sum->value = add(sum->value, scaled);
	sum->any = true;
}

static void read_all(struct perf_event *s, const struct vt_collect *c, struct counted *p)
{
	struct sum sums[VT_PERF_EVENTS] = { { 0 } };

	for (unsigned i = 0; i < p->count; i++)
		read_counter(&p->counters[i], &sums[p->counters[i].event]);
	for (unsigned i = 0; i < s->list.count; i++) {
		struct vt_perf_event *e = &s->list.events[i];
		const struct sum *sum = &sums[i];
		if (e->metric < 0 || !sum->any)
			continue;
		p->shown[i] = sum->value > p->shown[i] ? sum->value : p->shown[i];
		c->set(c, p->process.index, (unsigned)e->metric, p->shown[i]);
		if (sum->enabled > 0 && sum->running < sum->enabled)
			vt_perf_list_share(&s->list, c, e, p->process.index,
			                   (uint32_t)((double)sum->running * 1e6 / (double)sum->enabled));
	}
}

/* ---- the collector ------------------------------------------------------------------------------------- */

static int open_collector(void *state, const struct vt_collect *c)
{
	struct perf_event *s = state;
	struct rlimit files;

	s->most_open = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur / 2 : 128;
	vt_perf_list_open(&s->list, c, VT_SRC_process_perf);
	for (unsigned i = 0; i < s->list.count; i++) {
		struct vt_perf_event *e = &s->list.events[i];
		if (!e->wanted || e->known)
			continue;
		e->wanted = false;
		vt_perf_list_say(&s->list, c, e, false, "by this name only perf knows it: --collect perf-system");
	}
	return 0;
}

static void begin_process(void *state, const struct vt_collect *c, const struct vt_collected *process)
{
	struct perf_event *s = state;

	if (s->count == s->room) {
		unsigned room = s->room ? 2 * s->room : 8;
		struct counted **grown = realloc(s->processes, room * sizeof(*grown));
		if (!grown)
			return;
		s->processes = grown;
		s->room = room;
	}
	struct counted *p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->process = *process;
	s->processes[s->count++] = p;
	open_all(s, c, p);
}

static void forget(struct perf_event *s, unsigned i)
{
	struct counted *p = s->processes[i];

	close_counters(s, p);
	free(p->counters);
	free(p);
	s->processes[i] = s->processes[--s->count];
}

static void end_process(void *state, const struct vt_collect *c, const struct vt_collected *process,
                        const struct rusage *usage)
{
	struct perf_event *s = state;

	(void)usage;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->processes[i]->process.index != process->index)
			continue;
		read_all(s, c, s->processes[i]);
		forget(s, i);
		return;
	}
}

static void sample(void *state, const struct vt_collect *c, uint64_t monotonic_ns)
{
	struct perf_event *s = state;

	(void)monotonic_ns;
	for (unsigned i = 0; i < s->count; i++)
		read_all(s, c, s->processes[i]);
}

static void close_collector(void *state)
{
	struct perf_event *s = state;

	while (s->count > 0)
		forget(s, s->count - 1);
	free(s->processes);
	free(s);
}

const struct vt_collector vt_collector_perf_event = {
	.name = "perf",
	.summary = "performance counters of the recorded processes",
	.categories = 1ull << VT_CAT_perf,
	.sources = 1u << VT_SRC_process_perf,
	.state_size = sizeof(struct perf_event),
	.open = open_collector,
	.begin = begin_process,
	.end = end_process,
	.sample = sample,
	.close = close_collector,
};
