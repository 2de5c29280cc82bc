/* perf_list.c - see perf_list.h. */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "collectors/perf_list.h"
#include "core/options.h"

#define SOFTWARE(which) PERF_TYPE_SOFTWARE, PERF_COUNT_SW_##which
#define HARDWARE(which) PERF_TYPE_HARDWARE, PERF_COUNT_HW_##which
#define CACHE(which, op, result) PERF_TYPE_HW_CACHE, \
	(uint64_t)PERF_COUNT_HW_CACHE_##which | (uint64_t)PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	(uint64_t)PERF_COUNT_HW_CACHE_RESULT_##result << 16
#define IDS(id) VT_M_perf_##id, VT_M_process_perf_##id

static const struct vt_perf_known known[] = {
	{ "cpu-clock", IDS(cpu_clock), true, true, SOFTWARE(CPU_CLOCK) },
	{ "context-switches", IDS(context_switches), false, true, SOFTWARE(CONTEXT_SWITCHES) },
	{ "cpu-migrations", IDS(cpu_migrations), false, true, SOFTWARE(CPU_MIGRATIONS) },
	{ "page-faults", IDS(page_faults), false, true, SOFTWARE(PAGE_FAULTS) },
	{ "cycles", IDS(cycles), false, true, HARDWARE(CPU_CYCLES) },
	{ "instructions", IDS(instructions), false, true, HARDWARE(INSTRUCTIONS) },
	{ "branches", IDS(branches), false, true, HARDWARE(BRANCH_INSTRUCTIONS) },
	{ "branch-misses", IDS(branch_misses), false, true, HARDWARE(BRANCH_MISSES) },
	{ "L1-dcache-loads", IDS(l1d_loads), false, true, CACHE(L1D, READ, ACCESS) },
	{ "L1-dcache-load-misses", IDS(l1d_load_misses), false, true, CACHE(L1D, READ, MISS) },
	{ "LLC-loads", IDS(llc_loads), false, true, CACHE(LL, READ, ACCESS) },
	{ "LLC-load-misses", IDS(llc_load_misses), false, true, CACHE(LL, READ, MISS) },
	{ "L1-icache-loads", IDS(l1i_loads), false, true, CACHE(L1I, READ, ACCESS) },
	{ "dTLB-loads", IDS(dtlb_loads), false, true, CACHE(DTLB, READ, ACCESS) },
	{ "dTLB-load-misses", IDS(dtlb_load_misses), false, true, CACHE(DTLB, READ, MISS) },
	{ "iTLB-loads", IDS(itlb_loads), false, true, CACHE(ITLB, READ, ACCESS) },
	{ "iTLB-load-misses", IDS(itlb_load_misses), false, true, CACHE(ITLB, READ, MISS) },
	/* Many PMUs have this one and not the loads, others the loads alone. */
	{ "L1-icache-load-misses", IDS(l1i_load_misses), false, true, CACHE(L1I, READ, MISS) },
	{ "task-clock", IDS(task_clock), true, false, SOFTWARE(TASK_CLOCK) },
};

#define KNOWN (sizeof(known) / sizeof(*known))

/* ---- the list ------------------------------------------------------------------------------------------ */

static const struct vt_perf_known *find_known(const char *name)
{
	for (unsigned i = 0; i < KNOWN; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

/* A label's value: names have no byte that would have to be escaped but those that were refused. */
static void label_of(const char *name, char *to, size_t size)
{
	size_t n = (size_t)snprintf(to, size, "event=\"%s\"", name);

	for (size_t i = 7; i + 1 < n && i < size; i++)
		if (to[i] == '"' || to[i] == '\\')
			to[i] = '?';
}

static int run_metric(const struct vt_perf_list *l, const struct vt_collect *c, const char *prefix,
                      const char *event, const struct vt_metric_desc *like)
{
	char name[VT_MAX_NAME], labels[VT_PERF_NAME + 16];
	struct vt_metric_desc d = *like;

	snprintf(name, sizeof(name), "%s%.*s", prefix, (int)(sizeof(name) - strlen(prefix) - 1), event);
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *p))
			*p = '_';
	label_of(event, labels, sizeof(labels));
	d.name = name;
	d.labels = labels;
	d.source = (uint8_t)l->source;
	return c->metric(c, &d);
}

static bool has(const struct vt_perf_list *l, const char *name)
{
	for (unsigned i = 0; i < l->count; i++)
		if (strcmp(l->events[i].name, name) == 0)
			return true;
	return false;
}

