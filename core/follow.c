/* follow.c - one process into the log: slots, drains, totals, and their order. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/follow_tables.h"
#include "core/sample.h"

int vt_follow_open(struct vt_followed *p, const struct vt_ring_view *view, uint32_t index,
                   uint32_t parent, uint64_t image)
{
	memset(p, 0, sizeof(*p));
	p->slots = calloc(view->file->slot_count, sizeof(*p->slots));
	if (!p->slots)
		return -ENOMEM;
	p->view = *view;
	p->index = index;
	p->parent = parent;
	p->image = image;
	return 0;
}

void vt_follow_close(struct vt_followed *p)
{
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++)
		free(p->sources[i].reason);
	free(p->slots);
	vt_ring_view_close(&p->view);
	memset(p, 0, sizeof(*p));
}

/* ---- slots ----------------------------------------------------------------------------------------- */

static void read_name(const struct vt_thread_entry *entry, struct vt_followed_slot *s)
{
	union { uint64_t words[5]; char bytes[40]; } name;
	for (int i = 0; i < 5; i++)
		name.words[i] = vt_load_relaxed(&entry->name[i]);
	size_t n = strnlen(name.bytes, sizeof(name.bytes));
	if (strlen(s->name) == n && memcmp(s->name, name.bytes, n) == 0)
		return;
	memcpy(s->name, name.bytes, n);
	s->name[n] = 0;
	s->announced = false;
}

/* True if a log already has this ring; then it goes on there, under its id. */
static bool resume(const struct vt_followed *p, unsigned index, uint32_t generation, bool is_signal,
                   struct vt_drain_ring *r)
{
	for (unsigned i = 0; i < p->resume_count; i++) {
		const struct vt_resume *from = &p->resume[i];
		if (from->slot == index && from->generation == generation && from->is_signal == is_signal) {
			r->id = from->ring;
			vt_drain_resume(r, from);
			return true;
		}
	}
	return false;
}

/* Begins to follow the owner of a slot, once its claim is complete. */
static void meet_slot(struct vt_followed *p, unsigned index, uint32_t generation, uint32_t tid,
                      const struct vt_follow_out *out)
{
	const struct vt_ring_file *f = p->view.file;
	struct vt_slot *slot = vt_ring_view_slot(&p->view, index);
	struct vt_followed_slot *s = &p->slots[index];

	if (!slot)
		return;
	const char *segments = (const char *)slot + VT_SLOT_HEADER;
	memset(s, 0, sizeof(*s));
	vt_drain_begin(&s->main, &slot->main, segments, f->segment_size, f->segment_count,
	               slot->position_base[0], slot->emitted_base[0]);
	vt_drain_begin(&s->signal, &slot->signal, segments + (size_t)f->segment_size * f->segment_count,
	               f->signal_segment_size, f->signal_segment_count,
	               slot->position_base[1], slot->emitted_base[1]);
	s->generation = generation;
	s->tid = tid;
	p->fullest.rings++;
	if (!resume(p, index, generation, false, &s->main))
		s->main.id = out->new_ring(out->user);
	s->signal_used = resume(p, index, generation, true, &s->signal);
	s->main.process = s->signal.process = p->index;
	s->main.flags = s->signal.flags = p->flags;
	s->main.discard = s->signal.discard = f->mode == VT_DISCARD;
}

static struct vt_slot *slot_at(const struct vt_followed *p, unsigned index)
{
	return vt_slot_of(p->view.file, index);
}

/* The tid of a slot's owner, once its claim is complete; else 0. */
static uint32_t owner_of(const struct vt_thread_entry *entry, uint32_t *generation)
{
	*generation = vt_load_acquire(&entry->generation);
	/* Pairs with the store-release of tid, which ends a claim. */
	uint32_t tid = vt_load_acquire(&entry->tid);
	return *generation % 2 == 1 ? tid : 0;
}

static void note_fullness(struct vt_followed *p, const struct vt_followed_slot *s)
{
	uint64_t size = (uint64_t)s->main.segment_size * s->main.most_segments;
	uint64_t read = s->main.cursor.position;
	uint64_t bytes = s->until_main > read ? s->until_main - read : 0;

	bytes = bytes < size ? bytes : size;
	if (bytes < p->fullest.bytes)
		return;
	p->fullest.bytes = bytes;
	p->fullest.size = size;
	p->fullest.tid = s->tid;
	memcpy(p->fullest.name, s->name, sizeof(p->fullest.name));
}

