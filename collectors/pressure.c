/*
 * pressure.c - how long tasks of the machine waited for CPUs, memory and I/O since the recording began
 * (/proc/pressure, what the kernel calls PSI).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/pressure.h"
#include "collectors/procfile.h"
#include "collectors/total.h"
#include "core/collector.h"

static const char *const names[VT_PRESSURES] = { "pressure/cpu", "pressure/memory", "pressure/io" };

struct pressure {
	int root;
	struct vt_procfile files[VT_PRESSURES];
	struct vt_total totals[VT_PRESSURES][2];
};

bool vt_pressure_total(const char *text, const char *share, uint64_t *us)
{
	size_t n = strlen(share);
	const char *end;

	for (const char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		const char *at = strncmp(line, share, n) == 0 && line[n] == ' ' ? strstr(line, " total=") : NULL;
		if (!at || at > end)
			continue;
		at += strlen(" total=");
		return vt_proc_number(&at, us) && at == end;
	}
	return false;
}

static unsigned take(struct pressure *p, const struct vt_collect *c, unsigned which, const char *text)
{
	static const char *const shares[] = { "some", "full" };
	unsigned found = 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned metric = VT_M_pressure_cpu_some + 2 * which + i;
		struct vt_total *t = &p->totals[which][i];
		uint64_t us;
		if (!vt_pressure_total(text, shares[i], &us)) {
			t->known = false;
			c->unset(c, VT_COLLECT_RUN, metric);
			continue;
		}
		vt_total_add(t, us, 1000);
		c->set(c, VT_COLLECT_RUN, metric, t->total);
		found++;
	}
	return found;
}

static unsigned take_all(struct pressure *p, const struct vt_collect *c, int *error)
{
	unsigned found = 0;
	char text[512];

	for (unsigned i = 0; i < VT_PRESSURES; i++) {
		ssize_t n = vt_procfile_read(&p->files[i], p->root, names[i], text, sizeof(text));
		if (n < 0)
			*error = (int)n;
		found += take(p, c, i, n < 0 ? "" : text);
	}
	return found;
}

static void sample_pressure(void *state, const struct vt_collect *c, uint64_t monotonic)
{
	struct pressure *p = state;
	int error = 0;
	char reason[96] = "";
	(void)monotonic;

	unsigned found = take_all(p, c, &error);
	if (found == 0)
		snprintf(reason, sizeof(reason), "/proc/pressure: %s", error == -EOPNOTSUPP ?
		         "switched off; the kernel's parameter psi=1 switches it on" :
		         error ? strerror(-error) : "no totals in it");
	c->source(c, VT_COLLECT_RUN, VT_SRC_pressure, found > 0, reason);
}

static void close_files(struct pressure *p)
{
	for (unsigned i = 0; i < VT_PRESSURES; i++)
		vt_procfile_close(&p->files[i]);
	if (p->root >= 0)
		close(p->root);
}

static void close_pressure(void *state)
{
	close_files(state);
	free(state);
}

static int open_pressure(void *state, const struct vt_collect *c)
{
	struct pressure *p = state;

	p->root = vt_procfile_directory("");
	sample_pressure(p, c, 0);
	if (p->root >= 0 && p->files[0].handle + p->files[1].handle + p->files[2].handle > 0)
		return 0;
	close_files(p);
	return -ENOENT;
}

const struct vt_collector vt_collector_pressure = {
	.name = "pressure",
	.summary = "stalls for CPU, memory and I/O of the machine (/proc/pressure)",
	.standard = true,
	.state_size = sizeof(struct pressure),
	.sources = 1u << VT_SRC_pressure,
	.open = open_pressure,
	.sample = sample_pressure,
	.close = close_pressure,
};
