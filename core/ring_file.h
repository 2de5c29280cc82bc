/*
 * ring_file.h - the ring file of this process: where it lives, how it is made, how its pages are had.
 * The producer's side only; core/ring_view.h is the reader's.
 */
#ifndef CORE_RING_FILE_H
#define CORE_RING_FILE_H

#include <limits.h>

#include <valktrace/ring.h>

/* What a ring file is made with. Zero: the default. */
struct vt_geometry {
	uint32_t segment_size, segment_count;
	uint32_t slot_count;
	uint32_t string_count, type_count;
	enum vt_ring_mode mode;
};

struct vt_ring_place {
	char directory[PATH_MAX / 2];
	char path[PATH_MAX];
	uint64_t run, image;        /* the file's name is <run>-<pid>-<image>.vring, in hex, dec, hex */
};

/* Checksum of the static part, as `crc` must be. */
uint32_t vt_ring_file_crc(const struct vt_ring_file *f);

/* Geometry with `ring_size` bytes a thread in eight segments, kept within the limits. */
void vt_geometry_of(struct vt_geometry *g, uint64_t ring_size, enum vt_ring_mode mode);

/*
 * The directory for ring files: `wanted` if not NULL, else $XDG_RUNTIME_DIR/valktrace, else
 * /dev/shm/valktrace-<uid>; made 0700 if it is not there, refused unless ours. 0 or a negative error.
 */
int vt_ring_directory(const char *wanted, char *to, size_t size);

/* The name of the default directory, which need not be there. */
void vt_ring_directory_name(char *to, size_t size);

/*
 * Makes and maps this process's ring file in place->directory, for place->run. Sets place->path and
 * place->image. 0, or a negative error and nothing is left behind.
 */
int vt_ring_file_create(struct vt_ring_place *place, const struct vt_geometry *g,
                        struct vt_ring_file **file);

/* A new random image id and the path that goes with it. */
int vt_ring_file_name(struct vt_ring_place *place);

/* Fills in who and when, the checksum, and then the magic: from then on the file is valid. */
void vt_ring_file_identify(struct vt_ring_file *file, uint64_t run);

/*
 * Makes sure that pages of the file are there, so that touching them cannot raise SIGBUS on a full
 * file system. 0 or a negative error. Async-signal-safe.
 */
int vt_ring_file_populate(const struct vt_ring_place *place, struct vt_ring_file *file,
                          void *from, size_t length);

static inline struct vt_thread_entry *vt_threads_of(struct vt_ring_file *f)
{
	return (struct vt_thread_entry *)(void *)((char *)f + f->threads_offset);
}

/* Of a slot's call cells, from the slot. */
static inline uint64_t vt_calls_offset(const struct vt_ring_file *f)
{
	return VT_SLOT_HEADER + (uint64_t)f->segment_size * f->segment_count +
	       (uint64_t)f->signal_segment_size * f->signal_segment_count;
}

/* NULL: none were made. */
static inline struct vt_calls *vt_calls_of(const struct vt_ring_file *f, struct vt_slot *slot)
{
	/* Pairs with the store-release of calls: they have their pages. */
	if (vt_load_acquire(&slot->calls) <= VT_NO_CALLS)
		return NULL;
	return (struct vt_calls *)(void *)((char *)slot + vt_calls_offset(f));
}

static inline struct vt_slot *vt_slot_of(struct vt_ring_file *f, unsigned index)
{
	return (struct vt_slot *)(void *)((char *)f + f->slots_offset + (uint64_t)index * f->slot_size);
}

static inline struct vt_table_entry *vt_types_of(struct vt_ring_file *f)
{
	return (struct vt_table_entry *)(void *)((char *)f + f->types_offset);
}

static inline struct vt_table_entry *vt_strings_of(struct vt_ring_file *f)
{
	return (struct vt_table_entry *)(void *)((char *)f + f->strings_offset);
}

/* Field 22 of /proc/PID/stat: with the pid it names a process for good. 0: it is gone, a zombie, or unknown.
 * pid 0: the calling process. */
uint64_t vt_process_start(uint32_t pid);

/* A number for this boot of the machine; 0: unknown. */
uint64_t vt_boot(void);

#endif