/* Notes who is there and where each ring ends now. */
static void survey(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_thread_entry *threads = vt_threads_of(p->view.file);
	unsigned used = vt_follow_slots_used(p);

	for (unsigned i = 0; i < used; i++) {
		struct vt_followed_slot *s = &p->slots[i];
		uint32_t generation, tid = owner_of(&threads[i], &generation);
		bool closing = vt_load_acquire(&threads[i].closing) == generation;
		if (!s->generation && tid != 0)
			meet_slot(p, i, generation, tid, out);
		if (!s->generation) {
			/* A recorder before us died while it freed this slot. */
			if (closing && generation % 2 == 1 && p->view.live)
				vt_store_release(&threads[i].generation, generation + 1);
			continue;
		}
		read_name(&threads[i], s);
		/* `closing` was read before `commit`: what is committed when it is set is all there will be. */
		s->closing = closing;
		s->until_main = vt_load_acquire(&slot_at(p, i)->main.commit);
		s->until_signal = vt_load_acquire(&slot_at(p, i)->signal.commit);
		note_fullness(p, s);
	}
}

static bool drained(const struct vt_followed_slot *s)
{
	return s->main.cursor.position >= s->until_main && s->signal.cursor.position >= s->until_signal;
}

/* ---- what a ring's producer counted ----------------------------------------------------------------- */

/*
 * In a ring whose thread died inside an emit, emitted[] may be one ahead of commit: that emit had not
 * returned. What was read up to commit is then the truth. So it is in the copy of a ring that is still
 * written: emitted[] was copied a moment after commit.
 */
static void committed(const struct vt_drain_ring *d, const uint64_t base[VT_MAX_CATEGORIES],
                      enum vt_ending ending, struct vt_rec_totals *t)
{
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t n = vt_load_relaxed(&d->ring->emitted[c]);
		if (ending != VT_END_UNKNOWN && n == d->cursor.counted[c] + 1 && vt_load_relaxed(&d->ring->nest))
			n--;
		if (ending == VT_END_RUNNING && n > d->cursor.counted[c])
			n = d->cursor.counted[c];
		t->committed[c] = n - base[c];
	}
}

static void put_totals(struct vt_followed *p, unsigned index, struct vt_out *payload)
{
	const struct vt_followed_slot *s = &p->slots[index];
	const struct vt_slot *slot = slot_at(p, index);
	struct vt_rec_totals t = { .ring = s->main.id };

	committed(&s->main, slot->emitted_base[0], p->ending, &t);
	for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
		for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
			t.lost[cause][c] = vt_load_relaxed(&slot->lost[cause][c]) - slot->lost_base[cause][c];
			p->lost += t.lost[cause][c];
		}
	vt_rec_totals_encode(payload, &t);
	if (s->signal_used) {
		t = (struct vt_rec_totals){ .ring = s->signal.id };
		committed(&s->signal, slot->emitted_base[1], p->ending, &t);
		vt_rec_totals_encode(payload, &t);
	}
}

/* Writes a drained slot's totals and gives it back. */
static int release_slot(struct vt_followed *p, unsigned index, const struct vt_follow_out *out)
{
	struct vt_followed_slot *s = &p->slots[index];
	struct vt_thread_entry *entry = &vt_threads_of(p->view.file)[index];
	struct vt_out payload = { 0 };

	put_totals(p, index, &payload);
	int err = vt_follow_flush(p, out, VT_CHUNK_LOSS, &payload, 0);
	vt_out_free(&payload);
	if (err)
		return err;
	uint32_t generation = s->generation;
	memset(s, 0, sizeof(*s));
	vt_store_relaxed(&entry->tid, 0);
	/* Pairs with the acquire in the next claim: all that we read of the slot is read. */
	vt_store_release(&entry->generation, generation + 1);
	return 0;
}

/* ---- draining -------------------------------------------------------------------------------------- */

struct drain_user {
	struct vt_followed *p;
	const struct vt_follow_out *out;
};

