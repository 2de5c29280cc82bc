/* ring_files.h - the ring files that a run's recorder left behind, merged in memory. */
#ifndef DECODER_RING_FILES_H
#define DECODER_RING_FILES_H

#include "decoder/log.h"

/* Ring files that somebody named, and where to look for more. */
struct vt_ring_sources {
	const char *const *named;
	unsigned count;
	bool search;                    /* in `directory` (NULL: the default one) and beside the first input */
	const char *directory;
	bool closed;                    /* the log has all of the processes that it names: only others are wanted */
};

/*
 * Scans what the ring files of the run add, each once. Nothing is written. 0 or -ENOMEM; a file that was
 * found and cannot be used is a note, one that was named an error.
 */
int vt_ring_files_merge(struct vt_log *log, const struct vt_ring_sources *from);

/* Is it a ring file by its first bytes? What cannot be opened is none. */
bool vt_is_ring_file(const char *path);

/* What `recover` writes into the log: ring file number `index` of an open reader. False: no more. */
struct vt_ring_file_chunks {
	const char *path;
	uint8_t *bytes;                 /* whole chunks, numbered from 0; the caller may number them anew */
	size_t length;
	bool alive;                     /* its process still runs */
};
bool vt_reader_ring_file(const struct vt_reader *reader, unsigned index, struct vt_ring_file_chunks *f);

/* The sequence number that the next chunk of the last input would have. */
uint64_t vt_reader_next_sequence(const struct vt_reader *reader);

#endif
