/* summary_functions.c - the page on functions: what profile.h finds in the calls and returns of the log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/process_text.h"
#include "decoder/summary.h"
#include "decoder/units.h"

#define MOST_FUNCTIONS 10u
#define NAME_WIDTH     27u

/* Of the selection, by the counts of the sections. */
static uint64_t function_events(const struct vt_summary *s)
{
	uint64_t events = 0;

	for (size_t i = 0; i < s->row_count; i++) {
		const struct vt_type_stats *t = s->rows[i];
		if (vt_profile_has_functions(t->process->schema, t->desc->category))
			events += t->count;
	}
	return events;
}

int vt_summary_collect_functions(struct vt_summary *s)
{
	const struct vt_filter *f = s->filter;

	/* Single events tell nothing of calls. */
	if (f->event_count || f->where_count || f->min_duration_ns || f->no_bulk)
		return 0;
	/* Here each event is decoded, elsewhere hardly one: that would take several times as long as all else. */
	uint64_t events = s->functions ? 0 : function_events(s);
	if (events > VT_FUNCTION_EVENTS) {
		s->unread = events;
		return 0;
	}
	int err = vt_profile_make(&s->profile, s->in, f, VT_PROFILE_FUNCTIONS_ONLY);
	vt_profile_sort(&s->profile);
	return err;
}

static void put_time(struct vt_sink *out, uint64_t ns, size_t width)
{
	char text[VT_NUM_MAX];
	size_t n = (size_t)(vt_num_ns(text, ns) - text);

	vt_sink_blanks(out, n < width ? width - n : 1);
	vt_sink_bytes(out, text, n);
}

static void put_part(struct vt_sink *out, uint64_t part, uint64_t whole, size_t width)
{
	char text[VT_NUM_MAX];
	size_t n = (size_t)(vt_num_percent(text, part, whole) - text);

	vt_sink_blanks(out, n < width ? width - n : 1);
	vt_sink_bytes(out, text, n);
}

/* A long name ends in "~" where it is cut. */
static void put_function(struct vt_summary *s, const struct vt_function *f)
{
	size_t line = s->out->used, width = NAME_WIDTH;
	struct vt_sink name;

	if (vt_sink_memory(&name))
		return;
	vt_sink_escaped(&name, f->name, f->length, VT_KEEP_BLANKS);
	vt_sink_bytes(s->out, name.buffer, name.used < width ? name.used : width - 1);
	if (name.used >= width)
		vt_sink_char(s->out, '~');
	vt_sink_discard(&name);
	vt_put_column(s->out, line, NAME_WIDTH);
	vt_put_right(s->out, f->calls, 13);
	put_time(s->out, f->exclusive, 9);
	put_part(s->out, f->exclusive, s->profile.inside, 8);
	put_time(s->out, f->inclusive, 11);
	if (f->longest > 0)
		put_time(s->out, f->longest, 9);
	else
		vt_sink_string(s->out, "        -");     /* none has ended */
	vt_sink_char(s->out, '\n');
}

static void put_count(struct vt_sink *out, const char *before, uint64_t count, const char *after)
{
	if (count == 0)
		return;
	vt_sink_string(out, before);
	vt_put_grouped(out, count);
	vt_sink_string(out, after);
}

static void put_remarks(struct vt_summary *s)
{
	const struct vt_profile *p = &s->profile;

	vt_sink_string(s->out, "in all ");
	vt_put_ns(s->out, p->inside);
	vt_sink_string(s->out, " in functions; calls known for ");
	vt_put_percent(s->out, p->lived - p->missing, p->lived);
	vt_sink_string(s->out, " of the time of their threads\n");
	put_count(s->out, "open      ", p->open, " at the end: counted with their time until then\n");
	put_count(s->out, "no end    ", p->dropped, " whose return was lost: their time is at least this\n");
	put_count(s->out, "no begin  ", p->unmatched, " whose call was lost, or came before the log: left out\n");
	put_count(s->out, "too deep  ", p->deeper, " to follow: their time is their caller's\n");
}

/* The command that has no limit; of a selection, its stacks. */
static const char *reader_of(const struct vt_summary *s)
{
	return s->filtered ? "valktrace decode --format folded" : "valktrace summary --functions";
}

void vt_summary_functions(struct vt_summary *s)
{
	const struct vt_profile *p = &s->profile;

	if (s->unread > 0) {
		vt_sink_string(s->out, "\nfunctions  ");
		vt_put_grouped(s->out, s->unread);
		vt_sink_printf(s->out, " events: %s reads them\n", reader_of(s));
	}
	if (p->function_count == 0)
		return;
	vt_summary_line(s, "\n--- Functions ---                  calls exclusive"
	                   "       %  inclusive  longest\n");
	for (size_t i = 0; i < p->function_count && i < MOST_FUNCTIONS; i++)
		put_function(s, &p->functions[i]);
	if (p->function_count > MOST_FUNCTIONS)
		vt_sink_printf(s->out, "and %zu more functions\n", p->function_count - MOST_FUNCTIONS);
	put_remarks(s);
}

void vt_summary_functions_json(struct vt_json *j, const struct vt_summary *s)
{
	const struct vt_profile *p = &s->profile;

	if (s->unread > 0) {
		char reason[64];
		snprintf(reason, sizeof(reason), "more than %u events: %s", VT_FUNCTION_EVENTS, reader_of(s));
		vt_json_open(j, "functions_not_read", '{');
		vt_json_put_u64(j, "events", s->unread);
		vt_json_put_string(j, "reason", reason);
		vt_json_close(j, '}');
	}
	if (p->function_count == 0)
		return;
	vt_json_open(j, "functions", '{');
	for (size_t i = 0; i < p->function_count; i++) {
		const struct vt_function *f = &p->functions[i];
		vt_json_open(j, f->name, '{');
		vt_json_put_u64(j, "calls", f->calls);
		vt_json_put_u64(j, "exclusive_ns", f->exclusive);
		vt_json_put_u64(j, "inclusive_ns", f->inclusive);
		vt_json_put_u64(j, "longest_ns", f->longest);
		vt_json_close(j, '}');
	}
	vt_json_close(j, '}');
	vt_json_open(j, "functions_total", '{');
	vt_json_put_u64(j, "inside_ns", p->inside);
	vt_json_put_u64(j, "lived_ns", p->lived);
	vt_json_put_u64(j, "covered_ns", p->lived - p->missing);
	vt_json_put_u64(j, "open", p->open);
	vt_json_put_u64(j, "without_end", p->dropped);
	vt_json_put_u64(j, "without_begin", p->unmatched);
	vt_json_put_u64(j, "too_deep", p->deeper);
	vt_json_close(j, '}');
}
