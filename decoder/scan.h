/* scan.h - follows the chain of chunks through one feed and takes in all but the events. */
#ifndef DECODER_SCAN_H
#define DECODER_SCAN_H

#include "decoder/log.h"

/*
 * Scans feed number `feed` from `offset` on (where its first chunk is). A file ends with a tail when it
 * is closed; `*closed` tells. Damage is noted and passed by. 0, -ENOMEM or another negative errno.
 */
int vt_scan_feed(struct vt_log *log, uint32_t feed, uint64_t offset, bool *closed);

#endif
