/* summary_types.c - how many events of each type, and how long they took: counted on all processors. */
#include <errno.h>
#include <stdlib.h>

#include "decoder/progress.h"
#include "decoder/share.h"
#include "decoder/summary.h"

/* What one thread counts. Sums, so that it does not matter which thread had which batch. */
struct lane {
	const struct vt_summary *s;
	struct vt_pointer_map types;    /* struct vt_type_stats by descriptor */
	uint64_t events;
	bool speaks;                    /* of the thread that shows progress */
};

static void free_stats(void *value)
{
	struct vt_type_stats *stats = value;

	free(stats->time);
	free(stats);
}

/* Types that several processes share belong to the first of them. */
static struct vt_type_stats *stats_of(struct vt_pointer_map *types, const struct vt_event_desc *desc,
                                      const struct vt_process_info *process)
{
	struct vt_type_stats *stats = vt_pointer_map_get(types, desc);

	if (stats) {
		if (process->index < stats->process->index)
			stats->process = process;
		return stats;
	}
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return NULL;
	stats->desc = desc;
	stats->process = process;
	if (desc->time >= 0)
		stats->time = calloc(1, sizeof(*stats->time));
	if ((desc->time >= 0 && !stats->time) || vt_pointer_map_add(types, desc, stats)) {
		free_stats(stats);
		return NULL;
	}
	return stats;
}

/* A batch at the edge of the time filter holds events on both sides of it. */
static bool straddles(const struct vt_summary *s, const struct vt_batch *batch)
{
	const struct vt_filter *f = s->filter;

	return (f->since_set && vt_reader_ns(s->in->reader, batch->t_min) < f->since_ns) ||
	       (f->until_set && vt_reader_ns(s->in->reader, batch->t_max) >= f->until_ns);
}

static void add_straddling(struct lane *lane, const struct vt_batch *batch, unsigned type,
                           struct vt_type_stats *stats, const uint64_t *column)
{
	const struct vt_filter *f = lane->s->filter;
	const uint64_t *times = vt_batch_times(batch);
	const uint8_t *types = times ? vt_batch_types(batch) : NULL;
	unsigned at = 0;

	for (unsigned i = 0; types && i < batch->events; i++) {
		if (types[i] != type)
			continue;
		unsigned row = at++;
		if ((f->since_set && times[i] < f->since_ns) || (f->until_set && times[i] >= f->until_ns))
			continue;
		stats->count++;
		lane->events++;
		if (column && stats->time)
			vt_histogram_add(stats->time, column[row]);
	}
}

static int add_type(struct lane *lane, const struct vt_batch *batch, unsigned type, bool straddling)
{
	const struct vt_event_desc *desc = batch->desc[type];
	struct vt_type_stats *stats = stats_of(&lane->types, desc, batch->ring->process);
	const uint64_t *column = NULL;

	if (!stats)
		return -ENOMEM;
	if (stats->time)
		column = vt_batch_column(batch, type, (unsigned)desc->time);
	if (straddling) {
		add_straddling(lane, batch, type, stats, column);
		return 0;
	}
	stats->count += batch->counts[type];
	lane->events += batch->counts[type];
	for (uint32_t i = 0; column && i < batch->counts[type]; i++)
		vt_histogram_add(stats->time, column[i]);
	return 0;
}

static int add_batch(void *state, const struct vt_batch *batch)
{
	struct lane *lane = state;
	const struct vt_summary_watch *watch = lane->s->watch;
	bool straddling = straddles(lane->s, batch);
	int err = 0;

	if (watch && watch->batch)
		watch->batch(watch->user, batch);
	if (lane->speaks)
		vt_progress(vt_reader_ns(lane->s->in->reader, batch->t_min), lane->s->length, lane->events,
		            VT_PROGRESS_EVENTS);
	for (unsigned type = 0; type < batch->types && !err; type++)
		err = add_type(lane, batch, type, straddling);
	return err;
}

static void begin_lane(void *share, void *user, bool first)
{
	struct lane *lane = share;

	lane->s = user;
	lane->speaks = first;
}

static int add_types(struct vt_summary *s, const struct lane *lane)
{
	for (size_t i = 0; i < lane->types.size; i++) {
		const struct vt_type_stats *from = lane->types.slots[i].value;
		if (!from)
			continue;
		struct vt_type_stats *to = stats_of(&s->types, from->desc, from->process);
		if (!to)
			return -ENOMEM;
		to->count += from->count;
		if (to->time)
			vt_histogram_merge(to->time, from->time);
	}
	s->events += lane->events;
	return 0;
}

static int end_lane(void *share, void *user, int err)
{
	struct lane *lane = share;

	if (!err)
		err = add_types(user, lane);
	vt_pointer_map_free(&lane->types, free_stats);
	return err;
}

int vt_summary_collect_types(struct vt_summary *s)
{
	static const struct vt_sharing how = {
		.size = sizeof(struct lane), .begin = begin_lane, .batch = add_batch, .end = end_lane,
	};

	vt_progress_begin("counting", s->in->name, false);
	return vt_share_out(s->in->reader, &how, s);
}

void vt_summary_free_types(struct vt_summary *s)
{
	vt_pointer_map_free(&s->types, free_stats);
}
