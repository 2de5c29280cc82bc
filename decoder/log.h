/* log.h - all that is known of a run once its files are scanned; no event is decoded yet. */
#ifndef DECODER_LOG_H
#define DECODER_LOG_H

#include "decoder/catalog.h"
#include "decoder/feed.h"
#include "decoder/loss.h"
#include "decoder/notes.h"
#include "decoder/timeline.h"
#include "decoder/unpack.h"

struct vt_chunk_ref {                   /* an EVENTS chunk whose header and section table hold */
	uint64_t offset;
	uint32_t feed, ring;
	uint16_t length, sections;      /* of the header */
};

struct vt_section_ref {
	uint64_t t_min, t_max;
	uint32_t chunk, events;
	uint32_t skip;                  /* events at its start that another chunk had */
	uint8_t index, category;        /* index: in the section table */
	bool bad;                       /* found damaged when it was opened, and accounted for */
	uint8_t found;                  /* by a lane: the note code of its damage, VT_FOUND_STRANGE, or 0 */
};

#define VT_FOUND_STRANGE 255u           /* whole, but of types that the catalog does not know yet */

struct vt_counter_ref {
	uint64_t ticks, sequence, offset;       /* offset: of the chunk in the feed */
	uint32_t feed, process, record;         /* record: number in the payload */
	bool last;                              /* no later one of its process */
};

struct vt_log {
	struct vt_feed *feeds;
	size_t feed_count;
	uint64_t next_sequence;                 /* of a chunk appended to the last file */
	uint64_t scanned;                       /* how far the last file was */
	struct vt_notes notes;
	struct vt_catalog catalog;
	struct vt_unpacker unpacker;
	struct vt_timeline timeline;
	struct vt_loss loss;
	struct vt_chunk_ref *chunks;
	struct vt_section_ref *sections;        /* sorted by t_min once all is scanned */
	struct vt_counter_ref *counters;        /* sorted by ticks */
	size_t chunk_count, chunk_capacity, section_count, section_capacity;
	size_t counter_count, counter_capacity;
	struct vt_rec_calls calls;              /* with the counter record that is delivered: vt_reader_calls_now */
	uint8_t *payload;                       /* VT_MAX_RAW bytes at most, reused */
	size_t payload_capacity;
	void (*progress)(void *user, uint64_t done, uint64_t total);    /* of the options, or NULL */
	unsigned threads;                       /* that may read */
	uint64_t before;                        /* bytes of the inputs before the one that is scanned */
	unsigned steps;                         /* reads so far */
	struct vt_run_info run;
	const struct vt_process_info **processes;
	const struct vt_ring_info **rings;
};

/* For selections beside that of the reader: vt_selection_make. */
struct vt_log *vt_reader_log(const struct vt_reader *reader);

/* Are there more than so many events in the sections of what is selected? Looks no farther than it must. */
bool vt_reader_selects_more(const struct vt_reader *reader, uint64_t events);

#endif
