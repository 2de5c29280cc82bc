/*
 * process.c - the collector of followed processes.
 *
 * Context switches and waiting times are kept by the kernel for each thread alone: they are added up here, and a
 * thread that has ended counts with what was last seen of it. I/O of a process includes that of the children it
 * has waited for: what children did that are followed themselves is taken off again, so that the sum over
 * processes is right at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collectors/process.h"
#include "collectors/total.h"

enum { MOST_THREADS = 64, MOST_FDS = 4096, KEPT_OPEN = 32, MOST_LEFT = 64, IO_TRIES = 100, TEXT = 4096 };

struct thread {
	uint32_t tid;
	bool seen;
	uint64_t counts[3];             /* voluntary, involuntary, delay */
};

struct entry {
	struct vt_collected who;
	uint32_t parent_pid;            /* 0: not followed */
	uint64_t parent_start;
	int directory;                  /* /proc/PID */
	bool keep;                      /* its files stay open */
	bool is_image;                  /* not the first program of its process */
	bool done;                      /* a later image has taken over */
	bool left;                      /* it is here only until its parent has waited for it */
	bool gone;                      /* and that was seen: its I/O is in its parent's */
	bool alone;                     /* a zombie that never waited for a child: its usage is its own */
	struct vt_procfile stat, status, io, schedstat;
	struct vt_process_values now;   /* of the process since it began */
	uint64_t base[VT_P_VALUES];     /* totals when this image began */
	uint64_t children[VT_P_IO], io_raw[VT_P_IO];
	uint64_t faults;                /* of it and the children it waited for */
	uint64_t children_faults;       /* of those whose I/O is in `children` */
	struct thread threads[MOST_THREADS];
	unsigned thread_count;
	uint64_t ended[3];              /* of threads that are gone */
	bool too_many, no_delay;
	int io_error;
};

struct process {
	struct entry **entries;
	unsigned count, room, kept, left;
	uint64_t ticks_a_second;
};

/*
 * The kernel rounds user and system time down to ticks each, but has a clock for their sum: what is missing is
 * given to both, so that processes shorter than a tick count, too.
 */
static void take_cpu(const struct process *all, struct entry *e, const struct vt_proc_stat *s)
{
	struct vt_process_values *v = &e->now;
	const uint64_t tick = 1000000000 / all->ticks_a_second;
	uint64_t shown = (s->user + s->system) * tick;
	struct timespec t;
	clockid_t clock;

	vt_process_take_stat(v, s, all->ticks_a_second);
	if (clock_getcpuclockid((pid_t)e->who.pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return;
	uint64_t sum = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (sum <= shown || sum - shown > 2 * tick)
		return;
	vt_process_total(v, VT_P_CPU_USER, s->user * tick + (sum - shown) / 2);
	vt_process_total(v, VT_P_CPU_SYSTEM, s->system * tick + (sum - shown) / 2);
}

static void take_fds(struct entry *e)
{
	struct stat st;

	/* Since Linux 6.2 the directory's size tells it at once. */
	if (fstatat(e->directory, "fd", &st, 0) == 0 && st.st_size > 0) {
		vt_process_set(&e->now, VT_P_OPEN_FDS, (uint64_t)st.st_size);
		return;
	}
	int n = vt_procfile_numbers(e->directory, "fd", MOST_FDS, NULL, NULL);
	if (n >= 0 && n <= MOST_FDS)
		vt_process_set(&e->now, VT_P_OPEN_FDS, (uint64_t)n);
	else
		e->now.have[VT_P_OPEN_FDS] = false;
}

/* ---- threads ------------------------------------------------------------------------------------------ */

static void take_counts(struct entry *e, uint32_t tid, const uint64_t counts[3])
{
	struct thread *t = NULL;

	for (unsigned i = 0; i < e->thread_count && !t; i++)
		if (e->threads[i].tid == tid)
			t = &e->threads[i];
	if (!t) {
		if (e->thread_count == MOST_THREADS) {
			e->too_many = true;
			return;
		}
		t = &e->threads[e->thread_count++];
		*t = (struct thread){ .tid = tid };
	}
	t->seen = true;
	/* Counts that went down: a later thread with the same id. */
	bool is_other = counts[0] < t->counts[0] || counts[1] < t->counts[1];
	for (unsigned i = 0; i < 3; i++) {
		e->ended[i] += is_other ? t->counts[i] : 0;
		t->counts[i] = counts[i];
	}
}

static void take_thread(void *user, uint32_t tid)
{
	struct entry *e = user;
	char name[48], text[TEXT];
	uint64_t counts[3] = { 0 };

	snprintf(name, sizeof(name), "task/%u/status", tid);
	if (vt_procfile_once(e->directory, name, text, sizeof(text)) < 0 ||
	    !vt_process_switches(text, &counts[0], &counts[1]))
		return;                 /* it has just ended */
	snprintf(name, sizeof(name), "task/%u/schedstat", tid);
	if (vt_procfile_once(e->directory, name, text, sizeof(text)) < 0 || !vt_process_delay(text, &counts[2]))
		e->no_delay = true;
	take_counts(e, tid, counts);
}

static void forget_ended_threads(struct entry *e)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < e->thread_count; i++) {
		if (e->threads[i].seen)
			e->threads[kept++] = e->threads[i];
		else
			for (unsigned k = 0; k < 3; k++)
				e->ended[k] += e->threads[i].counts[k];
	}
	e->thread_count = kept;
}

