/*
 * ring_view.h - a ring file from the reader's side: opened, checked, and read by ring.
 *
 * A live file is mapped, as the recorder must write `tail` and the mask. A dead one is read into private
 * memory piece by piece (no mapping: a stranger may cut the file), and trusted in nothing: geometry,
 * counts and offsets are checked against the file's size before they are used.
 */
#ifndef CORE_RING_VIEW_H
#define CORE_RING_VIEW_H

#include <stdbool.h>

#include "core/ring_file.h"
#include "core/split.h"
#include "core/wire.h"

enum vt_view_mode {
	VT_VIEW_DEAD,                   /* its process is gone: read into private memory */
	VT_VIEW_LIVE,                   /* the recorder's: mapped, written to */
	VT_VIEW_PEEK,                   /* alive, and somebody only looks: mapped, nothing of ours is seen */
};

struct vt_ring_view {
	struct vt_ring_file *file;      /* the mapping, or private memory of the same layout */
	uint64_t size;
	int fd;                         /* dead files only, else -1 */
	bool live;                      /* VT_VIEW_LIVE: tail, masks and the like may be written */
	bool borrowed;                  /* the mapping is somebody else's: the recorder inside the host */
	struct vt_layout *layouts[VT_MAX_CATEGORIES];   /* of each category's 256 types; made when needed */
};

/* 0; -EAGAIN while its process is still making it; -VT_E_DAMAGED, -VT_E_ABI or a negative errno. */
int vt_ring_view_open(struct vt_ring_view *v, const char *path, enum vt_view_mode mode);
/* The same over a mapping that is there already. */
void vt_ring_view_borrow(struct vt_ring_view *v, struct vt_ring_file *file);
void vt_ring_view_close(struct vt_ring_view *v);

/* A slot, read in if the file is dead; NULL: not there. The next call may reuse its memory. */
struct vt_slot *vt_ring_view_slot(struct vt_ring_view *v, unsigned index);

/* The bytes of an entry of the type or string table; NULL: not ready, or damaged. */
const uint8_t *vt_ring_view_bytes(const struct vt_ring_view *v, const struct vt_table_entry *entry);

/* How records of a type lie: built-in types, and those in the file's type table (vt_ring_view_learn). */
const struct vt_layout *vt_ring_view_layout(void *view, unsigned id);

/* Learns a registered type from its SCHEMA record (without the record's 8-byte head). */
void vt_ring_view_learn(struct vt_ring_view *v, const struct vt_rec_event *type);

/* Is the process that made the file still there? By pid, start time and boot. */
bool vt_ring_view_alive(const struct vt_ring_view *v);

#endif
