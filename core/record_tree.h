/*
 * record_tree.h - the processes of a recorded command: found by their ring files, watched by pidfd,
 * written out when they end.
 */
#ifndef CORE_RECORD_TREE_H
#define CORE_RECORD_TREE_H

#include <limits.h>

#include "core/recorder.h"
#include "core/run_page.h"

struct vt_tree {
	struct vt_recorder *recorder;
	uv_loop_t *loop;
	char directory[PATH_MAX / 2], page_path[PATH_MAX];
	uint64_t run;
	struct vt_run_page *page;
	uv_fs_event_t watch;
	uv_timer_t scan_timer;
	struct vt_tree_process *processes, *found;      /* followed; found by this scan, the first to begin first */
	pid_t child;                    /* the command itself */
	unsigned seen, threads;         /* processes and threads that recorded */
	unsigned left_behind;           /* ring files kept, for the log lacks their rest */
	char probes[256];               /* found, comma separated */
	char no_collector[128];         /* why there is none, as a process says; printable */
	void (*on_empty)(struct vt_tree *t);    /* the last process has ended; NULL: nobody waits for it */
	void *user;
};

/* Makes the run's page, tells it `ring_size`, `mode`, `mask` and `names` of host categories. 0 or a negative error. */
int vt_tree_prepare(struct vt_tree *t, const char *directory, uint64_t run, uint64_t ring_size,
                    enum vt_ring_mode mode, uint64_t mask, const char *names);

/* Starts to watch for ring files. */
int vt_tree_watch(struct vt_tree *t, uv_loop_t *loop, struct vt_recorder *recorder);

/* Takes up ring files that appeared, and finishes processes that are gone. */
void vt_tree_scan(struct vt_tree *t);

/* The command itself ended with this wait status. */
void vt_tree_child_ended(struct vt_tree *t, int wait_status);

/* "20 processes made no ring file: No space left on device"; "": all had one. */
void vt_tree_missing(const struct vt_tree *t, char *to, size_t size);

/* Are there processes that still run? */
bool vt_tree_running(const struct vt_tree *t);

/* Stops the rest ('running at close'), removes ring files and the page. */
void vt_tree_close(struct vt_tree *t);

#endif
