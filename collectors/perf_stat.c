/*
 * perf_stat.c - collector perf-system: performance counters of the whole machine, from `perf stat -a`.
 *
 * perf is started once with all events. Only if it ends at once because it does not know one of them is each
 * tried alone, to find which ones are bad; then it is started with the good ones. What it prints per interval
 * is added up. Whatever happens to perf, the recording goes on, and says why there is nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/perf_child.h"
#include "collectors/perf_list.h"
#include "core/options.h"

enum { LAST_MS = 250, MOST_GARBAGE = 1 << 20 };
#define SILENT_NS 5000000000ull         /* beyond its interval: it hangs, or prints what is not ours */
#define EXIT_USAGE 129

struct perf_stat {
	const struct vt_collect *c;
	struct vt_perf_list list;
	struct vt_perf_child child;
	struct vt_perf_splitter splitter;
	enum { IDLE, COUNTING, TRYING, OFF } phase;
	unsigned trying;                /* event, while TRYING */
	bool tried, ending;             /* events were tried one by one; perf ends because we said so */
	bool lines;                     /* of this perf */
	uint64_t now, started, heard;   /* monotonic ns: last sample; since then no line was read */
	uint64_t interval;              /* perf's time: end of the interval that is read */
	uint64_t counted;               /* ns, over all perfs */
	uint64_t garbage;               /* bytes since the last line */
	char strange[48];               /* the first line that was none */
	char cpus[VT_OPTION_WORD];
};

/* ---- what is said -------------------------------------------------------------------------------------- */

static void unset_all(struct perf_stat *p)
{
	for (unsigned i = 0; i < p->list.count; i++) {
		const struct vt_perf_event *e = &p->list.events[i];
		if (e->metric >= 0)
			p->c->unset(p->c, VT_COLLECT_RUN, (unsigned)e->metric);
		if (e->share_metric > 0)
			p->c->unset(p->c, VT_COLLECT_RUN, (unsigned)e->share_metric);
	}
	p->c->unset(p->c, VT_COLLECT_RUN, VT_M_perf_time);
}

/* No numbers from now on. Events that have a reason of their own keep it. */
static void give_up(struct perf_stat *p, const char *reason)
{
	p->phase = OFF;
	for (unsigned i = 0; i < p->list.count; i++) {
		struct vt_perf_event *e = &p->list.events[i];
		if (!e->said || e->available)
			vt_perf_list_say(&p->list, p->c, e, false, reason);
	}
	unset_all(p);
	p->c->source(p->c, VT_COLLECT_RUN, VT_SRC_perf, false, reason);
}

