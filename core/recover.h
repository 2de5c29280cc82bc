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
	bool in_log;
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

/* What a ring file says of its process. Text and numbers are the file's: they may be anything. */
struct vt_recover_head {
	uint64_t run, ticks, tick_hz, monotonic, realtime;
	uint32_t pid;
	bool alive;                     /* its process still runs */
	bool drained;                   /* a recorder has read from it: there is, or was, a log */
	char program[64];
};

enum vt_recover_flags { VT_RECOVER_NAMED = 1 };   /* a person named the file: it may be another user's */

/* Only what the header says, of a file that a person named; `drained` is not known. 0 or an error. */
int vt_recover_head(const char *path, struct vt_recover_head *head);

/*
 * Reads one ring file and gives its chunks, numbered from `sequence` on. Returns the number of chunks, or
 * a negative error: -VT_E_RUN_DIFFERS, -VT_E_DAMAGED ... `head` is filled in before `known` is called.
 */
int64_t vt_recover_file(const char *path, uint64_t run, uint64_t image, uint64_t sequence,
                        const struct vt_recover_user *user, unsigned flags, struct vt_recover_head *head);

#endif
