/* vm.c - see vm.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collectors/vm.h"
#include "core/options.h"

enum { TEXT = 16384, SECOND = 1000000000 };

static const char *const keys[VT_VM_KEYS] = {
	"pgpgin", "pgpgout", "pswpin", "pswpout", "pgfault", "pgmajfault",
};

static const struct { uint16_t total, rate; bool pages, faults; } metrics[VT_VM_KEYS] = {
	{ VT_M_vm_paged_in, VT_M_vm_paged_in_per_second, false, false },
	{ VT_M_vm_paged_out, VT_M_vm_paged_out_per_second, false, false },
	{ VT_M_vm_swapped_in, VT_M_vm_swapped_in_per_second, true, false },
	{ VT_M_vm_swapped_out, VT_M_vm_swapped_out_per_second, true, false },
	{ VT_M_vm_faults, VT_M_vm_faults_per_second, false, true },
	{ VT_M_vm_major_faults, VT_M_vm_major_faults_per_second, false, true },
};

static uint64_t scale_of(unsigned key)
{
	if (metrics[key].faults)
		return 1;
	long page = metrics[key].pages ? sysconf(_SC_PAGESIZE) : 1024;
	return page > 0 ? (uint64_t)page : 4096;
}

static unsigned take_totals(struct vt_vm *v, const struct vt_collect *c, const char *text)
{
	uint64_t values[VT_VM_KEYS];
	bool found[VT_VM_KEYS];
	unsigned count = vt_proc_lines(text, keys, VT_VM_KEYS, values, found);

	for (unsigned i = 0; i < VT_VM_KEYS; i++) {
		struct vt_total *t = &v->totals[i];
		if (!found[i]) {
			t->known = false;
			v->broken[i] = true;
			c->unset(c, VT_COLLECT_RUN, metrics[i].total);
			continue;
		}
		if (!vt_total_add(t, values[i], scale_of(i)))
			v->broken[i] = true;
		c->set(c, VT_COLLECT_RUN, metrics[i].total, t->total);
	}
	return count;
}

/* Was the machine suspended, or the recorder held up for so long that an average says nothing of now? */
static bool is_gap(const struct vt_vm *v, struct vt_vm_time now)
{
	uint64_t ran = now.monotonic - v->last.monotonic, passed = now.boot - v->last.boot;

	return now.monotonic < v->last.monotonic || ran > 4 * v->interval + SECOND ||
	       passed > ran + SECOND / 2;
}

static void set_rates(struct vt_vm *v, const struct vt_collect *c, struct vt_vm_time now, bool gap)
{
	uint64_t time = now.monotonic - v->from.monotonic;

	for (unsigned i = 0; i < VT_VM_KEYS; i++) {
		uint64_t more = v->totals[i].total - v->at_from[i];
		if (gap || v->broken[i] || !v->totals[i].known)
			c->unset(c, VT_COLLECT_RUN, metrics[i].rate);
		else
			c->set(c, VT_COLLECT_RUN, metrics[i].rate,
			       vt_share(vt_times(more, metrics[i].faults ? 1000 : 1), SECOND, time));
		v->at_from[i] = v->totals[i].total;
		v->broken[i] = false;
	}
	v->from = now;
}

unsigned vt_vm_take(struct vt_vm *v, const struct vt_collect *c, const char *text, struct vt_vm_time now)
{
	bool gap = v->started && is_gap(v, now);
	unsigned found = take_totals(v, c, text);

	v->gaps += gap;
	if (found > 0)
		c->set(c, VT_COLLECT_RUN, VT_M_vm_gaps, v->gaps);
	else
		c->unset(c, VT_COLLECT_RUN, VT_M_vm_gaps);
	/* A reading that a process's end brought, soon after another: too short a time for a rate. */
	if (!v->started || gap || now.monotonic - v->from.monotonic >= v->interval / 2 + 1)
		set_rates(v, c, now, gap || !v->started);
	v->last = now;
	v->started = true;
	return found;
}

/* ---- the collector ------------------------------------------------------------------------------------ */

static int take(struct vt_vm *v, const struct vt_collect *c, uint64_t monotonic)
{
	struct timespec t = { 0 };
	char text[TEXT], reason[96] = "";

	ssize_t n = vt_procfile_read(&v->file, v->root, "vmstat", text, sizeof(text));
	if (n < 0)
		snprintf(reason, sizeof(reason), "/proc/vmstat: %s", strerror((int)-n));
	clock_gettime(CLOCK_BOOTTIME, &t);
	unsigned found = vt_vm_take(v, c, n < 0 ? "" : text, (struct vt_vm_time){
		monotonic, (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec });
	if (n >= 0 && found == 0)
		snprintf(reason, sizeof(reason), "/proc/vmstat has none of the fields that are read");
	c->source(c, VT_COLLECT_RUN, VT_SRC_vm, found > 0, reason);
	return n < 0 ? (int)n : 0;
}

static void close_files(struct vt_vm *v)
{
	vt_procfile_close(&v->file);
	if (v->root >= 0)
		close(v->root);
}

static int open_vm(void *state, const struct vt_collect *c)
{
	struct vt_vm *v = state;
	struct timespec t = { 0 };
	char reason[96];

	v->interval = c->settings->counters_ns;
	v->root = vt_procfile_directory("");
	if (v->root < 0) {
		snprintf(reason, sizeof(reason), "/proc: %s", strerror(-v->root));
		c->source(c, VT_COLLECT_RUN, VT_SRC_vm, false, reason);
		return v->root;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	int err = take(v, c, (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec);
	if (err)
		close_files(v);
	return err;
}

static void sample_vm(void *state, const struct vt_collect *c, uint64_t monotonic)
{
	take(state, c, monotonic);
}

static void close_vm(void *state)
{
	close_files(state);
	free(state);
}

const struct vt_collector vt_collector_vm = {
	.name = "vm",
	.summary = "paging, swapping and page faults of the machine (/proc/vmstat)",
	.standard = true,
	.state_size = sizeof(struct vt_vm),
	.sources = 1u << VT_SRC_vm,
	.open = open_vm,
	.sample = sample_vm,
	.close = close_vm,
};
