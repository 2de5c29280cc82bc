/* collecting.c - see collecting.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/collecting.h"
#include "core/recorder.h"

enum { MOST = 16, TOUCH_NS = 5000000 };

struct vt_collecting {
	struct vt_collect api;          /* first: what collectors have is a pointer to it */
	struct vt_recorder *recorder;
	struct { const struct vt_collector *of; void *state; } open[MOST];
	unsigned count, run_metrics;
	uint64_t sampled;               /* monotonic ns */
	struct vt_out schema;           /* METRIC records */
	/*
	 * Values of the run are kept with the oldest process that is followed. When it ends, the next one goes
	 * on from where it stopped: the sum over processes is the total. What is set before there is any
	 * waits here.
	 */
	uint32_t home;
	uint64_t base[VT_MAX_METRICS], last[VT_MAX_METRICS];
	bool is_total[VT_MAX_METRICS], is_run[VT_MAX_METRICS];
	/* What was said of sources of the run, for processes that come later. */
	struct { enum { SILENT, ABSENT, AVAILABLE } state; char reason[VT_REASON_MAX]; } said[VT_MAX_SOURCES];
	struct { uint8_t state; char reason[VT_REASON_MAX]; } states[VT_MAX_METRICS];   /* vt_metric_state */
};

static struct vt_collecting *of(const struct vt_collect *c)
{
	return (struct vt_collecting *)(uintptr_t)c;
}

/* ---- what collectors call ------------------------------------------------------------------------------ */

static struct vt_collected collected(const struct vt_followed *p)
{
	const struct vt_ring_file *f = p->view.file;

	return (struct vt_collected){
		.index = p->index, .pid = p->view.pid, .start = f->pid_start, .parent = p->parent,
	};
}

static bool give_process(const struct vt_collect *api, unsigned i, struct vt_collected *p)
{
	const struct vt_recorder *r = of(api)->recorder;

	if (i >= r->process_count)
		return false;
	*p = collected(r->processes[i]);
	return true;
}

static struct vt_followed *oldest(const struct vt_recorder *r, const struct vt_followed *but)
{
	struct vt_followed *found = NULL;

	for (unsigned i = 0; i < r->process_count; i++)
		if (r->processes[i] != but && (!found || r->processes[i]->index < found->index))
			found = r->processes[i];
	return found;
}

static void store(struct vt_followed *p, unsigned metric, uint64_t value)
{
	vt_store_relaxed(&p->view.file->gauges[metric], value);
	__atomic_fetch_or(&p->view.file->present[metric / 64], 1ull << metric % 64, __ATOMIC_RELAXED);
}

/* Absent holds for every process; available only for the one that has the values. */
static void repeat_sources(const struct vt_collecting *c, struct vt_followed *p, bool is_home)
{
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		if (c->said[i].state == ABSENT || (c->said[i].state == AVAILABLE && is_home))
			vt_follow_source(p, i, c->said[i].state == AVAILABLE, c->said[i].reason);
}

/* A value of the run as its home has it: without what other homes had before. */
static uint64_t since_base(const struct vt_collecting *c, unsigned metric)
{
	return c->last[metric] - (c->base[metric] < c->last[metric] ? c->base[metric] : c->last[metric]);
}

static struct vt_followed *place_of(struct vt_collecting *c, uint32_t process)
{
	if (process != VT_COLLECT_RUN)
		return vt_recorder_process(c->recorder, process);
	struct vt_followed *p = oldest(c->recorder, NULL);
	if (p && p->index != c->home) {
		for (unsigned m = 0; m < VT_MAX_METRICS; m++) {
			c->base[m] = c->is_total[m] && c->home != VT_COLLECT_RUN ? c->last[m] : 0;
			if (c->is_run[m])
				store(p, m, since_base(c, m));
		}
		c->home = p->index;
		repeat_sources(c, p, true);
	}
	return p;
}

static void set(const struct vt_collect *api, uint32_t process, unsigned metric, uint64_t value)
{
	struct vt_collecting *c = of(api);
	struct vt_followed *p = place_of(c, process);

	if (metric >= VT_MAX_METRICS)
		return;
	if (process == VT_COLLECT_RUN) {
		c->last[metric] = value;
		c->is_run[metric] = true;
		value = since_base(c, metric);
	}
	if (p)
		store(p, metric, value);
}

static void unset(const struct vt_collect *api, uint32_t process, unsigned metric)
{
	struct vt_followed *p = place_of(of(api), process);

	if (metric < VT_MAX_METRICS && process == VT_COLLECT_RUN)
		of(api)->is_run[metric] = false;
	if (!p || metric >= VT_MAX_METRICS)
		return;
	vt_store_relaxed(&p->view.file->gauges[metric], 0);
	__atomic_fetch_and(&p->view.file->present[metric / 64], ~(1ull << metric % 64), __ATOMIC_RELAXED);
}

