/* out.c - buffered output with a sticky error, and text from strangers made safe. */
#include "decoder/out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/common.h"
#include "decoder/units.h"

static int sink_init(struct vt_sink *s, int fd, size_t size)
{
	*s = (struct vt_sink){ .fd = fd, .size = size };
	s->buffer = malloc(size);
	return s->buffer ? 0 : -ENOMEM;
}

static void sink_free(struct vt_sink *s)
{
	free(s->buffer);
	free(s->path);
	free(s->temporary);
	*s = (struct vt_sink){ .fd = -1 };
}

int vt_sink_memory(struct vt_sink *s)
{
	return sink_init(s, -1, 2 * VT_SINK_ROOM);
}

/* ---- the temporary file and signals -------------------------------------------------------- */

/* The name is set and taken back while the signals are blocked: a handler sees a file of ours. */
static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
static char *volatile unfinished;

static void on_ending_signal(int number)
{
	if (unfinished)
		unlink(unfinished);
	signal(number, SIG_DFL);
	raise(number);
}

static void hold_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending_signals) / sizeof(*ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	sigprocmask(SIG_BLOCK, &set, before);
}

static void watch_signals(void)
{
	struct sigaction old, new = { .sa_handler = on_ending_signal };

	for (size_t i = 0; i < sizeof(ending_signals) / sizeof(*ending_signals); i++)
		if (sigaction(ending_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(ending_signals[i], &new, NULL);
	/* A file size limit is then an error of write, which cleans up. */
	signal(SIGXFSZ, SIG_IGN);
}

static void forget_temporary(struct vt_sink *s)
{
	if (s->temporary && unfinished == s->temporary)
		unfinished = NULL;
}

/* A temporary file beside the named one: rename must not cross file systems. */
static int open_temporary(struct vt_sink *s, const char *path)
{
	sigset_t before;

	s->path = strdup(path);
	if (!s->path || asprintf(&s->temporary, "%s.XXXXXX", path) < 0) {
		s->temporary = NULL;
		return -ENOMEM;
	}
	watch_signals();
	hold_signals(&before);
	s->fd = mkostemp(s->temporary, O_CLOEXEC);
	int err = errno;
	unfinished = s->fd >= 0 ? s->temporary : NULL;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (s->fd < 0) {
		free(s->temporary);
		s->temporary = NULL;
		return -err;
	}
	mode_t mask = umask(0);
	umask(mask);
	return fchmod(s->fd, 0666 & ~mask) ? -errno : 0;
}

int vt_sink_open(struct vt_sink *s, const char *path, unsigned flags)
{
	struct stat st;
	bool named = path && strcmp(path, "-") != 0;
	int err = sink_init(s, STDOUT_FILENO, VT_SINK_BUFFER);

	if (err)
		return err;
	s->colour = vt_colour_wanted(named ? -1 : STDOUT_FILENO);
	s->replace = flags & VT_SINK_REPLACE;
	if (!named)
		return 0;
	s->fd = -1;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		s->path = strdup(path);
		s->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		err = !s->path ? -ENOMEM : s->fd < 0 ? -errno : 0;
	} else if (lstat(path, &st) == 0 && !(flags & VT_SINK_REPLACE)) {
		err = -EEXIST;
	} else {
		err = open_temporary(s, path);
	}
	if (err)
		vt_sink_discard(s);
	return err;
}

static void write_all(struct vt_sink *s, const char *from, size_t length)
{
	while (length > 0 && !s->error) {
		ssize_t n = write(s->fd, from, length);
		if (n >= 0) {
			from += n;
			length -= (size_t)n;
		} else if (errno != EINTR) {
			s->error = errno;
		}
	}
}

static void sink_write(struct vt_sink *s)
{
	size_t used = s->used;

	s->used = 0;
	write_all(s, s->buffer, used);
}

void vt_sink_make_room(struct vt_sink *s, size_t n)
{
	if (s->fd >= 0 || s->error) {
		if (s->error)
			s->used = 0;
		else
			sink_write(s);
		return;
	}
	size_t size = s->size;
	while (size - s->used < n)
		if (__builtin_mul_overflow(size, (size_t)2, &size))
			break;
	char *buffer = size - s->used >= n ? realloc(s->buffer, size) : NULL;
	if (!buffer) {
		s->error = ENOMEM;
		s->used = 0;
		return;
	}
	s->buffer = buffer;
	s->size = size;
}

void vt_sink_flush(struct vt_sink *s)
{
	if (s->fd >= 0 && !s->error)
		sink_write(s);
}

/* Without `replace`, a file that has come meanwhile stays: not every file system can do that. */
static int rename_temporary(struct vt_sink *s)
{
	if (s->replace)
		return rename(s->temporary, s->path);
	if (renameat2(AT_FDCWD, s->temporary, AT_FDCWD, s->path, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? rename(s->temporary, s->path) : -1;
}

int vt_sink_close(struct vt_sink *s)
{
	sigset_t before;
	int err;

	if (s->fd >= 0)
		sink_write(s);
	/* Only close tells of some failures (NFS, quota); of stdout it is the last word too. */
	if (s->fd >= 0 && close(s->fd) && !s->error)
		s->error = errno;
	s->fd = -1;
	if (s->temporary) {
		hold_signals(&before);
		if (!s->error && rename_temporary(s))
			s->error = errno;
		if (s->error)
			unlink(s->temporary);
		forget_temporary(s);
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	err = -s->error;
	sink_free(s);
	return err;
}

void vt_sink_discard(struct vt_sink *s)
{
	if (s->fd > STDERR_FILENO)
		close(s->fd);
	if (s->temporary) {
		unlink(s->temporary);
		forget_temporary(s);
	}
	sink_free(s);
}

void vt_sink_long(struct vt_sink *s, const void *data, size_t length)
{
	const char *from = data;

	/* What is long enough goes out as it is. */
	if (s->fd >= 0 && length >= VT_SINK_BUFFER / 16) {
		sink_write(s);
		write_all(s, data, length);
		return;
	}
	while (length > 0) {
		size_t n = length < VT_SINK_ROOM ? length : VT_SINK_ROOM;
		memcpy(vt_sink_room(s, n), from, n);
		s->used += n;
		from += n;
		length -= n;
	}
}

size_t vt_sink_role(struct vt_sink *s, enum vt_role role)
{
	static const char *const sgr[] = {
		[VT_ROLE_END] = "\033[0m", [VT_ROLE_PLAIN] = "", [VT_ROLE_DIM] = "\033[2m",
		[VT_ROLE_HEADING] = "\033[1m", [VT_ROLE_BAD] = "\033[31m",
		[VT_ROLE_GOOD] = "\033[32m",
	};
	size_t length = s->colour && (role != VT_ROLE_END || s->coloured) ? strlen(sgr[role]) : 0;

	s->coloured = length > 0 ? role != VT_ROLE_END : s->coloured && role != VT_ROLE_END;
	vt_sink_bytes(s, sgr[role], length);
	return length;
}

void vt_sink_blanks(struct vt_sink *s, size_t count)
{
	while (count > 0) {
		size_t n = count < VT_SINK_ROOM ? count : VT_SINK_ROOM;
		memset(vt_sink_room(s, n), ' ', n);
		s->used += n;
		count -= n;
	}
}

void vt_sink_printf(struct vt_sink *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *p = vt_sink_room(s, VT_SINK_ROOM);
	int n = vsnprintf(p, VT_SINK_ROOM, format, args);
	va_end(args);
	if (n > 0)
		s->used += (size_t)n < VT_SINK_ROOM ? (size_t)n : VT_SINK_ROOM - 1;
}

const char *vt_sink_text(struct vt_sink *s)
{
	*vt_sink_room(s, 1) = '\0';
	return s->buffer;
}

unsigned vt_utf8_decode(const char *p, size_t length, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)*p;
	unsigned n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n == 0 || n > length)
		return 0;
	uint32_t v = n == 1 ? c : c & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | ((unsigned char)p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*code = v;
	return n;
}

static char *escape_bytes(char *to, const char *from, unsigned count)
{
	for (; count > 0; count--) {
		*to++ = '\\';
		*to++ = 'x';
		to = vt_num_hex(to, (unsigned char)*from++, 2);
	}
	return to;
}

bool vt_utf8_steers(uint32_t code)
{
	return (code >= 0x80 && code < 0xa0) || code == 0xad || code == 0x61c || code == 0x180e ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
	       (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code < 0xe0080);
}

/* One character that is not plain; returns the bytes it took. */
static unsigned escape_one(struct vt_sink *s, const char *p, size_t left, unsigned keep)
{
	char *to = vt_sink_room(s, 16);
	uint32_t code = 0;
	unsigned n = vt_utf8_decode(p, left, &code);

	if (n == 1 && code == '\\') {
		*to++ = '\\';
		*to++ = '\\';
	} else if (n >= 2 && (keep & VT_KEEP_UTF8) && !vt_utf8_steers(code)) {
		memcpy(to, p, n);
		to += n;
	} else if (n >= 2 && code >= 0xa0) {
		unsigned digits = 2;
		while (digits < 6 && code >> (4 * digits))
			digits++;
		memcpy(to, "\\u{", 3);
		to = vt_num_hex(to + 3, code, digits);
		*to++ = '}';
	} else {
		n = n > 0 ? n : 1;
		to = escape_bytes(to, p, n);
	}
	vt_sink_upto(s, to);
	return n;
}

/* Eight bytes at once: none is a control byte, a blank, a backslash, DEL or beyond ASCII. */
static bool eight_plain(uint64_t v, unsigned char least)
{
	const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
	uint64_t slash = v ^ (ones * '\\'), del = v ^ (ones * 0x7f);
	uint64_t odd = (v - ones * least) | (slash - ones) | (del - ones) | v;

	/* A borrow can only come from a byte that is odd itself: no odd byte is missed. */
	return (odd & high) == 0;
}

static bool is_plain(unsigned char c, unsigned char least)
{
	return c >= least && c < 0x7f && c != '\\';
}

void vt_sink_escaped(struct vt_sink *s, const char *text, size_t length, unsigned keep)
{
	const char *end = text + length;
	const unsigned char least = keep & VT_KEEP_BLANKS ? ' ' : ' ' + 1;

	while (text < end) {
		size_t left = (size_t)(end - text);
		const char *stop = text + (left < VT_SINK_ROOM ? left : VT_SINK_ROOM);
		char *to = vt_sink_room(s, (size_t)(stop - text));
		uint64_t eight;
		for (; stop - text >= 8; text += 8, to += 8) {
			memcpy(&eight, text, 8);
			if (!eight_plain(eight, least))
				break;
			memcpy(to, &eight, 8);
		}
		while (text < stop && is_plain((unsigned char)*text, least))
			*to++ = *text++;
		vt_sink_upto(s, to);
		if (text < stop)
			text += escape_one(s, text, (size_t)(end - text), keep);
	}
}
