/* moments.c - see moments.h. */
#include "decoder/moments.h"

#include <errno.h>
#include <stdlib.h>

#include "decoder/run_sums.h"

#define NS_A_MS 1000000u

/* ---- one moment ---------------------------------------------------------------------------- */

struct one {
	struct vt_run_sums sums;
	uint64_t ns;                    /* or the number of a record */
	int err;
};

static int take_until(void *user, const struct vt_counters *c)
{
	struct one *o = user;

	if (vt_reader_ns(o->sums.in->reader, c->ticks) > o->ns)
		return 1;
	o->err = vt_run_sums_take(&o->sums, c);
	return o->err;
}

/* The rows become the caller's. */
static void hand_over(struct vt_run_sums *s, struct vt_call_list *calls)
{
	struct vt_call_list *list = &s->calls.list;
	unsigned kept = 0;

	for (unsigned i = 0; i < list->count; i++)
		if (list->rows[i].count > 0)
			list->rows[kept++] = list->rows[i];
	list->count = kept;
	*calls = *list;
	*list = (struct vt_call_list){ .rows = NULL };
}

int vt_metrics_at(struct vt_metrics *m, const struct vt_input *in, uint64_t ns, struct vt_call_list *calls)
{
	struct one *o = calloc(1, sizeof(*o));
	int err = o ? vt_run_sums_start(&o->sums, in, calls != NULL, VT_MOMENTS_MEMORY) : -ENOMEM;

	if (calls)
		*calls = (struct vt_call_list){ .rows = NULL };
	if (!err) {
		o->ns = ns;
		err = vt_reader_counters(in->reader, 0, take_until, o);
		err = err < 0 ? err : o->err ? o->err : (int)o->sums.records;
	}
	if (err >= 0) {
		vt_run_sums_finish(&o->sums);
		if (calls)
			hand_over(&o->sums, calls);
		*m = o->sums.m;
		m->calls = calls ? calls->rows : NULL;
		m->call_count = calls ? calls->count : 0;
	}
	if (o)
		vt_run_sums_stop(&o->sums);
	free(o);
	return err;
}

static int take_numbered(void *user, const struct vt_counters *c)
{
	struct one *o = user;

	/* Of each process up to its own record of that number. */
	o->err = c->sequence > o->ns ? 0 : vt_run_sums_take(&o->sums, c);
	return o->err;
}

int vt_calls_at(struct vt_call_list *calls, const struct vt_input *in, uint64_t record)
{
	struct one *o = calloc(1, sizeof(*o));
	int err = o ? vt_run_sums_start(&o->sums, in, true, VT_MOMENTS_MEMORY) : -ENOMEM;

	*calls = (struct vt_call_list){ .rows = NULL };
	if (!err) {
		o->ns = record;
		err = vt_reader_counters(in->reader, 0, take_numbered, o);
		err = err < 0 ? err : o->err;
	}
	if (!err) {
		vt_run_sums_only(&o->sums, record);
		vt_run_sums_settle(&o->sums);
		hand_over(&o->sums, calls);
	}
	if (o)
		vt_run_sums_stop(&o->sums);
	free(o);
	return err;
}

/* ---- all moments ---------------------------------------------------------------------------- */

struct all {
	struct vt_run_sums sums;
	struct vt_series *series;
	const struct vt_moments_choice *choice;
	bool pending;                   /* the sums are a moment that is not in the series yet */
	uint64_t ns, ms;                /* of that moment */
	int err;
};

static uint64_t window_of(const struct all *a, uint64_t ns)
{
	return a->choice->step ? ns / a->choice->step : 0;
}

static int flush(struct all *a)
{
	if (!a->pending || a->ns < a->choice->since_ns)
		return 0;
	vt_run_sums_settle(&a->sums);
	return vt_series_add(a->series, a->ms, &a->sums.m);
}

static int take_all(void *user, const struct vt_counters *c)
{
	struct all *a = user;
	uint64_t ns = vt_reader_ns(a->sums.in->reader, c->ticks);
	/* Of one clock for the whole run: that of the records may have been set meanwhile. */
	uint64_t ms = vt_reader_realtime(a->sums.in->reader, c->ticks) / NS_A_MS;

	if (a->choice->until_set && ns >= a->choice->until_ns)
		return 1;
	bool same_step = a->choice->step && window_of(a, ns) == window_of(a, a->ns);
	if (a->pending && ms > a->ms && !same_step)
		a->err = flush(a);
	if (a->err)
		return a->err;
	a->err = vt_run_sums_take(&a->sums, c);
	a->ms = !a->pending || ms > a->ms ? ms : a->ms;
	a->ns = ns;
	a->pending = true;
	return a->err;
}

int vt_series_of_run(struct vt_series *series, const struct vt_input *in,
                     const struct vt_moments_choice *choice, size_t *room)
{
	struct all *a = calloc(1, sizeof(*a));
	int err = a ? vt_run_sums_start(&a->sums, in, true, VT_MOMENTS_MEMORY) : -ENOMEM;

	if (!err)
		err = vt_series_start(series, room, a->sums.calls.list.rows, a->sums.calls.list.count);
	if (!err) {
		a->series = series;
		a->choice = choice;
		err = vt_reader_counters(in->reader, 0, take_all, a);
		err = err < 0 ? err : a->err ? a->err : flush(a);
	}
	if (!err) {
		err = (int)a->sums.records;
		series->now = a->sums.m;
		series->now.calls = series->calls;
		/* Zero of a loss that comes later is known, and needed to see it come. */
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
			series->now.wanted |= vt_series_ever(series, VT_SERIES_LOST(c)) ? 1ull << c : 0;
	}
	if (a)
		vt_run_sums_stop(&a->sums);
	free(a);
	return err;
}