/* It came after all: why it was absent is no longer so, not for the processes that have no part of it either. */
static void take_back(const struct vt_collecting *c, unsigned source)
{
	for (unsigned i = 0; i < c->recorder->process_count; i++)
		vt_follow_source_unsaid(c->recorder->processes[i], source);
}

static void say_source(const struct vt_collect *api, uint32_t process, enum vt_source_id source,
                       bool available, const char *reason)
{
	struct vt_collecting *c = of(api);
	struct vt_followed *p = place_of(c, process);

	if ((unsigned)source >= VT_MAX_SOURCES)
		return;
	if (process == VT_COLLECT_RUN) {
		if (available && c->said[source].state == ABSENT)
			take_back(c, source);
		c->said[source].state = available ? AVAILABLE : ABSENT;
		snprintf(c->said[source].reason, VT_REASON_MAX, "%s", available ? "" : reason);
	}
	if (p)
		vt_follow_source(p, source, available, reason);
}

static int write_schema(struct vt_collecting *c, const struct vt_out *payload)
{
	return payload->failed ? -ENOMEM :
	       vt_log_records(&c->recorder->log, VT_CHUNK_SCHEMA, VT_NO_PROCESS, payload);
}

static void encode_state(const struct vt_collecting *c, unsigned metric, struct vt_out *payload)
{
	const char *reason = c->states[metric].reason;

	vt_rec_metric_state_encode(payload, &(struct vt_rec_metric_state){
		.id = (uint16_t)metric, .state = c->states[metric].state, .reason = { reason, strlen(reason) },
	});
}

static void say_state(const struct vt_collect *api, unsigned metric, bool available, const char *reason)
{
	struct vt_collecting *c = of(api);
	uint8_t state = available ? VT_METRIC_AVAILABLE : VT_METRIC_UNAVAILABLE;
	char text[VT_REASON_MAX];
	struct vt_out payload = { 0 };

	snprintf(text, sizeof(text), "%s", reason ? reason : "");
	if (metric >= VT_MAX_METRICS || (c->states[metric].state == state &&
	                                 strcmp(c->states[metric].reason, text) == 0))
		return;
	c->states[metric].state = state;
	strcpy(c->states[metric].reason, text);
	encode_state(c, metric, &payload);
	write_schema(c, &payload);
	vt_out_free(&payload);
}

static int add_metric(const struct vt_collect *api, const struct vt_metric_desc *d)
{
	struct vt_collecting *c = of(api);
	unsigned id = VT_METRIC_COUNT + c->run_metrics;
	struct vt_out payload = { 0 };

	if (id >= VT_MAX_METRICS)
		return -1;
	vt_rec_metric_encode(&payload, &(struct vt_rec_metric){
		.id = (uint16_t)id, .source = d->source, .kind = d->kind, .unit = d->unit,
		.name = { d->name, strlen(d->name) }, .family = { d->family, strlen(d->family) },
		.labels = { d->labels, strlen(d->labels) }, .help = { d->help, strlen(d->help) },
	});
	int err = write_schema(c, &payload);
	if (!err)
		vt_out_bytes(&c->schema, payload.data, payload.length);
	vt_out_free(&payload);
	if (err)
		return -1;
	c->is_total[id] = d->kind == VT_METRIC_COUNTER;
	c->run_metrics++;
	return (int)id;
}

/* ---- which are on -------------------------------------------------------------------------------------- */

/* By its default or its categories, then by each name of the list in turn: "perf", "!vm", "all", "none". */
static bool is_wanted(const struct vt_collector *k, const char *list, uint64_t categories)
{
	bool on = k->standard || (k->categories & categories) != 0;

	while (*list) {
		size_t length = strcspn(list, ",+ ");
		bool away = *list == '!';
		size_t n = length - away;
		if ((n == strlen(k->name) && strncmp(list + away, k->name, n) == 0) ||
		    (n == 3 && strncmp(list + away, "all", n) == 0))
			on = !away;
		if (length == 4 && strncmp(list, "none", 4) == 0)
			on = false;
		list += length + (list[length] != 0);
	}
	return on;
}

bool vt_collecting_knows(const char *name)
{
	for (unsigned i = 0; vt_collectors[i]; i++)
		if (strcmp(vt_collectors[i]->name, name) == 0)
			return true;
	return strcmp(name, "all") == 0 || strcmp(name, "none") == 0;
}

