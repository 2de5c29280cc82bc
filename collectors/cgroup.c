/*
 * cgroup.c - limits of the control group that the first process runs in, and what they did to it since the
 * recording began. Version 2 of control groups; a limit of a group holds for those below it, so that the
 * smallest one on the way up counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/cgroup.h"
#include "collectors/procfile.h"
#include "collectors/total.h"
#include "core/collector.h"

const char *vt_cgroup_root = "/sys/fs/cgroup";

enum { DEEPEST = 16 };

struct cgroup {
	enum { UNKNOWN, FOUND, NONE } state;
	int groups[DEEPEST];            /* directories: the group, then those above it */
	unsigned depth;
	struct vt_procfile memory, events, cpu;
	struct vt_total oom_kills, throttled, throttled_us;
};

/* ---- texts -------------------------------------------------------------------------------------------- */

bool vt_cgroup_path(const char *text, char *path, size_t size, bool *v1)
{
	bool found = false;
	const char *end;

	*path = 0;
	*v1 = false;
	for (const char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		size_t n = (size_t)(end - line);
		if (n < 4 || strncmp(line, "0::/", 4) != 0) {
			*v1 = true;
			continue;
		}
		/* Out of the namespace that we see: its files are not to be found. */
		if (n - 3 >= size || (n >= 6 && strncmp(line + 3, "/..", 3) == 0))
			continue;
		memcpy(path, line + 3, n - 3);
		path[n - 3] = 0;
		found = true;
	}
	return found;
}

bool vt_cgroup_bytes(const char *text, uint64_t *bytes)
{
	uint64_t v;

	if (!vt_proc_number(&text, &v) || *text != '\n')
		return false;
	*bytes = v;
	return true;
}

bool vt_cgroup_cpu_limit(const char *text, uint64_t *milli)
{
	uint64_t quota, period;

	if (!vt_proc_number(&text, &quota) || *text++ != ' ' || !vt_proc_number(&text, &period) ||
	    *text != '\n' || period == 0)
		return false;
	*milli = vt_share(quota, 1000, period);
	return true;
}

/* ---- where it is -------------------------------------------------------------------------------------- */

static void open_groups(struct cgroup *g, char *path)
{
	char whole[2 * PATH_MAX];

	for (g->depth = 0; g->depth < DEEPEST;) {
		int n = snprintf(whole, sizeof(whole), "%s%s", vt_cgroup_root, path);
		int fd = n > 0 && (size_t)n < sizeof(whole) ?
			open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (fd >= 0)
			g->groups[g->depth++] = fd;
		if (strcmp(path, "/") == 0)
			return;
		char *slash = strrchr(path, '/');
		slash[slash == path] = 0;
	}
}

