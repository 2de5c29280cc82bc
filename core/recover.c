/* recover.c - a dead process is followed like a live one, only that it is finished at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <valktrace/error.h>

#include "core/chunk.h"
#include "core/recover.h"

struct recovery {
	const struct vt_recover_user *user;
	struct vt_chunker chunker;
	uint64_t sequence;
};

bool vt_recover_is_ring_file(const char *name, uint64_t run, uint64_t *image)
{
	unsigned long long r, i;
	int pid, end = 0;

	if (sscanf(name, "%16llx-%d-%16llx.vring%n", &r, &pid, &i, &end) != 3 || name[end] != 0 || end == 0)
		return false;
	*image = i;
	return r == run;
}

static int give(struct recovery *r, int made)
{
	if (made < 0)
		return made;
	r->sequence++;
	return r->user->chunk(r->user->user, r->chunker.bytes.data, r->chunker.bytes.length);
}

static int out_records(void *user, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload)
{
	struct recovery *r = user;
	struct vt_chunk_header h = {
		.type = (uint16_t)type, .process = process, .sequence = r->sequence, .flags = VT_CHUNK_RECOVERED,
	};
	if (payload->failed)
		return -ENOMEM;
	if (payload->length == 0)
		return 0;
	return give(r, vt_chunk_records(&r->chunker, &h, payload->data, payload->length));
}

static int out_events(void *user, struct vt_chunk_header *h,
                      const struct vt_split_section *sections, unsigned count)
{
	struct recovery *r = user;
	h->sequence = r->sequence;
	return give(r, vt_chunk_events(&r->chunker, h, sections, count));
}

static uint32_t out_new_ring(void *user)
{
	struct recovery *r = user;
	return r->user->new_ring(r->user->user);
}

static int follow(struct recovery *r, struct vt_ring_view *view, uint64_t image, bool alive)
{
	struct vt_follow_out out = { out_records, out_events, out_new_ring, r };
	struct vt_recover_known known = { .index = 0 };
	struct vt_followed p;
	struct vt_splitter *splitter = vt_splitter_new();

	r->user->known(r->user->user, image, view->file->pid, &known);
	/* What its recorder found lost is in its log. Without that, this reader finds all of it itself. */
	if (!known.in_log)
		memset(view->file->overwritten, 0, sizeof(view->file->overwritten));
	int err = splitter ? vt_follow_open(&p, view, known.index, known.parent, image) : -ENOMEM;
	if (err) {
		vt_splitter_free(splitter);
		vt_ring_view_close(view);
		return err;
	}
	p.resume = known.rings;
	p.resume_count = known.ring_count;
	p.flags = VT_CHUNK_RECOVERED;
	p.ending = alive ? VT_END_RUNNING : VT_END_GONE;
	if (!alive && view->file->exited) {
		p.ending = VT_END_EXIT;
		p.status = view->file->exit_status;
	}
	err = vt_follow_finish(&p, splitter, &out);
	vt_splitter_free(splitter);
	vt_follow_close(&p);
	return err;
}

static void describe(const struct vt_ring_view *view, struct vt_recover_head *head)
{
	const struct vt_ring_file *f = view->file;

	*head = (struct vt_recover_head){
		.run = f->run, .ticks = f->ticks, .tick_hz = f->tick_hz, .monotonic = f->monotonic,
		.realtime = f->realtime, .pid = f->pid, .alive = view->alive,
	};
	memcpy(head->program, f->program, sizeof(head->program));
	head->program[sizeof(head->program) - 1] = 0;
	for (unsigned i = 0; i < f->slot_count && i < f->slots_used; i++)
		head->drained |= vt_threads_of(view->file)[i].start != 0 &&
		                 vt_slot_of(view->file, i)->main.tail != 0;
}

int vt_recover_head(const char *path, struct vt_recover_head *head)
{
	struct vt_ring_view view;

	int err = vt_ring_view_open(&view, path, VT_VIEW_HEAD);
	if (err)
		return err;
	describe(&view, head);
	vt_ring_view_close(&view);
	return 0;
}

int64_t vt_recover_file(const char *path, uint64_t run, uint64_t image, uint64_t sequence,
                        const struct vt_recover_user *user, unsigned flags, struct vt_recover_head *head)
{
	struct recovery r = { .user = user, .sequence = sequence };
	struct vt_ring_view view;

	int err = vt_ring_view_open(&view, path, flags & VT_RECOVER_NAMED ? VT_VIEW_NAMED : VT_VIEW_COPY);
	if (err)
		return err;
	describe(&view, head);
	if (view.file->run != run)
		err = -VT_E_RUN_DIFFERS;
	if (!err)
		err = vt_chunker_open(&r.chunker, vt_codec_by_name("lz4"), 0, run);
	if (err) {
		vt_ring_view_close(&view);
		return err;
	}
	err = follow(&r, &view, image, view.alive);
	vt_chunker_close(&r.chunker);
	return err ? err : (int64_t)(r.sequence - sequence);
}
