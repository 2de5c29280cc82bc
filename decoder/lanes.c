/* lanes.c - see lanes.h. */
#include "decoder/lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* What the lanes of one scan have in common. */
struct lanes {
	atomic_size_t claim;
	atomic_bool stop;               /* a lane failed; relaxed, it is only a hint to the others */
	struct vt_log *log;
	const struct vt_selection *selection;
	int (*each)(void *state, const struct vt_batch *batch);
};

struct lane {
	struct lanes *all;
	void *state;
	pthread_t thread;
	int err;
};

static int walk(struct vt_batches *b, const struct lane *lane)
{
	int err;

	while ((err = vt_batches_next(b)) > 0) {
		err = lane->all->each(lane->state, &b->batch);
		if (err < 0 || atomic_load_explicit(&lane->all->stop, memory_order_relaxed))
			break;
	}
	vt_batches_stop(b);
	return err;
}

static void *run_lane(void *argument)
{
	struct lane *lane = argument;
	struct vt_unpacker unpacker = { 0 };
	struct vt_batches b;

	vt_batches_start(&b, lane->all->log, lane->all->selection);
	b.take = VT_TAKE_CLAIMED;
	b.claim = &lane->all->claim;
	b.unpacker = &unpacker;
	lane->err = walk(&b, lane);
	if (lane->err < 0)
		atomic_store_explicit(&lane->all->stop, true, memory_order_relaxed);
	vt_unpacker_free(&unpacker);
	return NULL;
}

/* The threads are gone. Damage first, then what they could not describe, both in the log's order. */
static int account(struct lane *first)
{
	struct vt_log *log = first->all->log;
	bool left = false;
	struct vt_batches b;

	for (size_t i = 0; i < log->section_count; i++) {
		struct vt_section_ref *ref = &log->sections[i];
		left |= ref->found == VT_FOUND_STRANGE;
		if (ref->found != 0 && ref->found != VT_FOUND_STRANGE)
			vt_section_give_up(log, ref, ref->found);
	}
	vt_batches_start(&b, log, first->all->selection);
	b.take = VT_TAKE_LEFT;
	int err = left ? walk(&b, first) : 0;
	for (size_t i = 0; i < log->section_count; i++)
		log->sections[i].found = 0;
	return err;
}

int vt_lanes_run(struct vt_log *log, const struct vt_selection *s, unsigned threads,
                 int (*each)(void *state, const struct vt_batch *batch), void *const *states)
{
	struct lanes all = { .log = log, .selection = s, .each = each };
	struct lane lanes[VT_MAX_LANES];
	unsigned begun = 1;
	int err = 0;

	for (unsigned i = 0; i < VT_MAX_LANES && i < threads; i++)
		lanes[i] = (struct lane){ .all = &all, .state = states[i] };
	/* A thread that cannot be had is no error: the others do its work. */
	while (begun < threads && begun < VT_MAX_LANES && begun < log->section_count &&
	       pthread_create(&lanes[begun].thread, NULL, run_lane, &lanes[begun]) == 0)
		begun++;
	run_lane(&lanes[0]);
	for (unsigned i = 1; i < begun; i++)
		pthread_join(lanes[i].thread, NULL);
	for (unsigned i = 0; i < begun && err == 0; i++)
		err = lanes[i].err;
	return err < 0 ? err : account(&lanes[0]);
}
