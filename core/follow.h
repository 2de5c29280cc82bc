/*
 * follow.h - one recorded process: from its ring file into the log, whether it lives or has died. The
 * recorder follows live ones; the recoverer opens a dead one and finishes it at once.
 */
#ifndef CORE_FOLLOW_H
#define CORE_FOLLOW_H

#include "core/drain.h"
#include "core/ring_view.h"

/* Where a followed process's chunks go: the log, or memory. Every call: 0 or a negative error. */
struct vt_follow_out {
	int (*records)(void *user, enum vt_chunk_type type, uint32_t process, const struct vt_out *payload);
	int (*events)(void *user, struct vt_chunk_header *h,
	              const struct vt_split_section *sections, unsigned count);
	uint32_t (*new_ring)(void *user);       /* an id, unique in the run */
	void *user;
};

/* How full the rings of a run became: to say which size would do. */
struct vt_fullest {
	uint64_t bytes, size;           /* of the fullest main ring */
	uint32_t tid;
	char name[41];
	unsigned rings;
};

/* A ring's owner, from claim to end. */
struct vt_followed_slot {
	uint32_t generation;            /* of the owner that is followed, 0: none */
	uint32_t tid;
	bool closing;                   /* its thread has ended */
	bool signal_used;
	struct vt_drain_ring main, signal;
	uint64_t until_main, until_signal;      /* of this round */
	char name[41];
	bool announced;                 /* its THREADS record is written, with this name */
};

struct vt_followed {
	struct vt_ring_view view;
	uint32_t index, parent;         /* process index in the run */
	uint64_t image;                 /* from the ring file's name */
	uint8_t flags;                  /* enum vt_chunk_flags, for its chunks */
	enum vt_ending ending;
	uint32_t status;
	uint64_t ended_ticks;
	struct vt_followed_slot *slots; /* view.file->slot_count of them, touched as used */
	uint64_t types, strings, facts, snapshots;      /* written so far */
	bool announced;                 /* its PROCESS record is written */
	uint64_t calls;                 /* counted, as last written */
	uint64_t events, lost;          /* in the log; lost: complete once it is finished */
	struct vt_fullest fullest;
	struct { enum { NOT_SAID, SAID_ABSENT, SAID_AVAILABLE } state; char *reason; } sources[VT_MAX_SOURCES];
	const struct vt_resume *resume; /* what a log already holds of its rings; the recoverer's */
	unsigned resume_count;
	/* Called with each counter record of ours that is in the log. 0 or a negative error; NULL: nobody asks. */
	int (*sampled)(void *user, const struct vt_followed *p, const struct vt_counter_sample *s);
	void *sampled_user;
};

/* Takes over `view` (opened by the caller). 0 or -ENOMEM. */
int vt_follow_open(struct vt_followed *p, const struct vt_ring_view *view, uint32_t index,
                   uint32_t parent, uint64_t image);
void vt_follow_close(struct vt_followed *p);

/* Is a ring half full, or is there enough of it for a chunk that compresses well? */
bool vt_follow_busy(const struct vt_followed *p);

/* Is a ring so full that its producer may soon be faster than we are? */
bool vt_follow_pressed(const struct vt_followed *p);

/*
 * One round: notes where each ring ends, writes new types, strings, facts and threads, then drains each
 * ring up to there, at most `budget` bytes in all. So whatever an event refers to is in the log before
 * it. Returns bytes drained, or the first error; nothing is lost by an error.
 */
int64_t vt_follow_round(struct vt_followed *p, uint64_t budget, struct vt_splitter *splitter,
                        const struct vt_follow_out *out);

/* Writes names, types and facts again in the next round: at the start of a part, and now and then. */
void vt_follow_repeat(struct vt_followed *p);

/* A counter record now, with `flags`. */
int vt_follow_counters(struct vt_followed *p, uint16_t flags, const struct vt_follow_out *out);

/* Says of a source what its process cannot know: a collector's. `reason` is copied. */
void vt_follow_source(struct vt_followed *p, unsigned source, bool available, const char *reason);

/* Nothing was said of it. */
void vt_follow_source_unsaid(struct vt_followed *p, unsigned source);

/* Threads that ended without saying so, and names that changed. */
void vt_follow_threads(struct vt_followed *p);

/* The process is done: drains all, writes last counters, totals and how it ended. */
int vt_follow_finish(struct vt_followed *p, struct vt_splitter *splitter, const struct vt_follow_out *out);

#endif
