/* log.c - parts of a log: open, append, rotate, close. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

enum { INDEX_EVERY = 1024 };

static int write_all(int fd, const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

/* One append: all of it or nothing. */
static int append(struct vt_log *log, const uint8_t *data, size_t length)
{
	int err = log->fd < 0 ? -EBADF : write_all(log->fd, data, length);
	if (err < 0) {
		/* If even this fails a torn chunk stays, which readers know how to pass. */
		off_t end = 0;
		if (log->fd >= 0 && ftruncate(log->fd, (off_t)log->length) < 0 &&
		    (end = lseek(log->fd, 0, SEEK_END)) > (off_t)log->length)
			log->length = (uint64_t)end;
		log->error = err;
		return err;
	}
	log->length += length;
	return 0;
}

/* run.vtrace, part 2 -> run.0002.vtrace */
static int part_path(const struct vt_log *log, uint32_t part, char to[PATH_MAX])
{
	const char *suffix = strrchr(log->name, '.');
	if (!suffix || strchr(suffix, '/'))
		suffix = log->name + strlen(log->name);
	int n = log->parts ?
		snprintf(to, PATH_MAX, "%.*s.%04u%s", (int)(suffix - log->name), log->name, part, suffix) :
		snprintf(to, PATH_MAX, "%s", log->name);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Makes way for a new file: 0, -EBUSY if somebody is writing the old one, or another error. */
static int move_away(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	struct stat st;
	int err = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EEXIST : 0;
	if (!err && flock(fd, LOCK_SH | LOCK_NB) < 0)
		err = -EBUSY;
	close(fd);
	char old[PATH_MAX];
	int n = snprintf(old, sizeof(old), "%s.old", path);
	if (!err && (n < 0 || (size_t)n >= sizeof(old)))
		err = -ENAMETOOLONG;
	if (!err && rename(path, old) < 0)
		err = -errno;
	return err;
}

static int write_header(struct vt_log *log)
{
	struct vt_anchor now = vt_anchor_now(), begin = log->limits.begin.ticks ? log->limits.begin : now;
	struct vt_file_header h = {
		.run = log->chunker.run, .part = log->part, .pid = (uint32_t)getpid(),
		.realtime = begin.realtime, .monotonic = begin.monotonic, .ticks = begin.ticks,
		.tick_hz = vt_tick_hz(),
	};
	uint8_t bytes[VT_FILE_HEADER];

	vt_file_header_encode(&h, bytes);
	log->opened_ns = now.monotonic;
	return append(log, bytes, sizeof(bytes));
}

static int open_part(struct vt_log *log, bool replace)
{
	int err = part_path(log, log->part, log->path);
	if (!err && replace)
		err = move_away(log->path);
	if (err)
		return err;
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600);
	if (log->fd < 0)
		return -errno;
	flock(log->fd, LOCK_EX | LOCK_NB);
	log->length = log->sequence = log->events = 0;
	log->index.length = 0;
	log->index_count = log->index_chunks = 0;
	err = write_header(log);
	if (err < 0) {
		close(log->fd);
		log->fd = -1;
		unlink(log->path);
	}
	return err;
}

int vt_log_open(struct vt_log *log, const char *path, bool replace, uint64_t run,
                const struct vt_codec *codec, int level, const struct vt_log_limits *limits)
{
	memset(log, 0, sizeof(*log));
	log->fd = -1;
	log->part = log->first_part = 1;
	log->limits = *limits;
	if (limits->max_bytes && !limits->rotate_bytes)
		log->limits.rotate_bytes = limits->max_bytes / 4;
	if (strlen(path) >= sizeof(log->name))
		return -ENAMETOOLONG;
	strcpy(log->name, path);
	int err = vt_chunker_open(&log->chunker, codec, level, run);
	if (!err)
		err = open_part(log, replace);
	if (err < 0)
		vt_chunker_close(&log->chunker);
	return err;
}

uint64_t vt_log_bytes(const struct vt_log *log)
{
	return log->earlier_bytes + log->length;
}

/* ---- chunks -------------------------------------------------------------------------------------- */

static int append_chunk(struct vt_log *log, const struct vt_chunk_header *h)
{
	uint64_t offset = log->length;
	int err = append(log, log->chunker.bytes.data, log->chunker.bytes.length);
	if (err < 0)
		return err;
	log->error = 0;
	log->sequence++;
	log->events += h->events;
	vt_rec_index_encode(&log->index, &(struct vt_rec_index){
		.offset = offset, .total = vt_chunk_total(h), .type = h->type, .ring = h->ring,
		.process = h->process, .t_min = h->t_min, .t_max = h->t_max,
		.categories = h->categories, .events = h->events,
	});
	log->index_count++;
	return 0;
}

