/* records.h - counter records of a log, found again and delivered. */
#ifndef DECODER_RECORDS_H
#define DECODER_RECORDS_H

#include <valktrace/reader.h>

#include "decoder/log.h"

/* After the scan: sorts them by time. False: no memory. */
bool vt_records_finish(struct vt_log *log);

/*
 * While vt_reader_counters delivers a record: the statistics of calls that go with it, or NULL: since the record
 * before there were no new ones, or it is none of the recorder's. Valid until the next one.
 */
const struct vt_rec_calls *vt_reader_calls_now(const struct vt_reader *reader);

/* vt_reader_counters. */
int vt_records_each(struct vt_log *log, int64_t which,
                    int (*each)(void *user, const struct vt_counters *c), void *user);

#endif