static void add_threads(struct entry *e)
{
	static const unsigned values[3] = { VT_P_VOLUNTARY, VT_P_INVOLUNTARY, VT_P_RUN_DELAY };

	for (unsigned k = 0; k < 3; k++) {
		uint64_t sum = e->ended[k];
		for (unsigned i = 0; i < e->thread_count; i++)
			sum += e->threads[i].counts[k];
		if (e->too_many || e->thread_count == 0 || (k == 2 && e->no_delay))
			e->now.have[values[k]] = false;
		else
			vt_process_total(&e->now, values[k], sum);
	}
}

/* `status` is that of the main thread, which is all there is for most processes. */
static void take_threads(struct entry *e, uint64_t threads, const char *status)
{
	uint64_t counts[3] = { 0 };
	char text[128];

	for (unsigned i = 0; i < e->thread_count; i++)
		e->threads[i].seen = false;
	if (threads > MOST_THREADS)
		e->too_many = true;
	if (threads > 1 && !e->too_many) {
		vt_procfile_numbers(e->directory, "task", MOST_THREADS, take_thread, e);
	} else if (!e->too_many && vt_process_switches(status, &counts[0], &counts[1])) {
		if (vt_procfile_read(&e->schedstat, e->directory, "schedstat", text, sizeof(text)) < 0 ||
		    !vt_process_delay(text, &counts[2]))
			e->no_delay = true;
		take_counts(e, e->who.pid, counts);
	}
	forget_ended_threads(e);
	add_threads(e);
}

static void close_files(struct entry *e)
{
	vt_procfile_close(&e->stat);
	vt_procfile_close(&e->status);
	vt_procfile_close(&e->io);
	vt_procfile_close(&e->schedstat);
}

/* ---- I/O, and that of children ------------------------------------------------------------------------- */

static void remove_entry(struct process *all, struct entry *e)
{
	for (unsigned i = 0; i < all->count; i++)
		if (all->entries[i] == e)
			all->entries[i] = all->entries[--all->count];
	close_files(e);
	if (e->directory >= 0)
		close(e->directory);
	all->kept -= e->keep;
	all->left -= e->left;
	free(e);
}

static bool is_child(const struct entry *e, const struct entry *parent)
{
	return !e->done && e->parent_pid == parent->who.pid && e->parent_start == parent->who.start;
}

