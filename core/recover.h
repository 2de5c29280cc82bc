/*
 * recover.h - what a run's recorder did not write any more: read from the ring files it left behind.
 *
 * Nothing in a ring file is changed. A process that still runs is looked at without disturbing it.
 */
#ifndef CORE_RECOVER_H
#define CORE_RECOVER_H

#include "core/follow.h"

/* What the log knows of the process that made a ring file. */
struct vt_recover_known {
	uint32_t index, parent;         /* its index in the run, or a free one */
	const struct vt_resume *rings;
	unsigned ring_count;
};

struct vt_recover_user {
	/* The process of this ring file in the log; called once a file, before anything of it is given. */
	void (*known)(void *user, uint64_t image, uint32_t pid, struct vt_recover_known *to);
	/* A whole chunk, valid until the call returns. 0 or a negative error, which ends the recovery. */
	int (*chunk)(void *user, const uint8_t *bytes, size_t length);
	uint32_t (*new_ring)(void *user);
	void *user;
};

/* The image id out of a ring file's name, if it is one of this run; else false. */
bool vt_recover_is_ring_file(const char *name, uint64_t run, uint64_t *image);

/*
 * Reads one ring file and gives its chunks, numbered from `sequence` on. Returns the number of chunks, or
 * a negative error: -VT_E_RUN_DIFFERS, -VT_E_DAMAGED ... *alive: its process still runs.
 */
int64_t vt_recover_file(const char *path, uint64_t run, uint64_t image, uint64_t sequence,
                        const struct vt_recover_user *user, bool *alive);

#endif
