/*
 * tracks.h - a run as lines of slices that nest: the walk behind every format that a timeline
 * viewer reads.
 *
 * Each ring has a lane of its own, the thread's. A pair of BEGIN and END is a slice there; an event
 * that carries a duration and has no BEGIN in the log (COMPLETE, or a lone END) is a whole slice
 * that ends at the event. Slices of one lane always nest; what cannot nest gets another lane of the
 * same thread:
 * - categories whose spans cut those of others (an incremental collection and the calls beside it)
 *   have one of their own, from the begin on. Which they are is found out before anything is told;
 * - a coroutine's spans wait on a lane of their own while others run (VT_EVENT_SWITCH);
 * - whole slices that overlap (requests under way at once) lie side by side.
 *
 * Spans end as spans.h says. One that is open at the end of the log is never ended. One whose end
 * nobody knows, after a gap, is ended at the last moment before it, and what ended it says so.
 *
 * Memory: of the open spans, VT_TRACKS_OPEN a ring, and of each lane its last slices (nesting.h). A
 * ring has at most VT_TRACKS_LANES lanes, a run at most VT_TRACKS_MORE besides those of its rings.
 */
#ifndef DECODER_TRACKS_H
#define DECODER_TRACKS_H

#include "decoder/args.h"
#include "decoder/export.h"
#include "decoder/nesting.h"
#include "decoder/pointer_map.h"
#include "decoder/spans.h"

#define VT_TRACKS_LANES 1024u
#define VT_TRACKS_MORE  16384u
#define VT_TRACKS_OPEN  65536u
#define VT_TRACKS_LONG  512u    /* lanes of a run with a long memory */
#define VT_TRACKS_PAST  4096u   /* slices of it */

struct vt_viewed_process {              /* a process, by a number that no other of the output has */
	const struct vt_process_info *info;
	uint32_t pid;                   /* its own if that was free */
	unsigned number;                /* from 0, in the order of the output */
	bool told;                      /* the exporter's */
};

struct vt_lane {
	const struct vt_ring_info *ring;
	struct vt_viewed_process *process;
	struct vt_lane *home;           /* the thread's; of that one NULL */
	uint32_t tid;                   /* of the ring if that was free, else a made one */
	uint32_t number;                /* from 1, unique in the output */
	uint8_t category;               /* whose it is, if it is not the thread's */
	bool told;                      /* the exporter's */
	/* private */
	struct vt_lane_fit fit;
	uint32_t *slots;                /* of the open slices, outermost first */
	unsigned slot_capacity;
};

/* A slice that begins, ends or is whole. `event` may be NULL at an end: none tells of it. */
struct vt_slice {
	struct vt_lane *lane;
	uint64_t from, to;              /* ns; of a begin the first counts, of an end the second */
	const struct vt_event *event;
	const struct vt_event_desc *desc;       /* of what began it */
	const char *name;               /* a stranger's; the same at the begin and at the end */
	size_t length;
	const char *ended;              /* how, if not by its END; else NULL */
	bool open;                      /* it is open at the end of a log that broke off */
	uint64_t link;                  /* not 0: slices of the same number are parts of one thing */
};

/* Each returns 0, or a negative error which ends the walk. */
struct vt_track_ops {
	int (*begin)(void *user, const struct vt_slice *slice);
	int (*end)(void *user, const struct vt_slice *slice);
	int (*whole)(void *user, const struct vt_slice *slice);
	/* A point in time, or a gap, which is told of at its end. */
	int (*instant)(void *user, struct vt_lane *lane, uint64_t ns, const struct vt_event *event);
	/*
	 * An event says how much there is of something: a GAUGE in bytes. Fields of one name and
	 * category are one series of the process, which is called `name`.
	 */
	int (*level)(void *user, struct vt_viewed_process *process, uint64_t ns, const char *name,
	             uint64_t value);
};

/* Names for numbers of all runs of one output: in the exporter's shared memory, zeroed. */
struct vt_track_names {
	uint64_t *keys;                 /* numbers that are taken, by kind; open addressing, 0 free */
	size_t size, used;
	uint32_t made, processes, lanes;
	uint64_t start;                 /* ns since 1970 of the first run */
	bool begun;
};

struct vt_tracks {
	const struct vt_export_context *context;
	struct vt_track_names *names;
	const struct vt_track_ops *ops;
	void *user;
	uint64_t shift;                 /* from ns since the run's start to those of the output */
	uint64_t hidden;                /* slices for which there was no lane */
	struct vt_pointer_map rings, processes;
	struct vt_end_spans at_end;
	const struct vt_event *event;   /* private: what is being told */
	uint64_t now;
	const struct vt_event_desc *ending;
	bool rehearsal;
	unsigned more, all;             /* lanes besides those of the rings, and all of them */
	int error;
};

/*
 * Before the first event of a run. Looks through the log where that is needed, and selects anew as
 * the context's filter says. 0 or a negative error; vt_tracks_free in any case.
 */
int vt_tracks_begin(struct vt_tracks *t, const struct vt_export_context *context,
                    struct vt_track_names *names, const struct vt_track_ops *ops, void *user);

int vt_tracks_event(struct vt_tracks *t, const struct vt_event *event);

/* A message if some slices could not be shown. */
void vt_tracks_say_hidden(const struct vt_tracks *t);

void vt_tracks_free(struct vt_tracks *t);
void vt_track_names_free(struct vt_track_names *names);

/* The process as it is shown; NULL: no memory. */
struct vt_viewed_process *vt_tracks_process(struct vt_tracks *t, const struct vt_process_info *info);

/* A number of the run that looks random, never 0: of what kind of thing, and which of these. */
uint64_t vt_track_uuid(const struct vt_tracks *t, unsigned kind, uint64_t which);

/*
 * What to call them: with the number of the kernel where another is shown, and the run among
 * several.
 */
void vt_track_process_name(struct vt_sink *out, const struct vt_tracks *t, const struct vt_viewed_process *p);
void vt_track_lane_name(struct vt_sink *out, const struct vt_tracks *t, const struct vt_lane *lane);

#endif
