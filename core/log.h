/*
 * log.h - the log as files: parts, chunks appended whole, index, footer, tail.
 *
 * Nothing is ever rewritten. A failed write is cut off again, so that what stands is whole chunks; the
 * log is then "stuck" until a later append succeeds, and the caller keeps its data where it is.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <limits.h>
#include <stdbool.h>

#include "core/chunk.h"
#include "core/clock.h"

struct vt_log_limits {
	uint64_t rotate_bytes, rotate_ns;   /* begin a new part; 0: never */
	uint64_t max_bytes;                 /* of all parts together; oldest parts are removed; 0: no limit */
	struct vt_anchor begin;             /* when what is written began; ticks 0: now */
};

struct vt_log {
	int fd;                         /* < 0: closed */
	char name[PATH_MAX];            /* as given; parts get .NNNN before the suffix */
	char path[PATH_MAX];            /* of the current part */
	uint32_t part, first_part;      /* first_part: the oldest that is still there */
	uint64_t opened_ns;             /* monotonic */
	uint64_t length, sequence, events;
	uint64_t earlier_bytes;         /* of the parts before that are still there */
	uint64_t part_bytes[64];        /* lengths of the latest parts, by part % 64 */
	struct vt_log_limits limits;
	struct vt_chunker chunker;
	struct vt_out index;            /* INDEX records since the last INDEX chunk */
	uint32_t index_count;
	uint64_t indexes[1024];         /* offsets of INDEX chunks */
	uint32_t index_chunks;
	bool parts;                     /* rotation is on: names carry the part */
	int error;                      /* of the last append, 0: none */
};

/*
 * Opens the first part at `path` (O_EXCL, 0600). An existing file is moved to <path>.old when `replace`,
 * else -EEXIST; -EBUSY when a live recorder writes it. The file is locked while it is written.
 */
int vt_log_open(struct vt_log *log, const char *path, bool replace, uint64_t run,
                const struct vt_codec *codec, int level, const struct vt_log_limits *limits);

/* Must a new part begin before the next chunk? */
bool vt_log_full(const struct vt_log *log);

/* Closes the part and opens the next; the caller writes schema and names again. */
int vt_log_rotate(struct vt_log *log);

/* Append one chunk. 0, or a negative error with nothing added. */
int vt_log_events(struct vt_log *log, struct vt_chunk_header *h,
                  const struct vt_split_section *sections, unsigned count);
int vt_log_records(struct vt_log *log, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload);

/* Writes index, footer and tail, and closes. 0, or the first error of the log. */
int vt_log_close(struct vt_log *log);

/* Closes without index, footer and tail, as if killed: what is missing is to be looked for. Its error. */
int vt_log_abandon(struct vt_log *log);

/* Bytes of all parts that are there. */
uint64_t vt_log_bytes(const struct vt_log *log);

#endif
