/* ring_files.c - see ring_files.h. A ring file becomes one more feed of chunks, in memory. */
#include "decoder/ring_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "core/recover.h"
#include "decoder/scan.h"

enum { MOST_FILES = 1024 };

struct merge {
	struct vt_log *log;
	struct vt_out chunks;           /* of the file at hand */
	struct vt_resume *rings;        /* of its process, as the log has them */
	uint32_t next_process, next_ring;
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

static void on_known(void *user, uint64_t image, uint32_t pid, struct vt_recover_known *to)
{
	struct merge *m = user;
	const struct vt_log_process *p = process_of(m->log, image, pid);

	*to = (struct vt_recover_known){ .parent = VT_NO_PROCESS };
	if (!p) {
		to->index = m->next_process++;
		return;
	}
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

static int merge_file(struct merge *m, const char *path, uint64_t image)
{
	const struct vt_recover_user user = { on_known, on_chunk, on_new_ring, m };
	bool alive = false;

	m->chunks.length = 0;
	int64_t n = vt_recover_file(path, m->log->run.run, image, 0, &user, &alive);
	if (n == -ENOMEM)
		return -ENOMEM;
	if (n < 0) {
		vt_notes_add(&m->log->notes, NOTE_N_RING, path, 0, "ring file not used: %s",
		             vt_strerror((int)n));
		return 0;
	}
	vt_notes_add(&m->log->notes, NOTE_N_RING, path, 0, alive ?
	             "its process still runs: what is in its ring is shown as it is now" :
	             "read what its process left in its ring");
	return m->chunks.length > 0 ? add_feed(m, path, alive) : 0;
}

static int merge_directory(struct merge *m, const char *directory)
{
	DIR *dir = opendir(directory);
	unsigned files = 0;
	int err = 0;

	for (struct dirent *e; dir && !err && files < MOST_FILES && (e = readdir(dir));) {
		char path[PATH_MAX];
		uint64_t image;
		if (!vt_recover_is_ring_file(e->d_name, m->log->run.run, &image))
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		if (n > 0 && (size_t)n < sizeof(path)) {
			err = merge_file(m, path, image);
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

int vt_ring_files_merge(struct vt_log *log, const char *directory)
{
	char standard[PATH_MAX];
	struct merge m = {
		.log = log, .next_process = (uint32_t)log->catalog.process_limit,
		.next_ring = (uint32_t)log->catalog.ring_limit + 1,
	};

	if (!directory) {
		vt_ring_directory_name(standard, sizeof(standard));
		directory = standard;
	}
	int err = merge_directory(&m, directory);
	if (!err)
		err = merge_beside(&m, directory);
	free(m.rings);
	vt_out_free(&m.chunks);
	return err;
}