static bool look_at(const struct entry *e, struct vt_proc_stat *s)
{
	char text[TEXT];

	return e->directory >= 0 && vt_procfile_once(e->directory, "stat", text, sizeof(text)) >= 0 &&
	       vt_proc_stat(text, s) && (e->who.start == 0 || s->start == e->who.start);
}

/*
 * Not if nobody waited for the child: its parent ignores SIGCHLD. Who waits gets the child's faults in the same
 * step as its I/O.
 */
static void take_off(struct entry *e, const struct entry *child)
{
	struct vt_proc_stat s;

	if (!look_at(e, &s) || s.minor_of_children + s.major_of_children < e->children_faults + child->faults)
		return;
	e->children_faults += child->faults;
	for (unsigned i = 0; i < VT_P_IO; i++)
		e->children[i] += child->io_raw[i];
}

/*
 * I/O of a child comes into its parent's at the moment when that waits for it, and the child is gone right after.
 * So if, after the parent's was read, each child is either there or was known to be gone, no child is in both or
 * in neither. False: read it again. (State X: it is being waited for right now.)
 */
static bool children_agree(struct process *all, struct entry *e)
{
	bool agree = true;

	for (unsigned i = all->count; i-- > 0;) {
		struct entry *child = all->entries[i];
		struct vt_proc_stat s;
		if (child->gone || !is_child(child, e))
			continue;
		bool there = look_at(child, &s);
		agree = agree && there && s.state != 'X';
		if (there)
			continue;
		take_off(e, child);
		child->gone = true;
		/* The last entry takes its place: that one was looked at. */
		if (child->left)
			remove_entry(all, child);
	}
	return agree;
}

static void take_io(struct process *all, struct entry *e, char *text)
{
	struct vt_process_values raw;
	unsigned tries = 0;

	do {
		raw = (struct vt_process_values){ .have = { false } };
		ssize_t n = vt_procfile_read(&e->io, e->directory, "io", text, TEXT);
		e->io_error = n < 0 ? (int)n : 0;
		if (n < 0 || tries++ == IO_TRIES)
			return;
		if (tries > 1)
			sched_yield();
		vt_process_take_io(&raw, text);
	} while (!children_agree(all, e));
	for (unsigned i = 0; i < VT_P_IO; i++) {
		uint64_t v = raw.value[VT_P_READ + i];
		if (!raw.have[VT_P_READ + i])
			continue;
		e->io_raw[i] = v;
		vt_process_total(&e->now, VT_P_READ + i, v > e->children[i] ? v - e->children[i] : 0);
	}
}

/* ---- one process --------------------------------------------------------------------------------------- */

/* Reads what there is. 0, or why nothing could be read: what was read before stays. */
static int read_entry(struct process *all, struct entry *e)
{
	struct vt_proc_stat s;
	char text[TEXT];

	ssize_t n = vt_procfile_read(&e->stat, e->directory, "stat", text, sizeof(text));
	if (n >= 0 && !vt_proc_stat(text, &s))
		n = -EINVAL;
	/* A recorded process whose ring file tells no start has none to compare. */
	if (n >= 0 && e->who.start != 0 && s.start != e->who.start)
		n = -ESRCH;
	if (n < 0) {
		close_files(e);
		return (int)n;
	}
	take_cpu(all, e, &s);
	e->faults = s.minor + s.major + s.minor_of_children + s.major_of_children;
	e->alone = vt_proc_is_dead(&s) && s.minor_of_children + s.major_of_children == 0;
	n = vt_procfile_read(&e->status, e->directory, "status", text, sizeof(text));
	if (n >= 0) {
		vt_process_take_status(&e->now, text);
		take_threads(e, s.threads, text);
	}
	take_io(all, e, text);
	if (!vt_proc_is_dead(&s))
		take_fds(e);
	if (!e->keep)
		close_files(e);
	return 0;
}

static bool is_total(unsigned value)
{
	return value < VT_P_RESIDENT || value > VT_P_PEAK_RESIDENT;
}

