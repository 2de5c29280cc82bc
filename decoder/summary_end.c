/* summary_end.c - how a run ended that did not end by itself: what was open, and for how long. */
#include <string.h>

#include "decoder/export.h"
#include "decoder/process_text.h"
#include "decoder/summary.h"

#define MOST_RINGS 8u           /* shown for a process */
#define MOST_OPEN  4u           /* spans shown for a ring, innermost first */
#define LABEL      13u          /* width of the first column */
#define MOST_COLUMN 60u         /* a line is broken before another span behind this */

/* The event of this ring at exactly these ticks, as text; nothing if it cannot be read again. */
bool vt_summary_event_at(struct vt_summary *s, const struct vt_ring_info *ring, uint64_t ticks)
{
	uint64_t ns = vt_reader_ns(s->in->reader, ticks);
	struct vt_filter filter = { .size = sizeof(filter), .tids = &ring->tid, .tid_count = 1,
	                            .since_set = true, .until_set = true,
	                            .since_ns = ns, .until_ns = ns + 1 };
	const struct vt_event *event;
	const char *unknown;

	if (vt_reader_select(s->in->reader, &filter, &unknown))
		return false;
	while (vt_reader_next(s->in->reader, &event) > 0) {
		if (event->gap || event->ring != ring || event->ticks != ticks)
			continue;
		vt_text_event(s->out, s->in, event);
		return true;
	}
	return false;
}

/* The same on a line of which `column` are used; more lines begin at `indent`. */
static bool put_event_wrapped(struct vt_summary *s, const struct vt_ring_info *ring, uint64_t ticks,
                              size_t column, size_t indent)
{
	struct vt_sink text, *out = s->out;

	if (vt_sink_memory(&text))
		return false;
	s->out = &text;
	bool found = vt_summary_event_at(s, ring, ticks);
	s->out = out;
	if (found)
		vt_put_wrapped(out, vt_sink_text(&text), text.used, column, indent);
	vt_sink_discard(&text);
	return found;
}

static uint64_t ns_between(struct vt_summary *s, uint64_t from, uint64_t to)
{
	uint64_t a = vt_reader_ns(s->in->reader, from), b = vt_reader_ns(s->in->reader, to);

	return b > a ? b - a : 0;
}

static uint64_t end_of(const struct vt_summary *s, const struct vt_process_info *p)
{
	return p->end > 0 ? p->end : s->in->run->last;
}

static void put_span_name(struct vt_summary *s, const struct vt_end_span *e)
{
	const char *category = e->ring->process->schema
	                       ->categories[e->span.desc->category % VT_MAX_CATEGORIES].name;

	vt_put_name(s->out, category ? category : "?");
	vt_sink_char(s->out, '.');
	vt_put_name(s->out, e->span.desc->name);
}

/* Before more of a line that began at `line`: breaks it when there is little room. Returns where it begins. */
static size_t break_line(struct vt_sink *out, size_t line)
{
	for (size_t i = line; i < out->used; i++)
		if (out->buffer[i] == '\n')
			line = i + 1;
	if (out->used - line > MOST_COLUMN) {
		vt_sink_char(out, '\n');
		line = out->used;
		vt_sink_blanks(out, LABEL - 1);
	}
	return line;
}

/* Open spans of one ring are `count` items, outermost first. */
static void print_open(struct vt_summary *s, size_t line, const struct vt_end_span *items,
                       size_t count)
{
	const struct vt_ring_info *ring = items->ring;
	const struct vt_end_span *inner = &items[count - 1];
	uint64_t end = end_of(s, ring->process);

	vt_sink_string(s->out, "in ");
	if (!put_event_wrapped(s, ring, inner->span.ticks, s->out->used - line, LABEL))
		put_span_name(s, inner);
	/* Without an end, what came after the last event is not known. */
	if (ring->process->end > 0) {
		line = break_line(s->out, line);
		vt_sink_string(s->out, " for at most ");
		vt_put_ns(s->out, ns_between(s, inner->span.ticks, end));
	}
	for (size_t i = 1; i < count && i < MOST_OPEN; i++) {
		vt_sink_char(s->out, ',');
		line = break_line(s->out, line);
		vt_sink_char(s->out, ' ');
		put_span_name(s, &items[count - 1 - i]);
		vt_sink_string(s->out, " open ");
		vt_put_ns(s->out, ns_between(s, items[count - 1 - i].span.ticks, end));
	}
	if (count > MOST_OPEN)
		vt_sink_printf(s->out, ", and %zu more", count - MOST_OPEN);
	vt_sink_char(s->out, '\n');
}

