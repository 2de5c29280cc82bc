/*
 * lanes.h - all selected sections on several threads at once, in no order: for what adds up.
 *
 * A lane is one thread with an unpacker and buffers of its own. Lanes take sections by a common counter and
 * change nothing that they share but the `found` of the section that is theirs; what they found is accounted
 * for behind them, in the order of the sections, so that notes and counts do not depend on chance.
 */
#ifndef DECODER_LANES_H
#define DECODER_LANES_H

#include "decoder/batch.h"

#define VT_MAX_LANES 64u

/* vt_reader_scan. */
int vt_lanes_run(struct vt_log *log, const struct vt_selection *s, unsigned threads,
                 int (*each)(void *state, const struct vt_batch *batch), void *const *states);

#endif
