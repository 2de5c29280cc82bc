/*
 * procfile.h - small files of /proc: read whole into a buffer of the caller, without stdio and without
 * allocation, and taken apart without trust in what stands in them.
 *
 * What stays open is read by pread from the start, which makes the kernel write the text anew. A file below
 * /proc/PID that is open belongs to that process for ever: when it has been reaped, reads fail with ESRCH,
 * also when its pid was given to another one.
 */
#ifndef COLLECTORS_PROCFILE_H
#define COLLECTORS_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "/proc"; tests read recorded files instead. */
extern const char *vt_proc_root;

/* Zeroed: not open. */
struct vt_procfile {
	int handle;                     /* descriptor + 1 */
};

/* A directory below vt_proc_root, for `at` below; "": the root itself. A descriptor or a negative errno. */
int vt_procfile_directory(const char *name);

/*
 * The text of `name` in the directory `at`, at most size - 1 bytes, and a 0 behind it. The file stays open in
 * `f`; after an error it is closed. Returns the length or a negative errno.
 */
ssize_t vt_procfile_read(struct vt_procfile *f, int at, const char *name, char *to, size_t size);
void vt_procfile_close(struct vt_procfile *f);

/* The same, without keeping it open. */
ssize_t vt_procfile_once(int at, const char *name, char *to, size_t size);

/*
 * Calls `each` (NULL: only counts) for the names of a directory that are numbers, at most `most`; returns how many,
 * most + 1 when there are more, or a negative errno.
 */
int vt_procfile_numbers(int at, const char *name, unsigned most, void (*each)(void *user, uint32_t number),
                        void *user);

/* A decimal number that fits, and no digit behind it; `*at` then points behind it. */
bool vt_proc_number(const char **at, uint64_t *value);

/*
 * Lines of `key value` or `key: value unit`. found[i] tells whether values[i] is that of keys[i]: absent, twice
 * nonsense, too large, or cut off (a line without its end) is not found. Returns how many are.
 */
unsigned vt_proc_lines(const char *text, const char *const *keys, unsigned count, uint64_t *values,
                       bool *found);

/* What is used of /proc/PID/stat. */
struct vt_proc_stat {
	char state;                                     /* R S D T t Z X I */
	uint64_t minor, minor_of_children, major, major_of_children;
	uint64_t user, system;                          /* clock ticks */
	uint64_t threads, start, virtual_bytes, resident_pages;
};

/* The command's name in it may hold blanks and parentheses. False: this is no such text. */
bool vt_proc_stat(const char *text, struct vt_proc_stat *s);

#endif
