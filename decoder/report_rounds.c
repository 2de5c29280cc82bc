/*
 * report_rounds.c - counter records of all processes as the history of the run.
 *
 * Records of several processes come at times of their own, and are as many as somebody asked for. A round is
 * all that comes within one part of VT_HISTORY_ROUNDS of the time; at its end the latest of each process that
 * lives is added up. A rate is that of each process between its own records, so that it does not matter how
 * they interleave. No rate is told where a counter went back, was absent, or began before the run.
 */
#include "decoder/report_history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct follower {                       /* of one process: its latest record, and what it says */
	const struct vt_process_info *process;
	uint64_t ns;
	bool any, present[VT_MAX_METRICS];
	uint64_t values[VT_MAX_METRICS];
	float rates[VT_MAX_METRICS];
};

struct reading {
	struct vt_history *series;
	struct vt_pointer_map followers;
	struct follower *list[VT_HISTORY_PROCESSES];
	unsigned count;
	bool open;                      /* a round: since `begin`, and its last record at `ns` */
	uint64_t begin, ns, width;
	struct follower *newest;
	int error;
};

static struct follower *follower_of(struct reading *r, const struct vt_process_info *p)
{
	struct follower *f = vt_pointer_map_get(&r->followers, p);

	if (f || r->count == VT_HISTORY_PROCESSES)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f || vt_pointer_map_add(&r->followers, p, f)) {
		free(f);
		r->error = -ENOMEM;
		return NULL;
	}
	f->process = p;
	f->ns = vt_reader_ns(r->series->s->in->reader, p->start);
	return r->list[r->count++] = f;
}

/* What is there before the first record: 0 of a process that began in the run; of another one, nobody knows. */
static bool began_at_zero(const struct follower *f, const struct vt_metric_desc *d)
{
	return f->ns > 0 || (d->source != VT_SRC_process && d->source != VT_SRC_process_io);
}

static void follow(struct follower *f, const struct vt_counters *c, uint64_t ns)
{
	const struct vt_metric_desc *all = c->process->schema->metrics;

	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		const struct vt_counter_value *v = &c->metrics[i];
		bool known = v->present && (f->any ? f->present[i] : began_at_zero(f, &all[i]));
		f->rates[i] = NAN;
		if (all[i].kind == VT_METRIC_COUNTER && known && ns > f->ns && v->value >= f->values[i])
			f->rates[i] = (float)((double)(v->value - f->values[i]) * 1e9 / (double)(ns - f->ns));
		f->present[i] = v->present;
		f->values[i] = v->present ? v->value : 0;
	}
	f->any = true;
	f->ns = ns;
}

static float add(float sum, float v)
{
	return isnan(sum) ? v : isnan(v) ? sum : sum + v;
}

/* A gauge of one process: a share or a rate is only the newest record's; others are added up, or the largest. */
static void add_level(struct vt_round *round, unsigned metric, const struct follower *f, bool newest)
{
	const struct vt_metric_desc *d = &f->process->schema->metrics[metric];
	float v = (float)f->values[metric];

	if (!f->present[metric] || d->kind == VT_METRIC_COUNTER || d->kind == VT_METRIC_BUCKET)
		return;
	if (d->unit == VT_UNIT_PPM || d->unit == VT_UNIT_MILLI || d->source == VT_SRC_vm)
		round->levels[metric] = newest ? v : round->levels[metric];
	else if (d->kind == VT_METRIC_MAX)
		round->levels[metric] = isnan(round->levels[metric]) || v > round->levels[metric]
		                        ? v : round->levels[metric];
	else
		round->levels[metric] = add(round->levels[metric], v);
}

static void close_round(struct reading *r)
{
	struct vt_history *series = r->series;
	struct vt_round *round = &series->rounds[series->round_count];

	if (!r->open || series->round_count == VT_HISTORY_ROUNDS || r->ns < series->from || r->ns > series->to)
		return;
	round->ns = r->ns;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++)
		round->levels[i] = round->rates[i] = NAN;
	for (unsigned k = 0; k < r->count; k++) {
		const struct follower *f = r->list[k];
		uint64_t end = vt_reader_ns(series->s->in->reader, f->process->end);
		/* One that has ended before, or whose first record only begins the next round. */
		if (!f->any || (f->process->end > 0 && end < r->begin && f->ns < r->begin))
			continue;
		for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
			round->rates[i] = add(round->rates[i], f->rates[i]);
			add_level(round, i, f, f == r->newest);
		}
	}
	series->round_count++;
}

static int on_record(void *user, const struct vt_counters *c)
{
	struct reading *r = user;
	struct follower *f = follower_of(r, c->process);
	uint64_t ns = vt_reader_ns(r->series->s->in->reader, c->ticks);

	if (!f)
		return r->error;
	if (r->open && ns - r->begin > r->width) {
		close_round(r);
		r->open = false;
	}
	if (!r->open)
		r->begin = ns;
	r->open = true;
	r->ns = ns;
	r->newest = f;
	follow(f, c, ns);
	return 0;
}

int vt_history_read_rounds(struct vt_history *series)
{
	struct reading *r = calloc(1, sizeof(*r));

	series->rounds = calloc(VT_HISTORY_ROUNDS, sizeof(*series->rounds));
	if (!r || !series->rounds) {
		free(r);
		return -ENOMEM;
	}
	r->series = series;
	r->width = (series->to - series->from) / (VT_HISTORY_ROUNDS - 1);
	int err = vt_reader_counters(series->s->in->reader, 0, on_record, r);
	close_round(r);
	err = err < 0 ? err : r->error;
	vt_pointer_map_free(&r->followers, free);
	free(r);
	return err;
}
