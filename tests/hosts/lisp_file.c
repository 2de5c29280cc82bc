/* lisp_file.c - whole files, by system calls that are counted as the host's own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <valktrace/kernel.h>

#include "tests/hosts/lisp.h"

/* Runs a call and reports it with its time; -1 and errno become the negative error. */
#define TIMED(number, call) __extension__ ({ \
	uint64_t begun_ = uv_hrtime(); \
	ssize_t result_ = (ssize_t)(call); \
	if (result_ < 0) \
		result_ = -errno; \
	vt_syscall((number), result_, uv_hrtime() - begun_); \
	result_; \
})

ssize_t file_read(const char *path, char **text)
{
	size_t length = 0, room = 0;
	ssize_t n = TIMED(SYS_openat, open(path, O_RDONLY | O_CLOEXEC));
	int fd = (int)n;

	*text = NULL;
	while (n >= 0) {
		if (length == room) {
			char *grown = realloc(*text, room += 65536);
			if (!grown) {
				n = -ENOMEM;
				break;
			}
			*text = grown;
		}
		n = TIMED(SYS_read, read(fd, *text + length, room - length));
		if (n <= 0)
			break;
		vt_bytes_read((uint64_t)n);
		length += (size_t)n;
	}
	if (fd >= 0)
		(void)TIMED(SYS_close, close(fd));
	if (n >= 0)
		return (ssize_t)length;
	free(*text);
	*text = NULL;
	return n;
}

static ssize_t write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = TIMED(SYS_write, write(fd, text, length));
		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		vt_bytes_written((uint64_t)n);
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

int file_write(const char *path, const char *text, size_t length)
{
	int fd = (int)TIMED(SYS_openat, open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
	ssize_t n = fd < 0 ? fd : write_all(fd, text, length);

	if (fd >= 0)
		(void)TIMED(SYS_close, close(fd));
	return (int)n;
}

/* Unbuffered: what was printed before a SIGKILL has been printed. */
void write_out(const char *text, size_t length)
{
	write_all(STDOUT_FILENO, text, length);
}