static void open_one(struct vt_collecting *c, const struct vt_collector *k)
{
	void *state = calloc(1, k->state_size ? k->state_size : 1);

	if (!state || k->open(state, &c->api) < 0) {
		free(state);
		return;
	}
	c->open[c->count].of = k;
	c->open[c->count++].state = state;
}

/* Nobody is left to wonder why there is nothing. */
static void say_off(struct vt_collecting *c, const struct vt_collector *k)
{
	char reason[VT_REASON_MAX];

	snprintf(reason, sizeof(reason), k->standard ? "switched off by --collect" :
	         "not asked for: --collect %s", k->name);
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		if (k->sources >> i & 1)
			say_source(&c->api, VT_COLLECT_RUN, (enum vt_source_id)i, false, reason);
}

struct vt_collecting *vt_collecting_open(struct vt_recorder *r, const struct vt_settings *settings)
{
	struct vt_collecting *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->api = (struct vt_collect){
		.loop = r->loop, .settings = settings, .process = give_process, .set = set, .unset = unset,
		.source = say_source, .metric = add_metric, .state = say_state,
	};
	c->recorder = r;
	c->home = VT_COLLECT_RUN;
	for (unsigned m = 0; m < VT_METRIC_COUNT; m++)
		c->is_total[m] = vt_schema_builtin()->metrics[m].kind == VT_METRIC_COUNTER;
	uint64_t named = 0;
	char unknown[VT_OPTION_WORD];
	if (*settings->events)
		vt_category_set(settings->events, &named, unknown, sizeof(unknown));
	for (unsigned i = 0; vt_collectors[i] && c->count < MOST; i++)
		if (is_wanted(vt_collectors[i], settings->collect, named))
			open_one(c, vt_collectors[i]);
		else
			say_off(c, vt_collectors[i]);
	return c;
}

void vt_collecting_sample(struct vt_collecting *c)
{
	uint64_t now = vt_anchor_now().monotonic;

	c->sampled = now;
	for (unsigned i = 0; i < c->count; i++)
		c->open[i].of->sample(c->open[i].state, &c->api, now);
}

/* Not for each of a thousand short processes. */
static void sample_unless_just_done(struct vt_collecting *c)
{
	if (vt_anchor_now().monotonic - c->sampled > TOUCH_NS)
		vt_collecting_sample(c);
}

void vt_collecting_begin(struct vt_collecting *c, const struct vt_followed *p)
{
	struct vt_collected who = collected(p);
	struct vt_followed *home = place_of(c, VT_COLLECT_RUN);

	if (home != p)
		repeat_sources(c, vt_recorder_process(c->recorder, p->index), false);
	for (unsigned i = 0; i < c->count; i++)
		if (c->open[i].of->begin)
			c->open[i].of->begin(c->open[i].state, &c->api, &who);
	sample_unless_just_done(c);
}

/* Gauges of the run go on with another process: its last word must not be this one's. */
static void leave_home(struct vt_collecting *c, const struct vt_followed *p)
{
	struct vt_followed *next = oldest(c->recorder, p);

	if (p->index != c->home || !next)
		return;
	for (unsigned m = 0; m < VT_MAX_METRICS; m++) {
		if (!c->is_run[m] || c->is_total[m] || !(p->view.file->present[m / 64] >> m % 64 & 1))
			continue;
		store(next, m, c->last[m]);
		unset(&c->api, p->index, m);
	}
}

void vt_collecting_end(struct vt_collecting *c, const struct vt_followed *p, const struct rusage *usage)
{
	struct vt_collected who = collected(p);

	if (c->recorder->process_count == 1)
		vt_collecting_last(c);
	else
		sample_unless_just_done(c);
	for (unsigned i = 0; i < c->count; i++)
		if (c->open[i].of->end)
			c->open[i].of->end(c->open[i].state, &c->api, &who, usage);
	leave_home(c, p);
}

void vt_collecting_last(struct vt_collecting *c)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->open[i].of->last)
			c->open[i].of->last(c->open[i].state, &c->api);
	vt_collecting_sample(c);
}

void vt_collecting_close(struct vt_collecting *c)
{
	for (unsigned i = 0; i < c->count; i++)
		c->open[i].of->close(c->open[i].state);
	vt_out_free(&c->schema);
	free(c);
}

void vt_collecting_schema(const struct vt_collecting *c, struct vt_out *payload)
{
	vt_out_bytes(payload, c->schema.data, c->schema.length);
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		if (c->states[i].state != VT_METRIC_UNTOLD)
			encode_state(c, i, payload);
}
