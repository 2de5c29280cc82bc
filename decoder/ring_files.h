/* ring_files.h - the ring files that a run's recorder left behind, merged in memory. */
#ifndef DECODER_RING_FILES_H
#define DECODER_RING_FILES_H

#include "decoder/log.h"

/*
 * Looks for ring files of the run in `directory` (NULL: the default one) and beside the first input,
 * and scans what they add. Nothing is written. 0 or -ENOMEM; a file that cannot be used is a note.
 */
int vt_ring_files_merge(struct vt_log *log, const char *directory);

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
