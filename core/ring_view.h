/*
 * ring_view.h - a ring file from the reader's side: opened, checked, and read by ring.
 *
 * The recorder maps a live file, as it must write `tail` and the mask. Everybody else reads a file into
 * private memory (no mapping: a stranger may cut the file), and trusts it in nothing: geometry, counts
 * and offsets are checked against the file's size before they are used. A process that still runs is
 * copied in such an order that the copy is whole: its rings as of one moment each, then the tables, so
 * that they have all that a record refers to.
 */
#ifndef CORE_RING_VIEW_H
#define CORE_RING_VIEW_H

#include <stdbool.h>

#include "core/ring_file.h"
#include "core/split.h"
#include "core/wire.h"

enum vt_view_mode {
	VT_VIEW_COPY,                   /* as it is now, in private memory; nothing of ours is seen */
	VT_VIEW_NAMED,                  /* the same, and it may be another user's: a person named it */
	VT_VIEW_HEAD,                   /* the header alone of a file that a person named */
	VT_VIEW_LIVE,                   /* the recorder's: mapped, written to */
};

struct vt_ring_view {
	struct vt_ring_file *file;      /* the mapping, or private memory of the same layout */
	uint64_t size;
	int fd;                         /* while it is copied, else -1 */
	uint32_t pid;                   /* its process, as our /proc has it: file->pid is that of its own pid
	                                 * namespace; 0: gone, and the number is another's */
	bool alive;                     /* copies: its process ran when the copy began */
	bool live;                      /* VT_VIEW_LIVE: tail, masks and the like may be written */
	bool borrowed;                  /* the mapping is somebody else's: the recorder inside the host */
	struct vt_layout *layouts[VT_MAX_CATEGORIES];   /* of each category's 256 types; made when needed */
};

/* 0; -EAGAIN while its process is still making it; -VT_E_DAMAGED, -VT_E_ABI or a negative errno. */
int vt_ring_view_open(struct vt_ring_view *v, const char *path, enum vt_view_mode mode);
/* The same over a mapping that is there already. */
void vt_ring_view_borrow(struct vt_ring_view *v, struct vt_ring_file *file);

/* Finds out `pid` of a view that was borrowed: our own /proc may be that of another pid namespace. Reads it. */
void vt_ring_view_locate(struct vt_ring_view *v);
void vt_ring_view_close(struct vt_ring_view *v);

/* A slot; NULL: not there. */
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
