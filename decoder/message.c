/* message.c - one line on stderr, and whole texts to stdout. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/common.h"
#include "decoder/out.h"
#include "decoder/pages.h"
#include "decoder/progress.h"

/* Blanks become ends of lines where a line would be longer than a terminal is wide. */
static void wrap(struct vt_sink *line)
{
	size_t begin = 0, blank = 0, hidden = 0;

	for (size_t i = 0; i < line->used; i++) {
		if (line->buffer[i] == '\033')
			hidden += 5;            /* a colour: ESC [ 3 1 m */
		if (i - begin > 79 + hidden && blank > begin) {
			line->buffer[blank] = '\n';
			begin = blank;          /* with the end of line in place of the blank */
			hidden = 0;
		}
		if (line->buffer[i] == ' ')
			blank = i;
	}
}

/*
 * A message is one line whatever the arguments hold: they can be names from a log, or a shell's. What may
 * list all that is valid is wrapped, on a terminal.
 */
static void say(enum vt_role role, bool wrapped, const char *format, va_list args)
{
	char text[4096];
	struct vt_sink line;
	int n = vsnprintf(text, sizeof(text), format, args);
	size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

	if (vt_sink_memory(&line))
		return;
	line.colour = isatty(STDERR_FILENO) && vt_colour_wanted(STDERR_FILENO);
	vt_sink_string(&line, "valktrace: ");
	vt_sink_role(&line, role);
	for (size_t i = 0, plain; i < length; i += plain) {
		/* Ours and plain ASCII as they are, backslashes that an escaper has put in too. */
		plain = i;
		while (plain < length && text[plain] >= ' ' && text[plain] < 0x7f)
			plain++;
		vt_sink_bytes(&line, text + i, plain - i);
		size_t odd = plain;
		while (odd < length && !(text[odd] >= ' ' && text[odd] < 0x7f))
			odd++;
		vt_sink_escaped(&line, text + plain, odd - plain, VT_KEEP_BLANKS);
		plain = odd - i;
	}
	vt_sink_role(&line, VT_ROLE_END);
	vt_sink_char(&line, '\n');
	if (wrapped && !line.error && isatty(STDERR_FILENO))
		wrap(&line);
	vt_progress_hide();
	fflush(stdout);
	ssize_t ignored = line.error ? 0 : write(STDERR_FILENO, line.buffer, line.used);
	(void)ignored;
	vt_sink_discard(&line);
}

void vt_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(VT_ROLE_BAD, false, format, args);
	va_end(args);
}

int vt_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(VT_ROLE_BAD, true, format, args);
	va_end(args);
	return VT_EXIT_USAGE;
}

void vt_remark(const char *format, ...)
{
	va_list args;

	if (vt_common.quiet)
		return;
	va_start(args, format);
	say(VT_ROLE_PLAIN, false, format, args);
	va_end(args);
}

void vt_detail(const char *format, ...)
{
	va_list args;

	if (!vt_common.verbose || vt_common.quiet)
		return;
	va_start(args, format);
	say(VT_ROLE_PLAIN, false, format, args);
	va_end(args);
}

const char vt_exits_of_readers[] =
	"  0  all of it        3  input damaged, the rest used   6  a limit was reached\n"
	"  1  output failed    4  not a log                      7  cannot be read\n"
	"  2  wrong usage      5  of an unknown version\n";

int vt_sink_start(struct vt_sink *out, const char *path, bool replace)
{
	int err = vt_sink_open(out, path, replace || vt_common.force ? VT_SINK_REPLACE : 0);

	if (!err)
		return VT_EXIT_OK;
	vt_message("%s: %s%s", path ? path : "standard output", vt_strerror(err),
	           err == -EEXIST ? "; --force replaces it" : "");
	return VT_EXIT_FAILURE;
}

int vt_sink_print(struct vt_sink *text)
{
	struct vt_pages pages = { .path = NULL };

	return vt_pages_close(&pages, vt_pages_add(&pages, text));
}
