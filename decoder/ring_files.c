/* ring_files.c - see ring_files.h. A ring file becomes one more feed of chunks, in memory. */
#include "decoder/ring_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <valktrace/error.h>

#include "core/recover.h"
#include "decoder/scan.h"

enum { MOST_FILES = 1024 };

struct merge {
	struct vt_log *log;
	struct vt_out chunks;           /* of the file at hand */
	struct vt_resume *rings;        /* of its process, as the log has them */
	uint32_t next_process, next_ring;       /* 0: none was given yet */
	struct { uint32_t pid; uint64_t ticks; } *done; /* the processes whose file was read */
	unsigned done_count;
	bool closed;                    /* processes of the log are complete there */
};

/* ---- what the log already holds -------------------------------------------------------------------- */

static const struct vt_log_process *process_of(const struct vt_log *log, uint64_t image, uint32_t pid)
{
	const struct vt_catalog *c = &log->catalog;

	for (size_t i = 0; i < c->process_limit; i++)
		if (c->processes[i] && c->processes[i]->image == image && c->processes[i]->info.pid == pid)
			return c->processes[i];
	return NULL;
}

static unsigned rings_of(struct merge *m, const struct vt_log_process *p)
{
	const struct vt_catalog *c = &m->log->catalog;
	unsigned count = 0;

	free(m->rings);
	m->rings = calloc(c->ring_limit + 1, sizeof(*m->rings));
	for (size_t i = 0; m->rings && i < c->ring_limit; i++) {
		const struct vt_log_ring *r = c->rings[i];
		if (!r || r->info.process != &p->info || r->generation == 0)
			continue;
		struct vt_resume *to = &m->rings[count++];
		*to = (struct vt_resume){
			.slot = r->slot, .generation = r->generation, .is_signal = r->info.is_signal,
			.ring = r->info.id, .position = r->track.pos_high, .last = r->track.t_high,
		};
		memcpy(to->counted, r->track.next, sizeof(to->counted));
	}
	return count;
}

/* The file that its recorder still writes, or -1. */
static int64_t feed_in_work(const struct vt_log *log)
{
	for (size_t i = log->feed_count; i-- > 0;)
		if (log->feeds[i].fd >= 0)
			return log->feeds[i].writing ? (int64_t)i : -1;
	return -1;
}

/*
 * The ring has been copied, but the log was read before: what the recorder has taken out of the ring in
 * between is in the log now. Not once a number was given that the log may have given to somebody else.
 */
static void catch_up(struct merge *m)
{
	int64_t feed = feed_in_work(m->log);
	bool closed = false;

	if (feed >= 0 && m->next_process == 0 && m->next_ring == 0)
		vt_scan_more(m->log, (uint32_t)feed, &closed);
}

static void on_known(void *user, uint64_t image, uint32_t pid, struct vt_recover_known *to)
{
	struct merge *m = user;

	catch_up(m);
	const struct vt_log_process *p = process_of(m->log, image, pid);
	*to = (struct vt_recover_known){ .parent = VT_NO_PROCESS };
	if (!p) {
		if (m->next_process == 0)
			m->next_process = (uint32_t)m->log->catalog.process_limit + 1;
		to->index = m->next_process++ - 1;
		return;
	}
	to->in_log = true;
	to->index = p->info.index;
	to->parent = p->info.parent;
	to->ring_count = rings_of(m, p);
	to->rings = m->rings;
}

static int on_chunk(void *user, const uint8_t *bytes, size_t length)
{
	struct merge *m = user;
	vt_out_bytes(&m->chunks, bytes, length);
	return m->chunks.failed ? -ENOMEM : 0;
}

