/* procfile.c - see procfile.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/procfile.h"

const char *vt_proc_root = "/proc";

int vt_procfile_directory(const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", vt_proc_root, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* In as many reads as it takes: the kernel gives a page or so at a time. */
static ssize_t read_whole(int fd, char *to, size_t size)
{
	size_t length = 0;

	while (length + 1 < size) {
		ssize_t n = pread(fd, to + length, size - 1 - length, (off_t)length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	to[length] = 0;
	return (ssize_t)length;
}

ssize_t vt_procfile_read(struct vt_procfile *f, int at, const char *name, char *to, size_t size)
{
	if (f->handle == 0) {
		int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return -errno;
		f->handle = fd + 1;
	}
	ssize_t n = read_whole(f->handle - 1, to, size);
	if (n < 0)
		vt_procfile_close(f);
	return n;
}

void vt_procfile_close(struct vt_procfile *f)
{
	if (f->handle > 0)
		close(f->handle - 1);
	f->handle = 0;
}

ssize_t vt_procfile_once(int at, const char *name, char *to, size_t size)
{
	struct vt_procfile f = { 0 };
	ssize_t n = vt_procfile_read(&f, at, name, to, size);

	vt_procfile_close(&f);
	return n;
}

/* No opendir: that allocates. */
int vt_procfile_numbers(int at, const char *name, unsigned most,
                        void (*each)(void *user, uint32_t number), void *user)
{
	char buffer[4096] __attribute__((aligned(8)));
	unsigned count = 0;
	long n;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0 && count <= most) {
		for (long i = 0; i < n && count <= most;) {
			const struct dirent64 *d = (const struct dirent64 *)(const void *)(buffer + i);
			const char *at_name = d->d_name;
			uint64_t number;
			i += d->d_reclen;
			if (!vt_proc_number(&at_name, &number) || *at_name || number > UINT32_MAX)
				continue;
			if (++count <= most && each)
				each(user, (uint32_t)number);
		}
	}
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err ? err : (int)count;
}

/* ---- taking apart ------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool vt_proc_number(const char **at, uint64_t *value)
{
	const char *s = *at;
	uint64_t v = 0;

	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++) {
		unsigned digit = (unsigned)(*s - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = 10 * v + digit;
	}
	*at = s;
	*value = v;
	return true;
}

static void take_line(const char *line, const char *end, const char *key, uint64_t *value, bool *found)
{
	size_t n = strlen(key);

	if ((size_t)(end - line) <= n || strncmp(line, key, n) != 0)
		return;
	line += n;
	if (*line != ' ' && *line != '\t' && *line != ':')
		return;
	line += strspn(line, *line == ':' ? ": \t" : " \t");
	uint64_t v;
	*found = line < end && vt_proc_number(&line, &v) && (*line == '\n' || *line == ' ' || *line == '\t');
	if (*found)
		*value = v;
}

unsigned vt_proc_lines(const char *text, const char *const *keys, unsigned count, uint64_t *values,
                       bool *found)
{
	const char *end;
	unsigned n = 0;

	memset(found, 0, count * sizeof(*found));
	for (const char *line = text; (end = strchr(line, '\n')); line = end + 1)
		for (unsigned i = 0; i < count; i++)
			take_line(line, end, keys[i], &values[i], &found[i]);
	for (unsigned i = 0; i < count; i++)
		n += found[i];
	return n;
}

bool vt_proc_stat(const char *text, struct vt_proc_stat *s)
{
	enum { FIRST = 4, LAST = 24 };
	const char *at = strrchr(text, ')');
	uint64_t field[LAST + 1] = { 0 };

	if (!at || at[1] != ' ' || !at[2] || at[3] != ' ')
		return false;
	s->state = at[2];
	at += 4;
	for (unsigned i = FIRST; i <= LAST; i++, at++) {
		/* Some are negative; none of those is used. */
		at += *at == '-';
		if (!vt_proc_number(&at, &field[i]) || (*at != ' ' && *at != '\n'))
			return false;
	}
	s->minor = field[10];
	s->minor_of_children = field[11];
	s->major = field[12];
	s->major_of_children = field[13];
	s->user = field[14];
	s->system = field[15];
	s->threads = field[20];
	s->start = field[22];
	s->virtual_bytes = field[23];
	s->resident_pages = field[24];
	return true;
}
