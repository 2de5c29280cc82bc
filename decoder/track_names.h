/* track_names.h - what tracks.c and track_names.c share. */
#ifndef DECODER_TRACK_NAMES_H
#define DECODER_TRACK_NAMES_H

#include "decoder/tracks.h"

/* A number for a new lane's thread that nothing in the output has. 0: no memory. */
uint32_t vt_track_tid(struct vt_track_names *n, const struct vt_lane *lane);

#endif
