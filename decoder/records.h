/* records.h - counter records of a log, found again and delivered. */
#ifndef DECODER_RECORDS_H
#define DECODER_RECORDS_H

#include "decoder/log.h"

/* After the scan: sorts them by time. False: no memory. */
bool vt_records_finish(struct vt_log *log);

/* vt_reader_counters. */
int vt_records_each(struct vt_log *log, int64_t which,
                    int (*each)(void *user, const struct vt_counters *c), void *user);

#endif
