/*
 * collecting.h - the recorder's side of collectors: opens those that are wanted, samples them before each
 * counter record, and puts what they set where it belongs.
 */
#ifndef CORE_COLLECTING_H
#define CORE_COLLECTING_H

#include "core/collector.h"

struct vt_followed;
struct vt_recorder;
struct vt_collecting;
struct vt_out;

/* Opens the collectors that `settings->collect` and their defaults say. NULL: no memory. */
struct vt_collecting *vt_collecting_open(struct vt_recorder *r, const struct vt_settings *settings);

void vt_collecting_sample(struct vt_collecting *c);

/* A process comes, or has ended: that one is read; the others too, unless that was done a moment ago. */
void vt_collecting_begin(struct vt_collecting *c, const struct vt_followed *p);
void vt_collecting_end(struct vt_collecting *c, const struct vt_followed *p, const struct rusage *usage);

/* As vt_collecting_sample, for the last time: waits a little for what collectors still have to come. */
void vt_collecting_last(struct vt_collecting *c);

/* Closes all collectors; the loop must run once more, for their handles. */
void vt_collecting_close(struct vt_collecting *c);

/* SCHEMA records of the metrics that only this run has: for each part of the log. */
void vt_collecting_schema(const struct vt_collecting *c, struct vt_out *payload);

/* Is there a collector of this name? For error messages. */
bool vt_collecting_knows(const char *name);

#endif