static void printable(char *to, size_t size, const char *from, size_t length)
{
	size_t n = 0;

	for (; n < length && n + 1 < size && from[n] && from[n] != '\n'; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	to[n] = 0;
}

/* Why perf has ended without a number, out of what it said. */
static void reason_of(const struct perf_stat *p, int status, char reason[VT_PERF_REASON])
{
	const char *said = p->child.said, *found = strstr(said, "\\___ ");

	if (found && strncmp(found + 5, "parser error", 12) == 0) {
		snprintf(reason, VT_PERF_REASON, "perf knows no such event");
	} else if (found) {
		printable(reason, 72, found + 5, 72);
	} else if (strstr(said, "perf_event_paranoid") || strstr(said, "Access to performance")) {
		snprintf(reason, VT_PERF_REASON, "not permitted: perf_event_paranoid is %d, and no CAP_PERFMON",
		         vt_perf_paranoid());
	} else {
		said += strncmp(said, "Error:\n", 7) == 0 ? 7 : 0;
		said += strspn(said, " \n");
		printable(reason, 72, said, 72);
	}
	if (*reason)
		return;
	if (status != -1 && WIFSIGNALED(status))
		snprintf(reason, VT_PERF_REASON, "perf stat was killed by signal %d", WTERMSIG(status));
	else
		snprintf(reason, VT_PERF_REASON, "perf stat ended with exit %d",
		         status == -1 ? -1 : WEXITSTATUS(status));
}

/* ---- its numbers --------------------------------------------------------------------------------------- */

/* The interval before is whole: what it did not mention has a gap. */
static void begin_interval(struct perf_stat *p, uint64_t time)
{
	for (unsigned i = 0; i < p->list.count && p->interval > 0; i++) {
		struct vt_perf_event *e = &p->list.events[i];
		if (!e->wanted || e->at == p->interval)
			continue;
		e->gap = true;
		vt_perf_list_say(&p->list, p->c, e, false, "perf does not report it");
	}
	p->counted += time - p->interval;
	p->interval = time;
}

static void add_value(struct vt_perf_event *e, const struct vt_perf_line *line)
{
	uint64_t value = line->value;

	if (e->clock)
		value = vt_perf_line_ns(line);
	else if (e->thousandths && (__builtin_mul_overflow(value, 1000u, &value) ||
	                            __builtin_add_overflow(value, line->fraction / 1000000u, &value)))
		value = UINT64_MAX;
	e->total = value > UINT64_MAX - e->total ? UINT64_MAX : e->total + value;
	e->share = line->share;
	e->fresh = true;
}

static void take_event(struct perf_stat *p, struct vt_perf_event *e, const struct vt_perf_line *line)
{
	char note[VT_PERF_REASON] = "";
	size_t length = vt_perf_name_length(line->event);

	e->at = line->time;
	/* Clocks count all time, whatever is excluded. */
	if (strcmp(e->name, line->event) != 0 && !e->clock)
		snprintf(note, sizeof(note), strcmp(line->event + length, ":u") == 0
		         ? "in user mode only: %.64s" : "as %.64s", line->event);
	switch (line->counted) {
	case VT_PERF_COUNTED:
		add_value(e, line);
		vt_perf_list_say(&p->list, p->c, e, true, note);
		break;
	case VT_PERF_NOT_COUNTED:
		e->gap = true;
		if (!e->said)
			vt_perf_list_say(&p->list, p->c, e, false, "not counted: no counter was free");
		break;
	case VT_PERF_NOT_SUPPORTED:
		e->gap = true;
		vt_perf_list_say(&p->list, p->c, e, false, "not supported by this machine");
		break;
	}
}

static void take_line(void *user, const char *text, size_t length)
{
	struct perf_stat *p = user;
	struct vt_perf_line line;
	struct vt_perf_event *e;

	if (p->phase != COUNTING || length == 0)
		return;
	if (!vt_perf_line_read(text, length, &line) || line.time < p->interval ||
	    !(e = vt_perf_list_find(&p->list, line.event))) {
		if (!*p->strange)
			printable(p->strange, sizeof(p->strange), text, length);
		return;
	}
	if (line.time != p->interval)
		begin_interval(p, line.time);
	take_event(p, e, &line);
	p->lines = true;
	p->heard = 0;
	p->garbage = 0;
}

static void on_bytes(void *user, const char *bytes, size_t count)
{
	struct perf_stat *p = user;

	p->garbage += count;
	vt_perf_split(&p->splitter, bytes, count, take_line, p);
	if (p->garbage > MOST_GARBAGE && p->child.pid > 0)
		kill(p->child.pid, SIGKILL);
}

/* ---- perf ---------------------------------------------------------------------------------------------- */

static int run(struct perf_stat *p, const char *events, bool once)
{
	char interval[24];
	const char *argv[20] = { "perf", "stat", "-x", ";", "--no-big-num", "--log-fd", "3", "-a" };
	unsigned n = 8;

	snprintf(interval, sizeof(interval), "%llu",
	         (unsigned long long)(p->c->settings->perf_interval_ns / 1000000));
	if (*p->cpus)
		argv[n++] = "-C", argv[n++] = p->cpus;
	argv[n++] = "-e";
	argv[n++] = events;
	if (once)
		argv[n++] = "true";
	else
		argv[n++] = "-I", argv[n++] = interval;
	memset(&p->splitter, 0, sizeof(p->splitter));
	p->lines = p->ending = false;
	p->interval = p->garbage = p->heard = p->started = 0;
	*p->strange = 0;
	int err = vt_perf_child_start(&p->child, p->c->loop, argv);
	if (err == -ENOENT)
		give_up(p, "perf was not found in PATH (Debian: linux-perf)");
	else if (err)
		give_up(p, strerror(-err));
	return err;
}

static void start_counting(struct perf_stat *p)
{
	char events[VT_PERF_EVENTS * VT_PERF_NAME];
	size_t n = 0;

	for (unsigned i = 0; i < p->list.count; i++)
		if (p->list.events[i].wanted)
			n += (size_t)snprintf(events + n, sizeof(events) - n, "%s%s", n ? "," : "",
			                      p->list.events[i].name);
	if (n == 0) {
		char reason[VT_PERF_REASON];
		vt_perf_list_available(&p->list, reason);
		give_up(p, reason);
		return;
	}
	p->phase = COUNTING;
	run(p, events, false);
}

static void try_next(struct perf_stat *p)
{
	while (p->trying < p->list.count && !p->list.events[p->trying].wanted)
		p->trying++;
	p->phase = TRYING;
	if (p->trying < p->list.count)
		run(p, p->list.events[p->trying].name, true);
	else
		start_counting(p);
}

static void on_exited(void *user, int status)
{
	struct perf_stat *p = user;
	char reason[VT_PERF_REASON];

	if (p->phase == TRYING) {
		struct vt_perf_event *e = &p->list.events[p->trying++];
		if (status != 0) {
			reason_of(p, status, reason);
			e->wanted = false;
			vt_perf_list_say(&p->list, p->c, e, false, reason);
		}
		try_next(p);
		return;
	}
	if (p->ending) {
		p->phase = IDLE;
		return;
	}
	bool bad_event = strstr(p->child.said, "event syntax error") ||
	                 (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE);
	if (!p->lines && !p->tried && bad_event) {
		p->tried = true;
		p->trying = 0;
		try_next(p);
		return;
	}
	if (p->garbage > MOST_GARBAGE)
		snprintf(reason, sizeof(reason), "perf stat prints what cannot be read: %.40s", p->strange);
	else
		reason_of(p, status, reason);
	give_up(p, reason);
}

/* ---- the collector ------------------------------------------------------------------------------------- */

static bool choose_cpus(struct perf_stat *p)
{
	char online[256] = "", reason[VT_PERF_REASON];
	const char *wanted = p->c->settings->perf_cores;
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");

	if (f && !fgets(online, sizeof(online), f))
		*online = 0;
	if (f)
		fclose(f);
	online[strcspn(online, "\n")] = 0;
	int missing = vt_perf_cpu_missing(wanted, online);
	if (missing == -1 || !*online) {
		if (strcmp(wanted, "all") != 0)
			snprintf(p->cpus, sizeof(p->cpus), "%s", wanted);
		return true;
	}
	/* perf would say "not supported" of all events. */
	snprintf(reason, sizeof(reason), "CPU %d is not online (online: %.40s)", missing, online);
	if (missing < 0)
		snprintf(reason, sizeof(reason), "perf-cores: '%.40s' is no list of CPUs", wanted);
	give_up(p, reason);
	return false;
}

static int open_stat(void *state, const struct vt_collect *c)
{
	struct perf_stat *p = state;

	p->c = c;
	p->child = (struct vt_perf_child){ .bytes = on_bytes, .exited = on_exited, .user = p };
	c->source(c, VT_COLLECT_RUN, VT_SRC_perf, false, "perf stat has counted nothing yet");
	vt_perf_list_open(&p->list, c, VT_SRC_perf);
	if (choose_cpus(p))
		start_counting(p);
	return 0;
}

static void watch_silence(struct perf_stat *p)
{
	char reason[VT_PERF_REASON];
	uint64_t patience = SILENT_NS + (p->phase == COUNTING ? 2 * p->c->settings->perf_interval_ns : 0);

	if (p->heard == 0)
		p->heard = p->now;
	if (p->now - p->heard < patience || p->child.pid == 0)
		return;
	if (p->phase == TRYING) {
		kill(p->child.pid, SIGKILL);
		return;
	}
	snprintf(reason, sizeof(reason), *p->strange ? "perf stat prints what cannot be read: %.40s"
	                                             : "perf stat prints nothing", p->strange);
	for (unsigned i = 0; i < p->list.count; i++)
		p->list.events[i].gap = true;
	p->c->unset(p->c, VT_COLLECT_RUN, VT_M_perf_time);
	p->c->source(p->c, VT_COLLECT_RUN, VT_SRC_perf, false, reason);
}

static void hand_over(struct perf_stat *p, struct vt_perf_event *e, bool allowed)
{
	if (e->metric < 0 || (!e->fresh && !e->gap && allowed))
		return;
	if (e->fresh && allowed) {
		p->c->set(p->c, VT_COLLECT_RUN, (unsigned)e->metric, e->total);
		vt_perf_list_share(&p->list, p->c, e, VT_COLLECT_RUN, e->share);
	} else {
		p->c->unset(p->c, VT_COLLECT_RUN, (unsigned)e->metric);
		if (e->share_metric > 0)
			p->c->unset(p->c, VT_COLLECT_RUN, (unsigned)e->share_metric);
	}
	e->fresh = e->gap = false;
}

static void sample_stat(void *state, const struct vt_collect *c, uint64_t monotonic_ns)
{
	struct perf_stat *p = state;
	char reason[VT_PERF_REASON];

	p->now = monotonic_ns;
	if (p->phase == OFF)
		return;
	bool heard = p->lines && p->heard == 0, allowed = vt_perf_list_available(&p->list, reason);
	if (heard) {
		c->source(c, VT_COLLECT_RUN, VT_SRC_perf, allowed, reason);
		if (allowed)
			c->set(c, VT_COLLECT_RUN, VT_M_perf_time, p->counted);
		else
			c->unset(c, VT_COLLECT_RUN, VT_M_perf_time);
	}
	watch_silence(p);
	for (unsigned i = 0; i < p->list.count; i++)
		hand_over(p, &p->list.events[i], allowed);
}

static void begin_process(void *state, const struct vt_collect *c, const struct vt_collected *process)
{
	struct perf_stat *p = state;

	(void)c;
	(void)process;
	if (p->phase == IDLE)
		start_counting(p);
}

/* An interrupted perf prints the interval that it is in. */
static void last_stat(void *state, const struct vt_collect *c)
{
	struct perf_stat *p = state;

	(void)c;
	if (p->phase != COUNTING || p->child.pid == 0)
		return;
	p->ending = true;
	vt_perf_child_finish(&p->child, LAST_MS);
}

static void close_stat(void *state)
{
	struct perf_stat *p = state;

	vt_perf_child_kill(&p->child);
	free(p);
}

const struct vt_collector vt_collector_perf_stat = {
	.name = "perf-system",
	.summary = "performance counters of the whole machine, by perf stat",
	.sources = 1u << VT_SRC_perf,
	.state_size = sizeof(struct perf_stat),
	.open = open_stat,
	.sample = sample_stat,
	.begin = begin_process,
	.last = last_stat,
	.close = close_stat,
};
