/* scan.h - follows the chain of chunks through one feed and takes in all but the events. */
#ifndef DECODER_SCAN_H
#define DECODER_SCAN_H

#include "decoder/log.h"

/*
 * Scans feed number `feed` from `offset` on (where its first chunk is). A file ends with a tail when it
 * is closed; `*closed` tells. Damage is noted and passed by. 0, -ENOMEM or another negative errno.
 */
int vt_scan_feed(struct vt_log *log, uint32_t feed, uint64_t offset, bool *closed);

/*
 * Goes on where the scan of feed `feed`, the last file, ended: a recorder has written more since. Nothing
 * of it is damage yet: a chunk that is not all there is left for the next time.
 */
int vt_scan_more(struct vt_log *log, uint32_t feed, bool *closed);

#endif