/* The INDEX chunk is not in itself; a failure only costs readers a scan. */
static void write_index(struct vt_log *log)
{
	struct vt_chunk_header h = { .type = VT_CHUNK_INDEX, .sequence = log->sequence,
	                             .process = VT_NO_PROCESS };
	uint64_t offset = log->length;

	if (log->index_count > 0 && !log->index.failed &&
	    vt_chunk_records(&log->chunker, &h, log->index.data, log->index.length) == 0 &&
	    append(log, log->chunker.bytes.data, log->chunker.bytes.length) == 0) {
		log->sequence++;
		if (log->index_chunks < sizeof(log->indexes) / sizeof(log->indexes[0]))
			log->indexes[log->index_chunks++] = offset;
	}
	log->index.length = 0;
	log->index.failed = false;
	log->index_count = 0;
}

int vt_log_events(struct vt_log *log, struct vt_chunk_header *h,
                  const struct vt_split_section *sections, unsigned count)
{
	h->sequence = log->sequence;
	int err = vt_chunk_events(&log->chunker, h, sections, count);
	if (!err)
		err = append_chunk(log, h);
	if (!err && log->index_count >= INDEX_EVERY)
		write_index(log);
	return err;
}

int vt_log_records(struct vt_log *log, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload)
{
	struct vt_chunk_header h = { .type = (uint16_t)type, .process = process, .sequence = log->sequence };

	if (payload->failed)
		return -ENOMEM;
	if (payload->length == 0)
		return 0;
	int err = vt_chunk_records(&log->chunker, &h, payload->data, payload->length);
	return err ? err : append_chunk(log, &h);
}

/* ---- parts --------------------------------------------------------------------------------------- */

bool vt_log_full(const struct vt_log *log)
{
	const struct vt_log_limits *l = &log->limits;
	if (l->rotate_bytes && log->length >= l->rotate_bytes)
		return true;
	return l->rotate_ns && vt_anchor_now().monotonic - log->opened_ns >= l->rotate_ns;
}

static int close_part(struct vt_log *log)
{
	struct vt_out footer = { 0 };
	struct vt_chunk_header h = { .type = VT_CHUNK_FOOTER, .process = VT_NO_PROCESS };
	struct vt_file_tail tail = { .run = log->chunker.run, .events = log->events };
	uint8_t bytes[VT_FILE_TAIL];

	if (log->fd < 0)
		return log->error;
	write_index(log);
	tail.footer = log->length;
	h.sequence = log->sequence;
	vt_rec_footer_encode(&footer, log->indexes, log->index_chunks);
	int err = footer.failed ? -ENOMEM : vt_chunk_records(&log->chunker, &h, footer.data, footer.length);
	if (!err)
		err = append(log, log->chunker.bytes.data, log->chunker.bytes.length);
	vt_out_free(&footer);
	if (!err) {
		tail.chunks = log->sequence + 1;
		tail.length = log->length + VT_FILE_TAIL;
		vt_file_tail_encode(&tail, bytes);
		err = append(log, bytes, sizeof(bytes));
	}
	/* A failed sync is reported and never tried again: the kernel has dropped the pages. */
	if (!err && fdatasync(log->fd) < 0 && errno != EINVAL && errno != EROFS)
		err = -errno;
	close(log->fd);
	log->fd = -1;
	return err;
}

static void remove_oldest(struct vt_log *log)
{
	char path[PATH_MAX];

	while (log->limits.max_bytes && log->first_part < log->part &&
	       log->earlier_bytes + log->limits.rotate_bytes > log->limits.max_bytes) {
		if (part_path(log, log->first_part, path) == 0)
			unlink(path);
		log->earlier_bytes -= log->part_bytes[log->first_part % 64];
		log->first_part++;
	}
}

int vt_log_rotate(struct vt_log *log)
{
	int err = close_part(log);
	if (err)
		return err;
	if (!log->parts) {              /* a log is NAME until it has a second part; then NAME.0001, NAME.0002 */
		char first[PATH_MAX];
		log->parts = true;
		if (part_path(log, 1, first) == 0 && move_away(first) == 0)
			rename(log->path, first);
	}
	log->part_bytes[log->part % 64] = log->length;
	log->earlier_bytes += log->length;
	log->part++;
	remove_oldest(log);
	return open_part(log, true);
}

int vt_log_close(struct vt_log *log)
{
	int before = log->error;
	int err = close_part(log);
	vt_chunker_close(&log->chunker);
	vt_out_free(&log->index);
	return before ? before : err;
}

int vt_log_abandon(struct vt_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	vt_chunker_close(&log->chunker);
	vt_out_free(&log->index);
	return log->error;
}
