/* track_names.c - numbers and names of processes and threads in a viewer: see tracks.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/track_names.h"

/*
 * Beyond what the kernel gives (PID_MAX_LIMIT is 4,194,304); what a log says is believed all the
 * same.
 */
#define MADE_FROM 5000001u

enum taken { A_PID = 1, A_TID = 2 };

static bool place(struct vt_track_names *n, uint64_t key)
{
	size_t mask = n->size - 1, at = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & mask;

	for (; n->keys[at]; at = (at + 1) & mask)
		if (n->keys[at] == key)
			return false;
	n->keys[at] = key;
	n->used++;
	return true;
}

/* 1: it was free and is taken now, 0: it was taken, or -1: no memory. */
static int take(struct vt_track_names *n, enum taken kind, uint32_t id)
{
	if (2 * (n->used + 1) > n->size) {
		struct vt_track_names old = *n;
		n->size = old.size ? 2 * old.size : 256;
		n->keys = calloc(n->size, sizeof(*n->keys));
		if (!n->keys) {
			*n = old;
			return -1;
		}
		n->used = 0;
		for (size_t i = 0; i < old.size; i++)
			if (old.keys[i])
				place(n, old.keys[i]);
		free(old.keys);
	}
	return id != 0 && place(n, (uint64_t)kind << 32 | id);
}

/*
 * Viewers take a number that they have seen for the same thread (or process) once more, also if it
 * was given again, or is that of another run: only the first one keeps it. 0: no memory.
 */
static uint32_t unique(struct vt_track_names *n, enum taken kind, uint32_t id)
{
	int taken = take(n, kind, id > INT32_MAX ? 0 : id);

	while (taken == 0) {
		id = MADE_FROM + n->made++;
		taken = take(n, kind, id);
	}
	return taken > 0 ? id : 0;
}

uint32_t vt_track_tid(struct vt_track_names *n, const struct vt_lane *lane)
{
	bool own = !lane->home && !lane->ring->is_signal && !lane->ring->is_recorder;

	return unique(n, A_TID, own ? lane->ring->tid : 0);
}

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

uint64_t vt_track_uuid(const struct vt_tracks *t, unsigned kind, uint64_t which)
{
	return mix(mix(t->context->in->run->run ^ mix(kind + 1)) + which) | 1;
}

struct vt_viewed_process *vt_tracks_process(struct vt_tracks *t, const struct vt_process_info *info)
{
	struct vt_viewed_process *p = vt_pointer_map_get(&t->processes, info);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->info = info;
	p->number = t->names->processes++;
	p->pid = unique(t->names, A_PID, info->pid);
	if (p->pid == 0 || vt_pointer_map_add(&t->processes, info, p)) {
		free(p);
		return NULL;
	}
	return p;
}

void vt_track_names_free(struct vt_track_names *names)
{
	free(names->keys);
	*names = (struct vt_track_names){ 0 };
}

void vt_track_process_name(struct vt_sink *out, const struct vt_tracks *t, const struct vt_viewed_process *p)
{
	const struct vt_input *in = t->context->in;

	vt_sink_string(out, *p->info->program ? p->info->program : "process");
	if (p->pid != p->info->pid)
		vt_sink_printf(out, " (pid %" PRIu32 ")", p->info->pid);
	if (in->run_digits > 0)
		vt_sink_printf(out, " run %0*" PRIx64, (int)in->run_digits,
		               in->run->run >> (64 - 4 * in->run_digits));
}

void vt_track_lane_name(struct vt_sink *out, const struct vt_tracks *t, const struct vt_lane *lane)
{
	const struct vt_ring_info *ring = lane->ring;
	const char *category = ring->process->schema->categories[lane->category].name;

	(void)t;
	vt_sink_string(out, vt_thread_name_of(ring));
	if (lane->tid != ring->tid && !ring->is_recorder)
		vt_sink_printf(out, " (tid %" PRIu32 ")", ring->tid);
	if (ring->is_signal)
		vt_sink_string(out, " in signal handlers");
	if (!lane->home)
		return;
	vt_sink_string(out, ": ");
	if (category)
		vt_sink_string(out, category);
	else
		vt_sink_printf(out, "#%u", lane->category);
}