/* Energy has a unit and a fraction (Joules); all others but clocks are whole numbers of events. */
static int metric_for(const struct vt_perf_event *e, const struct vt_perf_list *l, const struct vt_collect *c)
{
	bool machine = l->source == VT_SRC_perf;
	struct vt_metric_desc d = { .kind = VT_METRIC_COUNTER, .help = "Events counted in the machine" };

	if (e->clock) {
		d.family = machine ? "valk_perf_clock_seconds_total" : "valk_process_perf_clock_seconds_total";
		d.unit = VT_UNIT_NS;
	} else if (e->thousandths) {
		d.family = "valk_perf_units_total";
		d.unit = VT_UNIT_MILLI;
	} else {
		d.family = machine ? "valk_perf_events_total" : "valk_process_perf_events_total";
	}
	return run_metric(l, c, machine ? "perf_" : "process_perf_", e->name, &d);
}

static void add(struct vt_perf_list *l, const struct vt_collect *c, const char *name, bool good)
{
	if (has(l, name))
		return;
	if (l->count == VT_PERF_EVENTS) {
		l->left_out++;
		return;
	}
	struct vt_perf_event *e = &l->events[l->count++];
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->known = find_known(name);
	e->wanted = good;
	e->share = 1000000;
	char base[VT_PERF_NAME];
	snprintf(base, sizeof(base), "%.*s", (int)vt_perf_name_length(name), name);
	const struct vt_perf_known *plain = find_known(base);
	e->clock = plain && plain->clock;
	e->thousandths = strncmp(name, "power/", 6) == 0;
	if (e->known)
		e->metric = l->source == VT_SRC_perf ? e->known->machine : e->known->process;
	else
		e->metric = metric_for(e, l, c);
	if (!good)
		vt_perf_list_say(l, c, e, false, "this is no name of an event");
}

void vt_perf_list_open(struct vt_perf_list *l, const struct vt_collect *c, enum vt_source_id source)
{
	const char *list = c->settings->perf_events;
	char name[VT_PERF_NAME];
	bool good;

	memset(l, 0, sizeof(*l));
	l->source = source;
	l->strict = c->settings->perf_strict != 0;
	if (!*list)
		for (unsigned i = 0; i < KNOWN; i++)
			if (known[i].standard)
				add(l, c, known[i].name, true);
	while (vt_perf_next_name(&list, name, &good))
		add(l, c, name, good);
}

/* As asked for; else with a modifier that perf has added, or without one. */
struct vt_perf_event *vt_perf_list_find(struct vt_perf_list *l, const char *name)
{
	size_t length = vt_perf_name_length(name);

	for (unsigned i = 0; i < l->count; i++)
		if (strcmp(l->events[i].name, name) == 0)
			return &l->events[i];
	for (unsigned i = 0; i < l->count; i++)
		if (strlen(l->events[i].name) == length && memcmp(l->events[i].name, name, length) == 0)
			return &l->events[i];
	return NULL;
}

/* ---- what can be had ----------------------------------------------------------------------------------- */

void vt_perf_list_say(struct vt_perf_list *l, const struct vt_collect *c, struct vt_perf_event *e,
                      bool available, const char *reason)
{
	(void)l;
	e->said = true;
	e->available = available;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	if (e->metric >= 0)
		c->state(c, (unsigned)e->metric, available, e->reason);
}

bool vt_perf_list_available(const struct vt_perf_list *l, char reason[VT_PERF_REASON])
{
	const struct vt_perf_event *bad = NULL;
	bool any = false;

	for (unsigned i = 0; i < l->count; i++) {
		const struct vt_perf_event *e = &l->events[i];
		any = any || e->available;
		if (!bad && e->said && !e->available)
			bad = e;
	}
	if (bad)
		snprintf(reason, VT_PERF_REASON, "%s%.40s: %.60s", l->strict ? "perf-strict: " : "", bad->name,
		         bad->reason);
	else
		snprintf(reason, VT_PERF_REASON, "nothing was counted");
	return any && !(l->strict && bad);
}

void vt_perf_list_share(struct vt_perf_list *l, const struct vt_collect *c, struct vt_perf_event *e,
                        uint32_t process, uint32_t share)
{
	bool machine = l->source == VT_SRC_perf;

	/* perf prints two decimals: what is less than half of one below 1 was counted all the time. */
	if (share < 999950 && e->share_metric == 0)
		e->share_metric = run_metric(l, c, machine ? "perf_running_" : "process_perf_running_", e->name,
			&(struct vt_metric_desc){
				.family = machine ? "valk_perf_running_ratio" : "valk_process_perf_running_ratio",
				.kind = VT_METRIC_GAUGE, .unit = VT_UNIT_PPM,
				.help = "Share of the time that an event had a counter: its values are scaled",
			});
	if (e->share_metric > 0)
		c->set(c, process, (unsigned)e->share_metric, share);
}

int vt_perf_paranoid(void)
{
	FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level = -2;

	if (f && fscanf(f, "%d", &level) != 1)
		level = -2;
	if (f)
		fclose(f);
	return level;
}
