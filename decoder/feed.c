/* feed.c - see feed.h. */
#include "decoder/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <valktrace/error.h>

int vt_feed_open(struct vt_feed *f, const char *path)
{
	struct stat st;

	*f = (struct vt_feed){ .fd = -1 };
	/* O_NONBLOCK: a fifo in the way must not stop us before fstat tells what it is. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int err = 0;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = -ESPIPE;
	f->name = err ? NULL : strdup(path);
	if (!err && !f->name)
		err = -ENOMEM;
	if (err) {
		close(fd);
		return err;
	}
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	return 0;
}

void vt_feed_refresh(struct vt_feed *f)
{
	struct stat st;

	if (f->fd < 0)
		return;
	f->writing = flock(f->fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (!f->writing)
		flock(f->fd, LOCK_UN);
	if (fstat(f->fd, &st) == 0)
		f->size = (uint64_t)st.st_size;
}

int vt_feed_memory(struct vt_feed *f, const char *name, uint8_t *memory, uint64_t size)
{
	*f = (struct vt_feed){ .fd = -1, .name = strdup(name), .memory = memory, .size = size };
	if (f->name)
		return 0;
	free(memory);
	f->memory = NULL;
	return -ENOMEM;
}

int vt_feed_read(const struct vt_feed *f, uint64_t offset, void *to, size_t length)
{
	uint8_t *p = to;

	if (offset > f->size || f->size - offset < length)
		return -VT_E_SHORT;
	if (f->fd < 0) {
		memcpy(p, f->memory + offset, length);
		return 0;
	}
	while (length > 0) {
		ssize_t n = pread(f->fd, p, length, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -VT_E_SHORT;
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

void vt_feed_close(struct vt_feed *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->memory);
	free(f->name);
	*f = (struct vt_feed){ .fd = -1 };
}
