/*
 * Closes a log whose recorder did not: appends what the run's ring files still hold, then a tail, and
 * removes the ring files. The only command that writes into a log or takes a ring file away.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <valktrace/error.h>
#include <valktrace/reader.h>

#include "core/crc32c.h"
#include "core/wire.h"
#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/input.h"
#include "decoder/out.h"
#include "decoder/progress.h"
#include "decoder/ring_files.h"
#include "decoder/units.h"

static const struct vt_opt options[] = { VT_OPT_END };

struct recover {
	int fd;
	uint64_t length, sequence, events;
	bool alive;                     /* a process of the run still goes on */
	unsigned files;                 /* ring files that there were */
};

static int append(struct recover *r, const uint8_t *data, size_t length)
{
	for (size_t done = 0; done < length; ) {
		ssize_t n = write(r->fd, data + done, length - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	r->length += length;
	return 0;
}

/* Appends one recovered chunk under the log's next sequence number. */
static int append_chunk(struct recover *r, uint8_t *bytes, size_t have, size_t *total)
{
	struct vt_chunk_header h;

	if (have < VT_CHUNK_HEADER || vt_chunk_header_decode(&h, bytes, have) < 0 || vt_chunk_total(&h) > have)
		return -VT_E_DAMAGED;
	*total = vt_chunk_total(&h);
	h.sequence = r->sequence;
	vt_chunk_header_encode(&h, bytes);
	vt_chunk_trailer_encode(&h, bytes + *total - VT_CHUNK_TRAILER);
	int err = append(r, bytes, *total);
	if (!err) {
		r->sequence++;
		r->events += h.events;
	}
	return err;
}

static int append_ring_file(struct recover *r, const struct vt_ring_file_chunks *f)
{
	int err = 0;

	for (size_t at = 0, total = 0; at < f->length && !err; at += total)
		err = append_chunk(r, f->bytes + at, f->length - at, &total);
	return err;
}

static int append_tail(struct recover *r, uint64_t run, uint64_t events)
{
	struct vt_out footer = { 0 };
	uint8_t bytes[VT_FILE_TAIL];
	struct vt_chunk_header h = {
		.run = run, .type = VT_CHUNK_FOOTER, .process = VT_NO_PROCESS, .sequence = r->sequence,
	};

	uint8_t *room = vt_out_room(&footer, VT_CHUNK_HEADER);
	if (!room)
		return -ENOMEM;
	memset(room, 0, VT_CHUNK_HEADER);
	footer.length = VT_CHUNK_HEADER;
	vt_rec_footer_encode(&footer, NULL, 0);
	h.stored = h.raw = (uint32_t)(footer.length - VT_CHUNK_HEADER);
	h.crc_stored = h.crc_raw = vt_crc32c(0, footer.data + VT_CHUNK_HEADER, h.stored);
	vt_chunk_header_encode(&h, footer.data);
	vt_out_bytes(&footer, (uint8_t[VT_CHUNK_TRAILER]){ 0 }, VT_CHUNK_TRAILER);
	if (footer.failed)
		return -ENOMEM;
	vt_chunk_trailer_encode(&h, footer.data + footer.length - VT_CHUNK_TRAILER);

	struct vt_file_tail tail = { .run = run, .footer = r->length, .events = events };
	int err = append(r, footer.data, footer.length);
	vt_out_free(&footer);
	tail.length = r->length + VT_FILE_TAIL;
	tail.chunks = r->sequence + 1;
	vt_file_tail_encode(&tail, bytes);
	return err ? err : append(r, bytes, sizeof(bytes));
}

/* The sequence number after the last chunk's: a hole would read as a lost chunk. */
static int open_log(struct recover *r, const char *path, const struct vt_reader *reader)
{
	r->fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY;
	off_t end = lseek(r->fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	r->length = (uint64_t)end;
	r->sequence = vt_reader_next_sequence(reader);
	return 0;
}

/* What the killed recorder told the processes of its run lies beside their ring files. */
static void remove_run_page(const char *ring_file, uint64_t run)
{
	const char *slash = strrchr(ring_file, '/');
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%.*s%016llx.run", slash ? (int)(slash + 1 - ring_file) : 0,
	                 ring_file, (unsigned long long)run);

	if (n > 0 && (size_t)n < sizeof(path))
		unlink(path);
}

static int recover_log(struct recover *r, const char *path, const struct vt_reader *reader)
{
	const struct vt_run_info *run = vt_reader_run(reader);
	struct vt_ring_file_chunks f;
	uint64_t events = 0;

	int err = open_log(r, path, reader);
	for (unsigned i = 0; !err && vt_reader_ring_file(reader, i, &f); i++) {
		r->alive |= f.alive;
		err = r->alive ? 0 : append_ring_file(r, &f);
		r->files++;
	}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++)
		events += run->decoded[c];
	if (!err && !r->alive)
		err = append_tail(r, run->run, events);
	if (!err && !r->alive && fdatasync(r->fd) < 0 && errno != EINVAL)
		err = -errno;
	/* Only now: whatever went wrong before, the ring files are still there. */
	for (unsigned i = 0; !err && !r->alive && vt_reader_ring_file(reader, i, &f); i++) {
		unlink(f.path);
		remove_run_page(f.path, run->run);
	}
	if (r->fd >= 0)
		close(r->fd);
	return err;
}

static void on_progress(void *user, uint64_t done, uint64_t total)
{
	(void)user;
	vt_progress(done, total, done, VT_PROGRESS_BYTES);
}

static int recover_file(const char *path)
{
	struct vt_reader_options how = { .size = sizeof(how), .progress = on_progress,
	                                 .ring_directory = vt_common.ring_directory };
	struct recover r = { .fd = -1 };
	struct vt_reader *reader;

	vt_progress_begin("recovering", path, false);
	int err = vt_reader_open(&reader, &path, 1, &how);
	vt_progress_end();
	if (err < 0)
		return vt_input_failed(&(struct vt_input){ .name = path }, err);
	if (vt_reader_run(reader)->parts == 0) {
		vt_reader_close(reader);
		vt_message("%s: is a ring file, not a log; valktrace decode reads it", path);
		return VT_EXIT_NOT_A_LOG;
	}
	if (vt_reader_run(reader)->closed) {
		vt_reader_close(reader);
		vt_remark("%s: is closed already; nothing to recover", path);
		return VT_EXIT_OK;
	}
	err = recover_log(&r, path, reader);
	vt_reader_close(reader);
	if (r.alive) {
		vt_message("%s: a process of the run still goes on; decode shows what it has", path);
		return VT_EXIT_FAILURE;
	}
	if (err < 0) {
		vt_message("%s: %s%s", path, vt_strerror(err),
		           err == -EBUSY ? ": its recorder is still writing" : "");
		return VT_EXIT_FAILURE;
	}
	if (r.files == 0) {
		vt_remark("%s: no ring file of this run is here; the log is closed as it was", path);
		return VT_EXIT_OK;
	}
	char events[VT_NUM_MAX + 1];
	*vt_num_grouped(events, r.events) = 0;
	vt_remark("%s: %s events recovered, the log is closed", path, events);
	return VT_EXIT_OK;
}

static int run(int argc, char **argv)
{
	int code = VT_EXIT_OK, settings = 0;
	int first = vt_opt_parse(&vt_cmd_recover, argc, argv, &settings);

	if (first < 0)
		return first == VT_OPT_HELP ? VT_EXIT_OK : VT_EXIT_USAGE;
	if (first == argc)
		return recover_file("valktrace.vtrace");
	for (int i = first; i < argc; i++) {
		int one = recover_file(argv[i]);
		code = code ? code : one;
	}
	return code;
}

const struct vt_command vt_cmd_recover = {
	.name = "recover",
	.args = "[FILE...]",
	.summary = "close a log whose recorder died, with what is left in the rings",
	.details = "Reading commands show what is in the ring files of a run without this; recover\n"
	           "writes it into the log, so that the log can be sent to somebody else.\n",
	.exits = "  0  closed, or was closed already    4  not a log\n"
	         "  1  cannot be written, or a process  5  of a version that is not known\n"
	         "     of the run goes on               7  cannot be read\n"
	         "  2  wrong usage\n",
	.examples = "  valktrace recover tinylisp-31007.vtrace\n",
	.opts = options,
	.run = run,
};
