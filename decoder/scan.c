/*
 * scan.c - see scan.h.
 *
 * One read a chunk: its head (heads.h). Where the chain breaks, the sync mark of the run is searched, once over each byte.
 */
#include "decoder/scan.h"

#include <errno.h>
#include <stdlib.h>

#include <valktrace/error.h>

#include "core/crc32c.h"
#include "core/wire.h"
#include "decoder/chunks.h"
#include "decoder/heads.h"

#define SEARCH          65536u
#define WORTH_A_THREAD  (16u << 20)     /* bytes of chunks: fewer are looked through in a millisecond */
#define SYNC            16u             /* mark and run */
#define SMALLEST_CHUNK  (VT_CHUNK_HEADER + VT_CHUNK_TRAILER)

struct scan {
	struct vt_log *log;
	const struct vt_feed *feed;
	uint32_t index;
	uint64_t end;                   /* of the chunks: before the tail when there is one */
	uint64_t at;                    /* here a chunk should start */
	uint64_t sequence;              /* of the next chunk */
	bool begun;                     /* chunks in memory start at any sequence */
	bool closed;
	struct vt_head head;
	struct vt_heads *ahead;         /* NULL: nobody reads ahead */
	uint8_t *search;
};

static int fill_head(struct scan *s, uint64_t at)
{
	if (s->ahead && vt_heads_take(s->ahead, at, &s->head))
		return 0;
	return vt_head_read(s->feed, at, s->end, &s->head);
}

#define STEPS           64u             /* reads between two calls of the progress hook */

/* Before each read that grows with the log; `at` is where in the feed. */
static void step(const struct scan *s, uint64_t at)
{
	struct vt_log *log = s->log;

	if (log->progress && s->feed->fd >= 0 && ++log->steps % STEPS == 0)
		log->progress(log->notes.user, log->before + at, log->run.bytes);
}

/* The header at `at`, from the head when it is there. 0 or negative: none. */
static int read_header(struct scan *s, uint64_t at, struct vt_chunk_header *h)
{
	uint8_t longer[VT_MAX_CHUNK_HEADER];

	if (s->end - at < SMALLEST_CHUNK)
		return -VT_E_SHORT;
	if (s->head.at != at && fill_head(s, at) < 0)
		return -VT_E_SHORT;
	int err = vt_chunk_header_decode(h, s->head.bytes + VT_CHUNK_TRAILER, s->head.have);
	if (err != -VT_E_SHORT)
		return err;
	size_t length = s->end - at < sizeof longer ? (size_t)(s->end - at) : sizeof longer;
	if (vt_feed_read(s->feed, at, longer, length) < 0)
		return -VT_E_SHORT;
	return vt_chunk_header_decode(h, longer, length);
}

/* A chunk of this run starts at `at`, fits the file and is newer than those before. */
static bool chunk_at(struct scan *s, uint64_t at)
{
	struct vt_chunk_header h;

	return read_header(s, at, &h) == 0 && h.run == s->log->run.run && h.sequence >= s->sequence &&
	       vt_chunk_total(&h) <= s->end - at;
}

/* The next chunk from `from` on, or s->end. Every byte is looked at once. */
static int resync(struct scan *s, uint64_t from, uint64_t *found)
{
	uint8_t sync[SYNC];

	memcpy(sync, VT_CHUNK_MARK, 8);
	vt_put_le64(sync + 8, s->log->run.run);
	*found = s->end;
	if (!s->search)
		s->search = malloc(SEARCH);
	if (!s->search)
		return -ENOMEM;
	while (s->end - from >= SMALLEST_CHUNK) {
		size_t have = s->end - from < SEARCH ? (size_t)(s->end - from) : SEARCH;
		step(s, from);
		if (vt_feed_read(s->feed, from, s->search, have) < 0)
			return 0;
		const uint8_t *p = s->search, *end = s->search + have;
		while ((p = memmem(p, (size_t)(end - p), sync, SYNC))) {
			uint64_t at = from + (uint64_t)(p - s->search);
			if (s->end - at >= SMALLEST_CHUNK && chunk_at(s, at)) {
				*found = at;
				return 0;
			}
			p++;
		}
		from += have - (SYNC - 1);
	}
	return 0;
}

static void damaged(struct scan *s, enum vt_note_code code, uint64_t from, uint64_t to,
                    const char *what)
{
	s->log->run.damaged_bytes += to - from;
	vt_notes_add(&s->log->notes, code, s->feed->name, from, "%s: skipped %llu bytes", what,
	             (unsigned long long)(to - from));
}

/* What is missing behind `from` is still to come. */
static bool is_being_written(const struct scan *s, uint64_t from, uint64_t found)
{
	return s->feed->writing && !s->closed && found == s->end && from < found;
}

/* No usable header at s->at: goes on at the next chunk. */
static int pass_damage(struct scan *s, const char *what)
{
	uint64_t found, from = s->at;
	int err = resync(s, from + 1, &found);

	if (err < 0)
		return err;
	if (is_being_written(s, from, found) && found - from < VT_MAX_CHUNK_HEADER) {
		s->at = s->end = from;
		return 0;
	}
	s->at = found;
	if (found == s->end && !s->closed && s->end - from < SMALLEST_CHUNK)
		damaged(s, NOTE_E_TRUNCATED, from, found, "the last chunk is cut in its header");
	else
		damaged(s, NOTE_E_HEADER, from, found, what);
	return 0;
}

