/*
 * perf_lines.h - what `perf stat -I N -x ';' --no-big-num -a` prints, line by line:
 *
 *        0.100208287;215.22;msec;cpu-clock;215224721;100.00;2.152;CPUs utilized
 *        0.100208287;<not supported>;;cycles;0;100.00;;
 *
 * time since the start, value of this interval, unit, event, ns that it was counted (the sum over CPUs), the
 * share of them in percent, and two columns of derived values, which are left alone. Nothing else: options
 * that add columns (-A, -r, --per-socket) are not given. Reads only; no memory, no locale, any bytes.
 */
#ifndef COLLECTORS_PERF_LINES_H
#define COLLECTORS_PERF_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VT_PERF_NAME 96u        /* bytes of an event's name, its end included */
#define VT_PERF_LINE 512u       /* longest line; what is longer is no line of ours */

enum vt_perf_counted {
	VT_PERF_COUNTED,
	VT_PERF_NOT_COUNTED,    /* not in this interval: a gap */
	VT_PERF_NOT_SUPPORTED,  /* never, on this machine */
};

struct vt_perf_line {
	uint64_t time;          /* ns since perf started: the end of the interval */
	enum vt_perf_counted counted;
	uint64_t value;         /* whole part */
	uint32_t fraction;      /* billionths */
	char unit[16];          /* "msec"; most have none */
	char event[VT_PERF_NAME];
	uint64_t run;           /* ns */
	uint32_t share;         /* millionths: below, the value is an estimate that perf scaled up */
};

/* One line without its newline. False: it is none, and `line` is undefined. */
bool vt_perf_line_read(const char *text, size_t length, struct vt_perf_line *line);

/* Nanoseconds of a clock's line in msec, largest value when it is more; others as they are. */
uint64_t vt_perf_line_ns(const struct vt_perf_line *line);

/*
 * What perf_event_open counted, scaled from the time that it had a counter to the time that it was to be
 * counted, as perf stat does. False: it never had one, which is no value, not 0.
 */
bool vt_perf_scale(uint64_t value, uint64_t enabled, uint64_t running, uint64_t *scaled);

/*
 * "page-faults:u" is page-faults with modifier "u": perf adds one that was not asked for when the kernel may
 * not be counted. Return: length of the name without it; all of it when there is none ("sched:sched_switch").
 */
size_t vt_perf_name_length(const char *event);

/* Bytes to lines. Zero it before use. */
struct vt_perf_splitter {
	char line[VT_PERF_LINE];
	size_t used;
	bool skip;              /* to the end of a line that is too long */
	uint64_t too_long;
};

/* Calls `take` for each line that ends within `bytes`; the rest waits for more. */
void vt_perf_split(struct vt_perf_splitter *s, const char *bytes, size_t count,
                   void (*take)(void *user, const char *line, size_t length), void *user);

/*
 * The next name of a list of events: commas between slashes belong to a name (cpu/event=0x3c,umask=0/), and
 * braces of groups are left out. Advances *list. False: there are no more. A name that is too long or has
 * bytes that no event has is given as far as it is printable, with `good` false.
 */
bool vt_perf_next_name(const char **list, char name[VT_PERF_NAME], bool *good);

/*
 * "0,2-3" against the CPUs that are online ("0-3,6"): the first that is not, or -1 when all are; -2: it is no
 * list of CPUs. "" and "all" are all.
 */
int vt_perf_cpu_missing(const char *wanted, const char *online);

#endif