static void print_ring(struct vt_summary *s, const struct vt_ring_info *ring)
{
	size_t line = s->out->used, first = 0, count = 0;

	vt_thread_label(s->out, s->in, ring);
	vt_sink_blanks(s->out, 2);
	vt_put_column(s->out, line, LABEL);
	while (first < s->open.count && s->open.items[first].ring != ring)
		first++;
	while (first + count < s->open.count && s->open.items[first + count].ring == ring)
		count++;
	if (count > 0) {
		print_open(s, line, s->open.items + first, count);
		return;
	}
	if (ring->last == 0) {
		vt_sink_string(s->out, "no event\n");
		return;
	}
	vt_sink_string(s->out, "idle ");
	vt_put_ns(s->out, ns_between(s, ring->last, end_of(s, ring->process)));
	vt_sink_char(s->out, '\n');
}

const struct vt_ring_info *vt_summary_last_ring(const struct vt_run_info *run,
                                                const struct vt_process_info *p)
{
	const struct vt_ring_info *last = NULL;

	for (unsigned i = 0; i < run->ring_count; i++) {
		const struct vt_ring_info *ring = run->rings[i];
		if (ring->process == p && !ring->is_recorder && (!last || ring->last > last->last))
			last = ring;
	}
	return last && last->last > 0 ? last : NULL;
}

static void print_last_event(struct vt_summary *s, const struct vt_process_info *p)
{
	const struct vt_ring_info *last = vt_summary_last_ring(s->in->run, p);

	size_t line = s->out->used;

	if (!last)
		return;
	vt_sink_string(s->out, "             last event  ");
	vt_put_seconds(s->out, vt_reader_ns(s->in->reader, last->last), 9);
	vt_sink_string(s->out, "  ");
	put_event_wrapped(s, last, last->last, s->out->used - line, 2 * LABEL - 1);
	vt_sink_char(s->out, '\n');
}

static void print_heap(struct vt_summary *s)
{
	const struct vt_gc_stats *gc = &s->gc;
	unsigned known = gc->pauses->count < VT_LAST_PAUSES ? (unsigned)gc->pauses->count
	                                                    : VT_LAST_PAUSES;

	if (gc->heap_most == 0 && known == 0)
		return;
	vt_sink_string(s->out, "            ");
	if (gc->heap_most > 0) {
		vt_sink_string(s->out, " heap ");
		vt_put_bytes(s->out, gc->heap_last);
		if (gc->heap_total > 0) {
			vt_sink_string(s->out, " of ");
			vt_put_bytes(s->out, gc->heap_total);
		}
	}
	if (known > 0)
		vt_sink_string(s->out, gc->heap_most > 0 ? "; last pauses" : " last pauses");
	for (unsigned i = VT_LAST_PAUSES - known; i < VT_LAST_PAUSES; i++) {
		vt_sink_char(s->out, ' ');
		vt_put_ns(s->out, gc->last[i]);
	}
	vt_sink_char(s->out, '\n');
}

static void print_process(struct vt_summary *s, const struct vt_process_info *p)
{
	unsigned shown = 0, more = 0;

	for (unsigned i = 0; i < s->in->run->ring_count; i++) {
		const struct vt_ring_info *ring = s->in->run->rings[i];
		if (ring->process != p || ring->is_recorder || (ring->is_signal && ring->last == 0))
			continue;
		if (shown++ < MOST_RINGS)
			print_ring(s, ring);
		else
			more++;
	}
	if (more > 0)
		vt_sink_printf(s->out, "and %u more threads\n", more);
	print_last_event(s, p);
}

void vt_summary_end(struct vt_summary *s)
{
	unsigned died = 0;

	for (unsigned i = 0; i < s->in->run->process_count; i++) {
		const struct vt_process_info *p = s->in->run->processes[i];
		struct vt_sink right;
		if (!vt_ending_is_abrupt(p) || p->ending == VT_END_RUNNING || died >= MOST_RINGS ||
		    p->ending == VT_END_EXEC || vt_sink_memory(&right))
			continue;
		if (s->in->several_processes)
			vt_sink_printf(&right, "pid %u ", p->pid);
		vt_sink_string(&right, p->ending == VT_END_SIGNAL ? "killed by " : "");
		vt_ending_text(&right, p);
		vt_sink_string(&right, ", ");
		vt_put_seconds(&right, vt_reader_ns(s->in->reader, end_of(s, p)), 3);
		vt_sink_string(&right, " s");
		vt_summary_title(s, "How it ended", vt_sink_text(&right));
		vt_sink_discard(&right);
		print_process(s, p);
		if (!s->in->several_processes)
			print_heap(s);
		died++;
	}
	if (died > 0 && s->open.count > 0)
		vt_sink_string(s->out, "open spans are shown as open; nothing was closed on their "
		                       "behalf\n");
}
