/*
 * feed.h - one source of chunks: a file read by pread, or bytes in memory.
 *
 * Files are never mapped: a file cut short by somebody else is then a short read and no SIGBUS, and
 * bytes cannot change between check and use.
 */
#ifndef DECODER_FEED_H
#define DECODER_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vt_feed {
	char *name;                 /* as given */
	int fd;                     /* -1: in memory */
	uint8_t *memory;            /* owned when fd is -1; NULL else */
	bool alive;                 /* in memory, of a ring file whose process still runs */
	bool writing;               /* a recorder holds the file: more is to come */
	uint64_t size;              /* when it was opened; what is appended later is not read */
};

/*
 * Sets `writing`, by the lock that a recorder holds on its log, and then the size: of a file that is not
 * written any more it is the last one.
 */
void vt_feed_refresh(struct vt_feed *f);

/* 0, -EISDIR or -ESPIPE for what is no regular file, or another negative errno. */
int vt_feed_open(struct vt_feed *f, const char *path);

/* Takes over `memory`, even when it fails. */
int vt_feed_memory(struct vt_feed *f, const char *name, uint8_t *memory, uint64_t size);

/* Exactly `length` bytes from `offset` on: 0, -VT_E_SHORT or a negative errno. */
int vt_feed_read(const struct vt_feed *f, uint64_t offset, void *to, size_t length);

void vt_feed_close(struct vt_feed *f);

#endif