static int on_events(void *user, struct vt_chunk_header *h,
                     const struct vt_split_section *sections, unsigned count)
{
	struct drain_user *u = user;
	int err = u->out->events(u->out->user, h, sections, count);
	if (!err)
		u->p->events += h->events;
	return err;
}

static int on_gap(void *user, const struct vt_rec_gap *gap)
{
	struct drain_user *u = user;
	struct vt_out payload = { 0 };

	vt_rec_gap_encode(&payload, gap);
	int err = vt_follow_flush(u->p, u->out, VT_CHUNK_LOSS, &payload, 0);
	vt_out_free(&payload);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES && !err; c++) {
		u->p->lost += gap->events[c];
		/* In a copy too: the last counter record is to have it. */
		if (gap->events[c])
			vt_add_relaxed(&u->p->view.file->overwritten[c], gap->events[c]);
	}
	return err;
}

/* Chunk by chunk: in discard mode the producer may have the room of each as soon as it is written. */
static int64_t drain_ring(struct vt_followed *p, struct vt_drain_ring *d, uint64_t until, uint64_t budget,
                          struct vt_splitter *splitter, const struct vt_drain_sink *sink)
{
	int64_t n, total = 0;

	do {
		n = vt_drain(d, until, 1, splitter, &p->view, sink);
		total += n;
		/* Pairs with the producer's acquire load in discard mode: what lies below is in the log. */
		if (p->view.live)
			vt_store_release(&d->ring->tail, d->cursor.position);
	} while (n > 0 && (uint64_t)total < budget);
	return n < 0 ? n : total;
}

static int64_t drain_slot(struct vt_followed *p, struct vt_followed_slot *s, uint64_t budget,
                          struct vt_splitter *splitter, const struct vt_drain_sink *sink)
{
	int64_t n = drain_ring(p, &s->main, s->until_main, budget, splitter, sink);
	int64_t m = n < 0 ? 0 : drain_ring(p, &s->signal, s->until_signal, budget, splitter, sink);

	return n < 0 ? n : m < 0 ? m : n + m;
}

static int64_t drain_all(struct vt_followed *p, uint64_t budget, struct vt_splitter *splitter,
                         const struct vt_follow_out *out)
{
	struct drain_user user = { p, out };
	const struct vt_drain_sink sink = { on_events, on_gap, &user };
	unsigned used = vt_follow_slots_used(p), open = 0;
	int64_t total = 0;

	for (unsigned i = 0; i < used; i++)
		open += p->slots[i].generation && !drained(&p->slots[i]);
	for (unsigned i = 0; i < used; i++) {
		struct vt_followed_slot *s = &p->slots[i];
		if (!s->generation)
			continue;
		if (!drained(s)) {
			int64_t n = drain_slot(p, s, budget / open + 1, splitter, &sink);
			if (n < 0)
				return n;
			total += n;
		}
		if (s->closing && drained(s) && p->view.live) {
			int err = release_slot(p, i, out);
			if (err)
				return err;
		}
	}
	return total;
}

int64_t vt_follow_round(struct vt_followed *p, uint64_t budget, struct vt_splitter *splitter,
                        const struct vt_follow_out *out)
{
	survey(p, out);
	int err = vt_follow_write_types(p, out);
	if (!err)
		err = vt_follow_write_strings(p, out);
	if (!err)
		err = vt_follow_write_process(p, out);
	if (!err)
		err = vt_follow_write_threads(p, out);
	if (!err)
		err = vt_follow_write_snapshots(p, out);
	return err ? err : drain_all(p, budget, splitter, out);
}

/* Bytes that a ring has for us. Behind damage the cursor waits for the next segment, ahead of commit. */
static uint64_t pending(const struct vt_drain_ring *d)
{
	uint64_t commit = vt_load_relaxed(&d->ring->commit);
	return commit > d->cursor.position ? commit - d->cursor.position : 0;
}

static uint64_t half_of(const struct vt_drain_ring *d)
{
	return (uint64_t)d->segment_size * d->most_segments / 2;
}

/* Half a ring, or a chunk that compresses well. */
static uint64_t enough_of(const struct vt_drain_ring *d)
{
	return half_of(d) < VT_SPLIT_BYTES / 2 ? half_of(d) : VT_SPLIT_BYTES / 2;
}

