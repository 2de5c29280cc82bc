/* progress.c - see progress.h. */
#include "decoder/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "decoder/common.h"
#include "decoder/out.h"
#include "decoder/units.h"

#define QUIET_NS     1000000000u        /* shorter work shows nothing */
#define STEP_NS      100000000u
#define LINE_MOST    78u                /* a terminal of 80 columns never wraps it */
#define NAME_MOST    30u

static struct {
	const char *what, *name;
	bool on, shown;
	uint64_t begun, last;               /* monotonic ns; `last`: when something was written */
} line;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put(const char *text, size_t length)
{
	ssize_t ignored = write(STDERR_FILENO, text, length);
	(void)ignored;
}

void vt_progress_begin(const char *what, const char *name, bool to_stdout)
{
	const char *term = getenv("TERM");

	vt_progress_hide();
	line.what = what;
	line.name = name;
	line.begun = line.last = now();
	line.on = !vt_common.quiet && !vt_common.no_progress && isatty(STDERR_FILENO) &&
	          !(term && strcmp(term, "dumb") == 0) && !(to_stdout && isatty(STDOUT_FILENO));
}

bool vt_progress_on(void)
{
	return line.on;
}

/* The end of a long name tells more than its beginning. */
static void put_name(struct vt_sink *s)
{
	struct vt_sink name;

	if (vt_sink_memory(&name))
		return;
	vt_sink_escaped(&name, line.name, strlen(line.name), VT_KEEP_BLANKS);
	size_t skip = name.used > NAME_MOST ? name.used - NAME_MOST + 3 : 0;
	vt_sink_string(s, skip > 0 ? "..." : "");
	vt_sink_bytes(s, name.buffer + skip, name.used - skip);
	vt_sink_discard(&name);
}

static void put_rate(struct vt_sink *s, uint64_t units, enum vt_progress_unit unit, uint64_t ns)
{
	vt_u128 wide = (vt_u128)units * 1000000000u / (ns > 0 ? ns : 1);
	uint64_t rate = wide > UINT64_MAX ? UINT64_MAX : (uint64_t)wide;
	char *p = vt_sink_room(s, VT_NUM_MAX);

	p = unit == VT_PROGRESS_BYTES ? vt_num_bytes(p, rate) : vt_num_grouped(p, rate);
	vt_sink_upto(s, p);
	vt_sink_string(s, unit == VT_PROGRESS_BYTES ? "/s" : " events/s");
}

void vt_progress(uint64_t done, uint64_t total, uint64_t units, enum vt_progress_unit unit)
{
	struct vt_sink s;

	if (!line.on)
		return;
	uint64_t at = now();
	if (at - line.begun < QUIET_NS || (line.shown && at - line.last < STEP_NS) ||
	    vt_sink_memory(&s))
		return;
	vt_sink_string(&s, "\rvalktrace: ");
	vt_sink_string(&s, line.what);
	vt_sink_char(&s, ' ');
	put_name(&s);
	vt_sink_string(&s, "  ");
	if (total > 0) {
		unsigned percent = (unsigned)((vt_u128)(done < total ? done : total) * 100 / total);
		vt_sink_printf(&s, "%3u %%", percent);
	} else {
		vt_sink_upto(&s, vt_num_bytes(vt_sink_room(&s, VT_NUM_MAX), done));
	}
	vt_sink_string(&s, "  ");
	put_rate(&s, units, unit, at - line.begun);
	if (s.used > LINE_MOST)
		s.used = LINE_MOST;
	/* Blanks over what the line before had more. */
	vt_sink_blanks(&s, LINE_MOST - s.used);
	put(s.buffer, s.used);
	vt_sink_discard(&s);
	line.shown = true;
	line.last = at;
}

void vt_progress_hide(void)
{
	char blanks[LINE_MOST + 2];

	if (!line.shown)
		return;
	memset(blanks, ' ', sizeof(blanks));
	blanks[0] = blanks[sizeof(blanks) - 1] = '\r';
	put(blanks, sizeof(blanks));
	line.shown = false;
}

void vt_progress_end(void)
{
	vt_progress_hide();
	line.on = false;
}
