/* message.c - one line on stderr, and whole texts to stdout. */
#include <stdio.h>
#include <unistd.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/out.h"

/* A message is one line whatever the arguments hold: they can be names from a log, or a shell's. */
static void say(const char *format, va_list args)
{
	char text[4096];
	struct vt_sink line;
	int n = vsnprintf(text, sizeof(text), format, args);
	size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

	if (vt_sink_memory(&line))
		return;
	vt_sink_string(&line, "valktrace: ");
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
	vt_sink_char(&line, '\n');
	fflush(stdout);
	ssize_t ignored = line.error ? 0 : write(STDERR_FILENO, line.buffer, line.used);
	(void)ignored;
	vt_sink_discard(&line);
}

void vt_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

int vt_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return VT_EXIT_USAGE;
}

static int print(struct vt_sink *text, bool last)
{
	struct vt_sink out;
	int err = text->error ? -text->error : vt_sink_open(&out, NULL, 0);

	if (!err) {
		vt_sink_bytes(&out, text->buffer, text->used);
		if (last) {
			err = vt_sink_close(&out);
		} else {
			vt_sink_flush(&out);
			err = -out.error;
			vt_sink_discard(&out);  /* leaves stdout open */
		}
	}
	vt_sink_discard(text);
	if (err)
		vt_message("standard output: %s", vt_strerror(err));
	return err ? VT_EXIT_FAILURE : VT_EXIT_OK;
}

int vt_sink_print(struct vt_sink *text)
{
	return print(text, true);
}

int vt_sink_print_more(struct vt_sink *text)
{
	return print(text, false);
}
