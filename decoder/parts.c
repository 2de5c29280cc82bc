/* parts.c - see parts.h. */
#include "decoder/parts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/wire.h"
#include "decoder/feed.h"

enum { MOST_PARTS = 65536 };

/* A path taken apart: directory with its slash, NAME, suffix with its dot. */
struct name {
	char directory[PATH_MAX], stem[NAME_MAX + 1], suffix[NAME_MAX + 1];
};

/* Length of a ".0001" at the end of the first `length` bytes of a name; 0: none. */
static size_t number_at_end(const char *name, size_t length)
{
	size_t digits = 0;

	while (digits < length && isdigit((unsigned char)name[length - digits - 1]))
		digits++;
	return digits >= 4 && digits < length && name[length - digits - 1] == '.' ? digits + 1 : 0;
}

static bool take_apart(const char *path, struct name *n)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t length = dot ? (size_t)(dot - base) : strlen(base);

	if (strlen(path) >= sizeof(n->directory) || strlen(base) > NAME_MAX || length == 0)
		return false;
	snprintf(n->directory, sizeof(n->directory), "%.*s", (int)(base - path), path);
	snprintf(n->suffix, sizeof(n->suffix), "%s", base + length);
	length -= number_at_end(base, length);
	snprintf(n->stem, sizeof(n->stem), "%.*s", (int)length, base);
	return true;
}

/* Is this the name of the log itself, or of one of its parts? */
static bool belongs(const struct name *n, const char *file)
{
	size_t length = strlen(file), suffix = strlen(n->suffix), stem = strlen(n->stem);

	if (length < stem + suffix || strcmp(file + length - suffix, n->suffix) != 0)
		return false;
	length -= suffix;
	return length - number_at_end(file, length) == stem && strncmp(file, n->stem, stem) == 0;
}

static bool read_header(const char *path, struct vt_file_header *h)
{
	uint8_t bytes[VT_FILE_HEADER];
	struct vt_feed feed;

	if (vt_feed_open(&feed, path) < 0)
		return false;
	bool good = vt_feed_read(&feed, 0, bytes, sizeof(bytes)) == 0 && vt_file_header_decode(h, bytes) == 0;
	vt_feed_close(&feed);
	return good;
}

static int add(struct vt_parts *parts, const char *path)
{
	char **grown = realloc(parts->paths, (parts->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	parts->paths = grown;
	parts->paths[parts->count] = strdup(path);
	return parts->paths[parts->count++] ? 0 : -ENOMEM;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Collects the parts of `run`; or, with parts NULL, finds the newest run there is. */
static int look(const struct name *n, uint64_t *run, struct vt_parts *parts)
{
	DIR *dir = opendir(*n->directory ? n->directory : ".");
	uint64_t newest = 0;
	int err = 0;

	for (struct dirent *e; dir && !err && (e = readdir(dir));) {
		char path[PATH_MAX + NAME_MAX + 1];
		struct vt_file_header h;
		snprintf(path, sizeof(path), "%s%s", n->directory, e->d_name);
		if (!belongs(n, e->d_name) || !read_header(path, &h))
			continue;
		if (!parts && h.realtime >= newest) {
			newest = h.realtime;
			*run = h.run;
		} else if (parts && h.run == *run && parts->count < MOST_PARTS) {
			err = add(parts, path);
		}
	}
	if (dir)
		closedir(dir);
	return err;
}

int vt_parts_find(const char *path, struct vt_parts *parts)
{
	struct vt_file_header h;
	struct name *n = malloc(sizeof(*n));
	uint64_t run = 0;

	*parts = (struct vt_parts){ .paths = NULL };
	if (!n)
		return -ENOMEM;
	int err = 0;
	if (take_apart(path, n)) {
		bool good = read_header(path, &h);
		if (good)
			run = h.run;
		else if (access(path, F_OK) != 0)
			look(n, &run, NULL);
		if (run != 0)
			err = look(n, &run, parts);
	}
	free(n);
	if (err < 0)
		vt_parts_free(parts);
	else if (parts->count > 1)
		qsort(parts->paths, parts->count, sizeof(*parts->paths), by_name);
	return err;
}

void vt_parts_free(struct vt_parts *parts)
{
	for (unsigned i = 0; i < parts->count; i++)
		free(parts->paths[i]);
	free(parts->paths);
	*parts = (struct vt_parts){ .paths = NULL };
}