static void set_values(const struct entry *e, const struct vt_collect *c)
{
	for (unsigned i = 0; i < VT_P_VALUES; i++) {
		uint64_t base = is_total(i) ? e->base[i] : 0, v = e->now.value[i];
		if (e->now.have[i])
			c->set(c, e->who.index, VT_M_process_cpu_user + i, v > base ? v - base : 0);
		else
			c->unset(c, e->who.index, VT_M_process_cpu_user + i);
	}
}
VT_STATIC_ASSERT(VT_M_process_storage_written == VT_M_process_cpu_user + VT_P_VALUES - 1, "the same order");

static void say_sources(const struct entry *e, const struct vt_collect *c, int err)
{
	char reason[96];

	if (e->now.have[VT_P_CPU_USER]) {
		c->source(c, e->who.index, VT_SRC_process, true, "");
	} else {
		snprintf(reason, sizeof(reason), "/proc/%u/stat: %s", e->who.pid, strerror(-err));
		c->source(c, e->who.index, VT_SRC_process, false, reason);
	}
	if (e->now.have[VT_P_READ] || e->now.have[VT_P_WRITTEN]) {
		c->source(c, e->who.index, VT_SRC_process_io, true, "");
		return;
	}
	int error = err ? err : e->io_error;
	snprintf(reason, sizeof(reason), "/proc/%u/io: %s", e->who.pid,
	         error ? strerror(-error) : "none of the fields that are read");
	c->source(c, e->who.index, VT_SRC_process_io, false, reason);
}

static void update(struct process *all, struct entry *e, const struct vt_collect *c)
{
	int err = e->directory < 0 ? e->directory : read_entry(all, e);

	set_values(e, c);
	say_sources(e, c, err);
}

/* ---- they come and go ----------------------------------------------------------------------------------- */

static struct entry *find(const struct process *all, uint32_t index)
{
	for (unsigned i = 0; i < all->count; i++)
		if (all->entries[i]->who.index == index)
			return all->entries[i];
	return NULL;
}

/* The newest image of a process. */
static struct entry *find_pid(const struct process *all, uint32_t pid, uint64_t start)
{
	for (unsigned i = 0; i < all->count; i++)
		if (all->entries[i]->who.pid == pid && all->entries[i]->who.start == start &&
		    !all->entries[i]->done && !all->entries[i]->left)
			return all->entries[i];
	return NULL;
}

static struct entry *add_entry(struct process *all, const struct vt_collected *p)
{
	if (all->count == all->room) {
		unsigned room = all->room ? 2 * all->room : 8;
		struct entry **grown = realloc(all->entries, room * sizeof(*grown));
		if (!grown)
			return NULL;
		all->entries = grown;
		all->room = room;
	}
	struct entry *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->who = *p;
	e->directory = -ESRCH;
	all->entries[all->count++] = e;
	return e;
}

/* The process has executed another program: all that it did until now belongs to the former image. */
static void take_over(struct process *all, struct entry *e, struct entry *former,
                      const struct vt_collect *c)
{
	struct vt_collected who = e->who;

	update(all, former, c);
	*e = *former;
	e->who = who;
	e->is_image = true;
	memcpy(e->base, e->now.value, sizeof(e->base));
	e->now.have[VT_P_PEAK_RESIDENT] = false;        /* of the memory that is gone */
	memset(&former->stat, 0, sizeof(former->stat));
	memset(&former->status, 0, sizeof(former->status));
	memset(&former->io, 0, sizeof(former->io));
	memset(&former->schedstat, 0, sizeof(former->schedstat));
	former->directory = -ESRCH;
	former->keep = false;
	former->done = true;
}