static uint32_t on_new_ring(void *user)
{
	struct merge *m = user;
	if (m->next_ring == 0)
		m->next_ring = (uint32_t)m->log->catalog.ring_limit + 1;
	return m->next_ring++;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static int add_feed(struct merge *m, const char *path, bool alive)
{
	struct vt_log *log = m->log;
	struct vt_feed *feeds = realloc(log->feeds, (log->feed_count + 1) * sizeof(*feeds));
	bool closed;

	if (!feeds)
		return -ENOMEM;
	log->feeds = feeds;
	struct vt_out bytes = m->chunks;
	m->chunks = (struct vt_out){ 0 };
	log->catalog.input_bytes += bytes.length;
	int err = vt_feed_memory(&feeds[log->feed_count], path, bytes.data, bytes.length);
	if (err < 0)
		return err;
	feeds[log->feed_count].alive = alive;
	log->feed_count++;
	return vt_scan_feed(log, (uint32_t)log->feed_count - 1, 0, &closed);
}

/* False if the process was there before: one file under two names. -ENOMEM as false, too. */
static int first_time(struct merge *m, const struct vt_recover_head *head)
{
	for (unsigned i = 0; i < m->done_count; i++)
		if (m->done[i].pid == head->pid && m->done[i].ticks == head->ticks)
			return 0;
	void *grown = realloc(m->done, (m->done_count + 1) * sizeof(*m->done));
	if (!grown)
		return -ENOMEM;
	m->done = grown;
	m->done[m->done_count].pid = head->pid;
	m->done[m->done_count++].ticks = head->ticks;
	return 1;
}

/* Which process of the log made the file? Its name may have been changed. */
static uint64_t image_of(const struct merge *m, const char *path, const struct vt_recover_head *head)
{
	const struct vt_catalog *c = &m->log->catalog;
	const char *slash = strrchr(path, '/');
	uint64_t image;

	for (size_t i = 0; i < c->process_limit; i++)
		if (c->processes[i] && c->processes[i]->info.pid == head->pid &&
		    c->processes[i]->info.start == head->ticks && c->processes[i]->image != 0)
			return c->processes[i]->image;
	return vt_recover_is_ring_file(slash ? slash + 1 : path, head->run, &image) ? image : head->ticks;
}

static void tell_of(const struct merge *m, const char *path, bool named, const struct vt_recover_head *head)
{
	struct vt_notes *notes = &m->log->notes;

	if (!named || m->log->run.parts > 0) {
		/* Of a log that is still written this is no news. */
		if (feed_in_work(m->log) < 0 || !head->alive)
			vt_notes_add(notes, NOTE_N_RING, path, 0, head->alive ?
			             "its process still runs: what is in its ring is shown as it is now" :
			             "read what its process left in its ring");
		return;
	}
	vt_notes_add(notes, NOTE_N_RING, path, 0, "%s process %u %s%s",
	             head->alive ? "a ring as it is now:" : "what is left in a ring:", head->pid,
	             head->alive ? "still runs" : "has ended",
	             head->drained ? "; what it lacks is in its log" : "");
}

static int merge_file(struct merge *m, const char *path, bool named)
{
	const struct vt_recover_user user = { on_known, on_chunk, on_new_ring, m };
	struct vt_recover_head head;

	m->chunks.length = 0;
	int64_t n = vt_recover_head(path, &head);
	int first = n < 0 ? 1 : first_time(m, &head);
	if (first <= 0)
		return first;
	if (n == 0)
		n = vt_recover_file(path, m->log->run.run, image_of(m, path, &head), 0, &user,
		                    named ? VT_RECOVER_NAMED : 0, &head);
	if (n == -ENOMEM || (n < 0 && named))
		return (int)n;
	if (n < 0) {
		vt_notes_add(&m->log->notes, NOTE_N_RING, path, 0, "ring file not used: %s",
		             vt_strerror((int)n));
		return 0;
	}
	tell_of(m, path, named, &head);
	return m->chunks.length > 0 ? add_feed(m, path, head.alive) : 0;
}

static bool is_in_log(const struct merge *m, uint64_t image)
{
	const struct vt_catalog *c = &m->log->catalog;

	for (size_t i = 0; i < c->process_limit; i++)
		if (c->processes[i] && c->processes[i]->image == image)
			return true;
	return false;
}

static int merge_directory(struct merge *m, const char *directory)
{
	DIR *dir = opendir(directory);
	unsigned files = 0;
	int err = 0;

	for (struct dirent *e; dir && !err && files < MOST_FILES && (e = readdir(dir));) {
		char path[PATH_MAX];
		uint64_t image;
		if (!vt_recover_is_ring_file(e->d_name, m->log->run.run, &image) ||
		    (m->closed && is_in_log(m, image)))
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		if (n > 0 && (size_t)n < sizeof(path)) {
			err = merge_file(m, path, false);
			files++;
		}
	}
	if (dir)
		closedir(dir);
	return err;
}

/* The directory of the first input, unless it is the ring directory itself. */
static int merge_beside(struct merge *m, const char *ring_directory)
{
	char beside[PATH_MAX], real_beside[PATH_MAX], real_rings[PATH_MAX];
	const char *name = m->log->feeds[0].name;
	const char *slash = strrchr(name, '/');
	int length = slash ? (int)(slash - name) + 1 : 1;

	snprintf(beside, sizeof(beside), "%.*s", length, slash ? name : ".");
	if (realpath(beside, real_beside) && realpath(ring_directory, real_rings) &&
	    strcmp(real_beside, real_rings) == 0)
		return 0;
	return merge_directory(m, beside);
}

static int merge_named(struct merge *m, const struct vt_ring_sources *from)
{
	int err = 0;

	for (unsigned i = 0; i < from->count && !err; i++) {
		struct stat st;
		/* Of a run without a log they are the input: what they take on the disk, for they are sparse. */
		if (m->log->run.parts == 0 && stat(from->named[i], &st) == 0)
			m->log->run.bytes += (uint64_t)st.st_blocks * 512;
		err = merge_file(m, from->named[i], true);
	}
	return err;
}

int vt_ring_files_merge(struct vt_log *log, const struct vt_ring_sources *from)
{
	char standard[PATH_MAX];
	const char *directory = from->directory;
	struct merge m = { .log = log, .closed = from->closed };

	if (!directory) {
		vt_ring_directory_name(standard, sizeof(standard));
		directory = standard;
	}
	int err = merge_named(&m, from);
	if (!err && from->search)
		err = merge_directory(&m, directory);
	if (!err && from->search)
		err = merge_beside(&m, directory);
	free(m.rings);
	free(m.done);
	vt_out_free(&m.chunks);
	return err;
}

bool vt_is_ring_file(const char *path)
{
	struct vt_feed feed;
	uint64_t magic = 0;

	if (vt_feed_open(&feed, path) < 0)
		return false;
	bool is = vt_feed_read(&feed, 0, &magic, sizeof(magic)) == 0 && magic == VT_RING_MAGIC;
	vt_feed_close(&feed);
	return is;
}