/* A good header, but the file ends before the chunk does. */
static int pass_torn(struct scan *s, const struct vt_chunk_header *h)
{
	uint64_t found, from = s->at;
	int err = resync(s, from + h->length, &found);

	if (err < 0)
		return err;
	if (is_being_written(s, from, found)) {
		s->at = s->end = from;
		return 0;
	}
	s->log->run.damaged_bytes += found - from;
	vt_notes_add(&s->log->notes, NOTE_E_TRUNCATED, s->feed->name, from,
	             "chunk %llu needs %u bytes, %llu present",
	             (unsigned long long)h->sequence, vt_chunk_total(h),
	             (unsigned long long)(found - from));
	s->at = found;
	return 0;
}

/*
 * The trailer does not agree with the header. When the next chunk stands where it should, only the
 * trailer is hurt; else bytes are missing or too many: the payload is used as far as its checksums
 * hold, and the chain goes on at the next sync.
 */
static int pass_trailer(struct scan *s, const struct vt_chunk_header *h, uint64_t next)
{
	uint64_t from = s->at;

	vt_notes_add(&s->log->notes, NOTE_E_TRAILER, s->feed->name, next - VT_CHUNK_TRAILER,
	             "chunk %llu does not end where its header says",
	             (unsigned long long)h->sequence);
	s->at = next;
	if (next == s->end || chunk_at(s, next))
		return 0;
	int err = resync(s, from + h->length, &s->at);
	return err;
}

static void check_sequence(struct scan *s, const struct vt_chunk_header *h)
{
	if (!s->begun && s->feed->fd < 0)
		s->sequence = h->sequence;
	s->begun = true;
	if (h->sequence > s->sequence)
		vt_notes_add(&s->log->notes, NOTE_E_MISSING, s->feed->name, s->at,
		             "%llu chunks are missing before chunk %llu",
		             (unsigned long long)(h->sequence - s->sequence),
		             (unsigned long long)h->sequence);
	else if (h->sequence < s->sequence)
		vt_notes_add(&s->log->notes, NOTE_E_ORDER, s->feed->name, s->at,
		             "chunk %llu comes after chunk %llu", (unsigned long long)h->sequence,
		             (unsigned long long)(s->sequence - 1));
	if (h->sequence >= s->sequence && h->sequence < UINT64_MAX)
		s->sequence = h->sequence + 1;
}

/* The chunk at s->at, whose header is good. Moves s->at behind it. */
static int take_chunk(struct scan *s, const struct vt_chunk_header *h)
{
	struct vt_head here = s->head;
	uint64_t at = s->at;
	uint64_t next = at + vt_chunk_total(h);
	int err = 0;

	if (vt_chunk_total(h) > s->end - at)
		return pass_torn(s, h);
	/* What holds a stranger's chunk is passed by, with its bytes. */
	if (h->run != s->log->run.run) {
		vt_notes_add(&s->log->notes, NOTE_N_FOREIGN, s->feed->name, at,
		             "a chunk of run %016llx", (unsigned long long)h->run);
		s->at = next;
		return 0;
	}
	check_sequence(s, h);
	if (fill_head(s, next) < 0)
		return pass_torn(s, h);
	if (vt_chunk_trailer_check(h, s->head.bytes) < 0)
		err = pass_trailer(s, h, next);
	else
		s->at = next;
	if (err < 0)
		return err;
	s->log->run.chunks++;
	return vt_chunk_take(s->log, s->index, at, h, here.bytes + VT_CHUNK_TRAILER, here.have);
}

/* A tail that holds ends the chunks before it. */
static void find_tail(struct scan *s, uint64_t offset)
{
	uint8_t bytes[VT_FILE_TAIL];
	struct vt_file_tail tail;

	s->end = s->feed->size;
	if (s->feed->size < offset + VT_FILE_TAIL ||
	    vt_feed_read(s->feed, s->feed->size - VT_FILE_TAIL, bytes, sizeof bytes) < 0)
		return;
	int err = vt_file_tail_decode(&tail, bytes);
	if (err == -VT_E_NOT_A_LOG)
		return;
	s->end = s->feed->size - VT_FILE_TAIL;
	s->closed = err == 0 && tail.run == s->log->run.run && tail.length == s->feed->size;
	if (!s->closed)
		vt_notes_add(&s->log->notes, NOTE_E_TAIL, s->feed->name, s->end,
		             "the file's tail does not fit the file");
}

static int scan(struct scan *s, bool *closed)
{
	int err = 0;

	s->head.at = UINT64_MAX;
	while (err == 0 && s->at < s->end) {
		struct vt_chunk_header h;
		step(s, s->at);
		if (read_header(s, s->at, &h) == 0)
			err = take_chunk(s, &h);
		else
			err = pass_damage(s, "no chunk header where one should be");
	}
	vt_heads_end(s->ahead);
	free(s->search);
	if (s->feed->fd >= 0) {
		s->log->next_sequence = s->sequence;
		s->log->scanned = s->at;
	}
	*closed = s->closed;
	return err;
}

int vt_scan_feed(struct vt_log *log, uint32_t feed, uint64_t offset, bool *closed)
{
	struct scan s = { .log = log, .feed = &log->feeds[feed], .index = feed, .at = offset };

	find_tail(&s, offset);
	if (log->threads > 1 && s.feed->fd >= 0 && s.end > s.at && s.end - s.at >= WORTH_A_THREAD)
		s.ahead = vt_heads_begin(s.feed, s.at, s.end);
	return scan(&s, closed);
}

int vt_scan_more(struct vt_log *log, uint32_t feed, bool *closed)
{
	struct scan s = { .log = log, .feed = &log->feeds[feed], .index = feed, .at = log->scanned,
	                  .sequence = log->next_sequence, .begun = true };
	uint64_t before = log->feeds[feed].size;

	vt_feed_refresh(&log->feeds[feed]);
	log->run.bytes += log->feeds[feed].size - before;
	log->catalog.input_bytes += log->feeds[feed].size - before;
	find_tail(&s, log->scanned);
	return scan(&s, closed);
}