static void find_group(struct cgroup *g, const struct vt_collect *c)
{
	char name[32], text[4096], path[PATH_MAX], limits[64], reason[128];
	struct vt_collected p;
	bool v1 = false;

	if (!c->process(c, 0, &p))
		return;
	g->state = NONE;
	snprintf(name, sizeof(name), "%u", p.pid);
	int dir = vt_procfile_directory(name);
	ssize_t n = dir < 0 ? dir : vt_procfile_once(dir, "cgroup", text, sizeof(text));
	if (dir >= 0)
		close(dir);
	if (n < 0) {
		snprintf(reason, sizeof(reason), "/proc/%u/cgroup: %s", p.pid, strerror((int)-n));
		c->source(c, VT_COLLECT_RUN, VT_SRC_cgroup, false, reason);
		return;
	}
	bool found = vt_cgroup_path(text, path, sizeof(path), &v1);
	if (found)
		open_groups(g, path);
	/* The root has no limits, and a group without controllers neither. */
	for (unsigned i = 0; i < g->depth && g->state == NONE; i++)
		if (vt_procfile_once(g->groups[i], "memory.max", limits, sizeof(limits)) >= 0 ||
		    vt_procfile_once(g->groups[i], "cpu.max", limits, sizeof(limits)) >= 0)
			g->state = FOUND;
	c->source(c, VT_COLLECT_RUN, VT_SRC_cgroup, g->state == FOUND,
	          v1 ? "control groups v1 here: only those of v2 are read" :
	          found ? "the process runs in no control group that has limits" : "no control groups here");
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* The smallest limit of the groups, if there is one. */
static void set_limit(const struct cgroup *g, const struct vt_collect *c, unsigned metric, const char *name,
                      bool (*parse)(const char *text, uint64_t *value))
{
	uint64_t value, least = UINT64_MAX;
	char text[64];
	bool any = false;

	for (unsigned i = 0; i < g->depth; i++) {
		if (vt_procfile_once(g->groups[i], name, text, sizeof(text)) < 0 || !parse(text, &value))
			continue;
		least = value < least ? value : least;
		any = true;
	}
	if (any)
		c->set(c, VT_COLLECT_RUN, metric, least);
	else
		c->unset(c, VT_COLLECT_RUN, metric);
}

static void set_total(const struct vt_collect *c, unsigned metric, struct vt_total *t, bool found,
                      uint64_t value, uint64_t scale)
{
	if (!found) {
		t->known = false;
		c->unset(c, VT_COLLECT_RUN, metric);
		return;
	}
	vt_total_add(t, value, scale);
	c->set(c, VT_COLLECT_RUN, metric, t->total);
}

static void set_values(struct cgroup *g, const struct vt_collect *c)
{
	static const char *const event_keys[] = { "oom_kill" };
	static const char *const cpu_keys[] = { "nr_throttled", "throttled_usec" };
	uint64_t values[2] = { 0 }, bytes;
	bool found[2] = { false };
	char text[2048];

	if (vt_procfile_read(&g->memory, g->groups[0], "memory.current", text, sizeof(text)) >= 0 &&
	    vt_cgroup_bytes(text, &bytes))
		c->set(c, VT_COLLECT_RUN, VT_M_cgroup_memory, bytes);
	else
		c->unset(c, VT_COLLECT_RUN, VT_M_cgroup_memory);
	if (vt_procfile_read(&g->events, g->groups[0], "memory.events", text, sizeof(text)) >= 0)
		vt_proc_lines(text, event_keys, 1, values, found);
	set_total(c, VT_M_cgroup_oom_kills, &g->oom_kills, found[0], values[0], 1);
	found[0] = found[1] = false;
	if (vt_procfile_read(&g->cpu, g->groups[0], "cpu.stat", text, sizeof(text)) >= 0)
		vt_proc_lines(text, cpu_keys, 2, values, found);
	set_total(c, VT_M_cgroup_throttled, &g->throttled, found[0], values[0], 1);
	set_total(c, VT_M_cgroup_throttled_time, &g->throttled_us, found[1], values[1], 1000);
}

/* ---- the collector ------------------------------------------------------------------------------------ */

static int open_cgroup(void *state, const struct vt_collect *c)
{
	(void)state, (void)c;           /* there is no process yet */
	return 0;
}

static void sample_cgroup(void *state, const struct vt_collect *c, uint64_t monotonic)
{
	struct cgroup *g = state;
	(void)monotonic;

	if (g->state == UNKNOWN)
		find_group(g, c);
	if (g->state != FOUND)
		return;
	set_limit(g, c, VT_M_cgroup_memory_limit, "memory.max", vt_cgroup_bytes);
	set_limit(g, c, VT_M_cgroup_cpu_limit, "cpu.max", vt_cgroup_cpu_limit);
	set_values(g, c);
}

static void close_cgroup(void *state)
{
	struct cgroup *g = state;

	vt_procfile_close(&g->memory);
	vt_procfile_close(&g->events);
	vt_procfile_close(&g->cpu);
	for (unsigned i = 0; i < g->depth; i++)
		close(g->groups[i]);
	free(g);
}

const struct vt_collector vt_collector_cgroup = {
	.name = "cgroup",
	.summary = "limits of the control group, and what they did (cgroup v2)",
	.standard = true,
	.state_size = sizeof(struct cgroup),
	.sources = 1u << VT_SRC_cgroup,
	.open = open_cgroup,
	.sample = sample_cgroup,
	.close = close_cgroup,
};