static void begin_process(void *state, const struct vt_collect *c, const struct vt_collected *p)
{
	struct process *all = state;
	struct entry *former = find_pid(all, p->pid, p->start);
	struct entry *parent = find(all, p->parent);
	char name[32];

	struct entry *e = add_entry(all, p);
	if (!e)
		return;
	if (former) {
		take_over(all, e, former, c);
	} else {
		snprintf(name, sizeof(name), "%u", p->pid);
		e->directory = vt_procfile_directory(name);
		e->keep = all->kept < KEPT_OPEN;
		all->kept += e->keep;
	}
	if (parent && !former) {
		e->parent_pid = parent->who.pid;
		e->parent_start = parent->who.start;
	}
	update(all, e, c);
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

/* What the kernel says of a process that waited for nobody is exact, to the end and over all threads. */
static void take_usage(struct entry *e, const struct rusage *u)
{
	vt_process_total(&e->now, VT_P_CPU_USER, ns_of(u->ru_utime));
	vt_process_total(&e->now, VT_P_CPU_SYSTEM, ns_of(u->ru_stime));
	vt_process_total(&e->now, VT_P_MINOR_FAULTS, (uint64_t)u->ru_minflt);
	vt_process_total(&e->now, VT_P_MAJOR_FAULTS, (uint64_t)u->ru_majflt);
	vt_process_total(&e->now, VT_P_VOLUNTARY, (uint64_t)u->ru_nvcsw);
	vt_process_total(&e->now, VT_P_INVOLUNTARY, (uint64_t)u->ru_nivcsw);
	/* An earlier image may have been the larger one. */
	if (!e->is_image && u->ru_maxrss > 0)
		vt_process_total(&e->now, VT_P_PEAK_RESIDENT, (uint64_t)u->ru_maxrss * 1024);
}

/* What it did is taken off its parent's when that has waited for it; if that is gone, too, it never will be. */
static void leave(struct process *all, struct entry *e)
{
	struct entry *parent = e->parent_pid ? find_pid(all, e->parent_pid, e->parent_start) : NULL;

	for (unsigned i = all->count; i-- > 0;)
		if (all->entries[i]->left && is_child(all->entries[i], e))
			remove_entry(all, all->entries[i]);
	if (!parent || e->gone) {
		remove_entry(all, e);
		return;
	}
	if (all->left == MOST_LEFT) {
		for (unsigned i = 0; i < VT_P_IO; i++)
			parent->children[i] += e->io_raw[i];
		remove_entry(all, e);
		return;
	}
	close_files(e);
	all->kept -= e->keep;
	e->keep = false;
	e->left = true;
	all->left++;
}

static void end_process(void *state, const struct vt_collect *c, const struct vt_collected *p,
                        const struct rusage *usage)
{
	struct process *all = state;
	struct entry *e = find(all, p->index);

	if (!e)
		return;
	if (e->done) {
		remove_entry(all, e);
		return;
	}
	update(all, e, c);
	if (usage && e->alone)
		take_usage(e, usage);
	set_values(e, c);
	leave(all, e);
}

/* ---- the collector ------------------------------------------------------------------------------------ */

static int open_process(void *state, const struct vt_collect *c)
{
	struct process *all = state;
	long hz = sysconf(_SC_CLK_TCK);
	(void)c;

	all->ticks_a_second = hz > 0 ? (uint64_t)hz : 100;
	return 0;
}

static void sample_process(void *state, const struct vt_collect *c, uint64_t monotonic)
{
	struct process *all = state;
	(void)monotonic;

	/* An update may remove others: the last one takes their place. */
	for (unsigned i = all->count; i-- > 0;)
		if (i < all->count && !all->entries[i]->done && !all->entries[i]->left)
			update(all, all->entries[i], c);
}

static void close_process(void *state)
{
	struct process *all = state;

	while (all->count > 0)
		remove_entry(all, all->entries[all->count - 1]);
	free(all->entries);
	free(all);
}

const struct vt_collector vt_collector_process = {
	.name = "process",
	.summary = "CPU, memory, faults, switches, threads and I/O of each process",
	.standard = true,
	.state_size = sizeof(struct process),
	.sources = 1u << VT_SRC_process | 1u << VT_SRC_process_io,
	.open = open_process,
	.sample = sample_process,
	.close = close_process,
	.begin = begin_process,
	.end = end_process,
};