bool vt_follow_busy(const struct vt_followed *p)
{
	const struct vt_thread_entry *threads = vt_threads_of(p->view.file);
	unsigned used = vt_follow_slots_used(p);

	for (unsigned i = 0; i < used; i++) {
		const struct vt_drain_ring *d = &p->slots[i].main;
		if (!p->slots[i].generation) {
			if (vt_load_relaxed(&threads[i].generation) % 2 && vt_load_acquire(&threads[i].tid))
				return true;    /* a new thread: nobody reads its ring yet */
		} else if (pending(d) > enough_of(d)) {
			return true;
		}
	}
	return false;
}

bool vt_follow_pressed(const struct vt_followed *p)
{
	unsigned used = vt_follow_slots_used(p);

	for (unsigned i = 0; i < used; i++) {
		const struct vt_drain_ring *d = &p->slots[i].main;
		/* Well above what wakes us: being woken is no pressure yet. */
		uint64_t much = half_of(d) > 3 * enough_of(d) / 2 ? half_of(d) : 3 * enough_of(d) / 2;
		if (p->slots[i].generation && pending(d) > much)
			return true;
	}
	return false;
}

/* ---- threads --------------------------------------------------------------------------------------- */

/* A thread that is gone from /proc without a word; its name, if it is there. */
static void look_at_thread(const struct vt_followed *p, struct vt_followed_slot *s, unsigned index)
{
	char path[64], name[40] = "";

	/* In another pid namespace the thread's number is another's here, or nobody's: not that it is gone. */
	if (p->view.pid != p->view.file->pid)
		return;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", p->view.file->pid, s->tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		/*
		 * In the file, not only here: the next recorder must come to the same verdict. Where /proc
		 * is not mounted (a jail), nothing is there, and all live.
		 */
		if (errno == ENOENT && access("/proc/self/stat", F_OK) == 0)
			vt_store_release(&vt_threads_of(p->view.file)[index].closing, s->generation);
		return;
	}
	ssize_t n = read(fd, name, sizeof(name) - 1);
	close(fd);
	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = 0;
	struct vt_thread_entry *entry = &vt_threads_of(p->view.file)[index];
	/* A name that the host gave stays; the system's is only the default. */
	if (entry->named == 0 && *name)
		for (int i = 0; i < 5; i++) {
			uint64_t word;
			memcpy(&word, name + 8 * i, 8);
			vt_store_relaxed(&entry->name[i], word);
		}
}

void vt_follow_threads(struct vt_followed *p)
{
	unsigned used = vt_follow_slots_used(p);
	for (unsigned i = 0; i < used; i++)
		if (p->slots[i].generation && p->view.live)
			look_at_thread(p, &p->slots[i], i);
}

/* ---- the end --------------------------------------------------------------------------------------- */

static int write_end(struct vt_followed *p, const struct vt_follow_out *out)
{
	struct vt_ring_file *f = p->view.file;
	struct vt_out payload = { 0 };
	struct vt_rec_totals none = { .ring = VT_NO_RING };
	bool any = false;

	for (unsigned i = 0; i < vt_follow_slots_used(p); i++)
		if (p->slots[i].generation)
			put_totals(p, i, &payload);
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		none.lost[VT_LOST_NORING][c] = f->no_ring[c] - f->no_ring_base[c];
		p->lost += none.lost[VT_LOST_NORING][c];
		any = any || none.lost[VT_LOST_NORING][c];
	}
	if (any)
		vt_rec_totals_encode(&payload, &none);
	int err = vt_follow_flush(p, out, VT_CHUNK_LOSS, &payload, 0);
	if (!err) {
		vt_follow_put_process(p, &payload);
		err = vt_follow_flush(p, out, VT_CHUNK_PROCESS, &payload, 0);
	}
	vt_out_free(&payload);
	return err;
}

int vt_follow_finish(struct vt_followed *p, struct vt_splitter *splitter, const struct vt_follow_out *out)
{
	int64_t n;
	do
		n = vt_follow_round(p, VT_ROUND_RAW, splitter, out);
	while (n > 0);
	int err = n < 0 ? (int)n : vt_follow_counters(p, VT_COUNTERS_FINAL, out);
	return err ? err : write_end(p, out);
}
