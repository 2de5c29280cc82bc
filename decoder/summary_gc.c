/* summary_gc.c - the page on the garbage collector: cycles, pauses, phases, heap. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "decoder/process_text.h"
#include "decoder/progress.h"
#include "decoder/summary.h"
#include "decoder/units.h"

#define BAR_WIDTH 38u

const uint64_t vt_pause_bounds[VT_PAUSE_BOUNDS] = {
	1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000,
	1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000,
	1000000000, 2000000000, 5000000000, 10000000000, 20000000000, 50000000000, 100000000000,
};

const char *const vt_phase_names[VT_PHASES] = { "clear", "mark", "sweep", "mark_sweep" };

bool vt_event_value(const struct vt_event *event, const char *field, uint64_t *value)
{
	for (unsigned i = 0; i < event->desc->count; i++) {
		const struct vt_field_desc *f = &event->desc->fields[i];
		if (strcmp(f->name, field) != 0)
			continue;
		if (event->values[i] == 0 && (f->flags & VT_FIELD_OPTIONAL))
			return false;
		*value = event->values[i];
		return true;
	}
	return false;
}

static uint64_t value_of(const struct vt_event *event, const char *field)
{
	uint64_t v = 0;

	vt_event_value(event, field, &v);
	return v;
}

/* ---- collecting ---------------------------------------------------------------------------- */

static void add_heap(struct vt_summary *s, const struct vt_event *event)
{
	struct vt_gc_stats *gc = &s->gc;
	uint64_t used;

	if (vt_event_value(event, "heap_used", &used)) {
		gc->heap_least = gc->heap_most == 0 || used < gc->heap_least ? used : gc->heap_least;
		gc->heap_most = used > gc->heap_most ? used : gc->heap_most;
		gc->heap_last = used;
		if (s->watch && s->watch->heap)
			s->watch->heap(s->watch->user, event, used);
	}
	vt_event_value(event, "heap_total", &gc->heap_total);
}

static void add_cycle(struct vt_gc_stats *gc, const struct vt_event *event, uint64_t type)
{
	uint64_t v;

	gc->cycles++;
	gc->types[type & 3]++;
	gc->time += value_of(event, "time");
	if (vt_event_value(event, "fallback", &v) && v < sizeof(gc->fallbacks) / sizeof(*gc->fallbacks))
		gc->fallbacks[v]++;
	if (vt_event_value(event, "reclaimed", &v)) {
		gc->reclaimed += v;
		gc->reclaiming++;
	}
}

static int add_pause(struct vt_summary *s, const struct vt_event *event)
{
	struct vt_gc_stats *gc = &s->gc;
	uint64_t time = value_of(event, "time");
	unsigned bucket = 0;
	uint64_t *paused = vt_pointer_map_get(&s->paused, event->ring->process);

	if (time > gc->pauses->most || gc->pauses->count == 0) {
		gc->worst_cycle = value_of(event, "cycle");
		gc->worst_at = event->t_ns;
	}
	if (s->watch && s->watch->pause)
		s->watch->pause(s->watch->user, event, time);
	vt_histogram_add(gc->pauses, time);
	while (bucket < VT_PAUSE_BOUNDS && time >= vt_pause_bounds[bucket])
		bucket++;
	gc->buckets[bucket]++;
	memmove(gc->last, gc->last + 1, sizeof(gc->last) - sizeof(*gc->last));
	gc->last[VT_LAST_PAUSES - 1] = time;
	if (!paused) {
		paused = calloc(1, sizeof(*paused));
		if (!paused || vt_pointer_map_add(&s->paused, event->ring->process, paused)) {
			free(paused);
			return -ENOMEM;
		}
	}
	*paused += time;
	return 0;
}

/* What is known of the cycle that is open on a thread: its type was told at its begin. */
struct cycle {
	uint64_t type;
	bool open;
	bool paused;            /* a slice is then a part of that pause, else it is one */
};

static struct cycle *cycle_of(struct vt_pointer_map *cycles, const struct vt_event *event)
{
	struct cycle *c = vt_pointer_map_get(cycles, event->ring);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c || vt_pointer_map_add(cycles, event->ring, c)) {
		free(c);
		return NULL;
	}
	return c;
}

static void add_slice(struct vt_gc_stats *gc, const struct vt_event *event, bool is_pause)
{
	gc->slices++;
	gc->slice_pauses += is_pause;
	gc->slice_time += value_of(event, "time");
}

static int add_event(struct vt_summary *s, struct cycle *cycle, const struct vt_event *event)
{
	struct vt_gc_stats *gc = &s->gc;
	uint64_t type;

	add_heap(s, event);
	switch (event->desc->id) {
	case VT_EV_gc_begin:
		cycle->type = value_of(event, "type");
		cycle->open = true;
		cycle->paused = false;
		return 0;
	case VT_EV_gc_end:
		gc->unmatched += !cycle->open;
		type = cycle->open ? cycle->type : VT_gc_type_none;
		vt_event_value(event, "final_type", &type);
		cycle->open = cycle->paused = false;
		add_cycle(gc, event, type);
		return 0;
	case VT_EV_gc_pause:
		cycle->paused = true;
		return 0;
	case VT_EV_gc_pause_end:
		cycle->paused = false;
		return add_pause(s, event);
	case VT_EV_gc_slice_end:
		add_slice(gc, event, !cycle->paused);
		return cycle->paused ? 0 : add_pause(s, event);
	case VT_EV_gc_clear_end:
		gc->phases[VT_PHASE_CLEAR] += value_of(event, "time");
		return 0;
	case VT_EV_gc_mark_end:
		gc->phases[VT_PHASE_MARK] += value_of(event, "time");
		return 0;
	case VT_EV_gc_sweep_end:
		gc->phases[VT_PHASE_SWEEP] += value_of(event, "time");
		return 0;
	case VT_EV_gc_mark_sweep_end:
		gc->phases[VT_PHASE_MARK_SWEEP] += value_of(event, "time");
		return 0;
	case VT_EV_gc_refused:
		gc->refused++;
		return 0;
	default:
		return 0;
	}
}

/* Of the processes that these threads are of, each once. */
static uint64_t lengths_of(const struct vt_summary *s, const struct vt_pointer_map *threads)
{
	const struct vt_run_info *run = s->in->run;
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->process_count; i++) {
		bool any = false;
		for (size_t k = 0; k < threads->size && !any; k++) {
			const struct vt_ring_info *ring = threads->slots[k].key;
			any = ring && ring->process == run->processes[i];
		}
		sum += any ? vt_process_length(s->in, run->processes[i]) : 0;
	}
	return sum;
}

int vt_summary_collect_gc(struct vt_summary *s)
{
	struct vt_pointer_map cycles = { NULL, 0, 0 };
	struct vt_filter filter = *s->filter;
	const char *const category = "gc";
	const struct vt_event *event;
	const char *unknown;
	uint64_t seen = 0;

	vt_progress_begin("collector of", s->in->name, false);
	s->gc.pauses = calloc(1, sizeof(*s->gc.pauses));
	if (!s->gc.pauses)
		return -ENOMEM;
	if (s->in->run->decoded[VT_CAT_gc] == 0)
		return 0;
	if (filter.category_count == 0) {
		filter.categories = &category;
		filter.category_count = 1;
	}
	int err = vt_reader_select(s->in->reader, &filter, &unknown);
	if (err == -VT_E_UNKNOWN_CATEGORY && filter.categories == &category)
		return 0;       /* the log's schema is damaged: its events have no names */
	while (!err && (err = vt_reader_next(s->in->reader, &event)) > 0) {
		if (vt_unlikely((++seen & 1023) == 0))
			vt_progress(event->t_ns, s->length, seen, VT_PROGRESS_EVENTS);
		if (!event->gap && event->desc->category != VT_CAT_gc) {
			err = 0;
			continue;
		}
		struct cycle *cycle = cycle_of(&cycles, event);
		if (!cycle)
			err = -ENOMEM;
		else if (event->gap)
			err = 0, cycle->open = cycle->paused = false;
		else
			err = add_event(s, cycle, event);
	}
	for (size_t i = 0; i < cycles.size; i++) {
		const struct cycle *cycle = cycles.slots[i].value;
		s->gc.open += cycles.slots[i].key && cycle->open;
	}
	s->gc.wall = lengths_of(s, &cycles);
	vt_pointer_map_free(&cycles, free);
	return err;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_cycles(struct vt_summary *s)
{
	static const char *const types[4] = { "type unknown", "minor", "major", "incremental" };
	const struct vt_gc_stats *gc = &s->gc;

	vt_sink_string(s->out, "cycles   ");
	vt_put_right(s->out, gc->cycles, 7);
	if (gc->open > 0)
		vt_sink_printf(s->out, ", %" PRIu64 " open", gc->open);
	for (unsigned i = 0; i < 4; i++) {
		unsigned type = (i + 1) & 3;
		if (gc->types[type] == 0)
			continue;
		vt_sink_printf(s->out, "    %s ", types[type]);
		vt_put_grouped(s->out, gc->types[type]);
	}
	if (gc->wall > 0 && gc->cycles > 0) {
		vt_sink_string(s->out, "    ");
		vt_u128 rate = (vt_u128)gc->cycles * 10000000000u / gc->wall;
		uint64_t tenths = rate > UINT64_MAX ? UINT64_MAX : (uint64_t)rate;
		vt_put_grouped(s->out, tenths / 10);
		if (tenths < 100)
			vt_sink_printf(s->out, ".%u", (unsigned)(tenths % 10));
		vt_sink_string(s->out, "/s");
	}
	vt_sink_char(s->out, '\n');
	if (gc->unmatched > 0) {
		vt_sink_string(s->out, "         ");
		vt_put_grouped(s->out, gc->unmatched);
		vt_sink_string(s->out, " of them without their begin (before the recording, or lost)\n");
	}
}

/* A whole percent is enough beside a time, and keeps the line within 80 columns. */
static void put_share(struct vt_sink *out, uint64_t part, uint64_t whole)
{
	uint64_t percent = whole > 0 ? (uint64_t)(((vt_u128)part * 100 + whole / 2) / whole) : 0;

	if (part > 0 && percent == 0)
		vt_sink_string(out, "<1 %");
	else
		vt_sink_printf(out, "%llu %%", (unsigned long long)percent);
}

static void print_percentile(struct vt_sink *out, const struct vt_histogram *h, const char *name,
                             uint64_t parts, uint64_t of)
{
	vt_sink_string(out, name);
	vt_put_ns(out, vt_histogram_percentile(h, parts, of));
}

static void print_pauses(struct vt_summary *s)
{
	const struct vt_histogram *h = s->gc.pauses;

	vt_sink_string(s->out, "pauses   ");
	vt_put_right(s->out, h->count, 7);
	if (h->count == 0) {
		vt_sink_string(s->out, "    the log tells of none\n");
		return;
	}
	vt_sink_string(s->out, "    total ");
	vt_put_ns(s->out, h->sum);
	vt_sink_string(s->out, "  mean ");
	vt_put_ns(s->out, vt_histogram_mean(h));
	vt_sink_string(s->out, "  max ");
	vt_put_ns(s->out, h->most);
	vt_sink_printf(s->out, " (cycle %" PRIu64 ", ", s->gc.worst_cycle);
	vt_put_seconds(s->out, s->gc.worst_at, 3);
	vt_sink_string(s->out, " s)\n");
	print_percentile(s->out, h, "                    p50 ", 50, 100);
	print_percentile(s->out, h, "  p90 ", 90, 100);
	print_percentile(s->out, h, "  p99 ", 99, 100);
	print_percentile(s->out, h, "  p99.9 ", 999, 1000);
	vt_sink_string(s->out, "   (" VT_HISTOGRAM_ERROR ")\n");
}

/* A slice is a pause, or part of one. */
static void print_slices(struct vt_summary *s)
{
	const struct vt_gc_stats *gc = &s->gc;

	if (gc->slices == 0)
		return;
	vt_sink_string(s->out, "slices   ");
	vt_put_right(s->out, gc->slices, 7);
	vt_sink_string(s->out, "    total ");
	vt_put_ns(s->out, gc->slice_time);
	if (gc->slice_pauses == gc->slices) {
		vt_sink_string(s->out, gc->slices == 1 ? ", a pause" : ", each of them a pause");
	} else {
		vt_sink_string(s->out, ", ");
		vt_put_grouped(s->out, gc->slice_pauses);
		vt_sink_string(s->out, " of them a pause of their own, others within one");
	}
	vt_sink_char(s->out, '\n');
}

/* Incremental cycles that ended in a full pause, and why. */
static void print_fallbacks(struct vt_summary *s)
{
	static const char *const reasons[] = { NULL, "dirty pages", "late slice", "worklist", "barrier" };
	uint64_t all = 0;

	for (unsigned i = 1; i < sizeof(reasons) / sizeof(*reasons); i++)
		all += s->gc.fallbacks[i];
	if (all == 0)
		return;
	vt_sink_string(s->out, "fell back");
	vt_put_right(s->out, all, 7);
	for (unsigned i = 1; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (s->gc.fallbacks[i] == 0)
			continue;
		vt_sink_printf(s->out, "  %s ", reasons[i]);
		vt_put_grouped(s->out, s->gc.fallbacks[i]);
	}
	vt_sink_char(s->out, '\n');
}

enum { TIME_INDENT = 20 };      /* of the parts that do not fit: more than the first part's place */

/* One part of the time, on the line if it fits there. `*column` is where that ends. */
static void put_part(struct vt_summary *s, const char *name, uint64_t part, size_t *column)
{
	const uint64_t whole = s->gc.time;
	bool first = *column < TIME_INDENT;
	struct vt_sink text;

	if (vt_sink_memory(&text))
		return;
	vt_sink_printf(&text, "%s%s ", first ? " = " : " + ", name);
	vt_put_ns(&text, part);
	vt_sink_string(&text, " (");
	put_share(&text, part, whole);
	vt_sink_char(&text, ')');
	if (*column + text.used > 80) {
		vt_sink_char(s->out, '\n');
		vt_sink_blanks(s->out, TIME_INDENT);
		*column = TIME_INDENT;
	}
	vt_sink_bytes(s->out, vt_sink_text(&text), text.used);
	*column += text.used;
	vt_sink_discard(&text);
}

/* Phases and `other` add up to the time of the cycles; phases of a cycle that is open would not. */
static void print_time(struct vt_summary *s)
{
	const struct vt_gc_stats *gc = &s->gc;
	uint64_t told = 0;
	char number[VT_NUM_MAX];
	size_t column = 9 + (size_t)(vt_num_ns(number, gc->time) - number);

	for (unsigned i = 0; i < VT_PHASES; i++)
		told += gc->phases[i];
	vt_sink_string(s->out, "time     ");
	vt_put_ns(s->out, gc->time);
	for (unsigned i = 0; i < VT_PHASES && told <= gc->time; i++)
		if (gc->phases[i] > 0)
			put_part(s, vt_phase_names[i], gc->phases[i], &column);
	if (told > 0 && told <= gc->time) {
		put_part(s, "other", gc->time - told, &column);
	} else if (told > gc->time) {
		vt_sink_string(s->out, " in cycles that ended; phases, those of other cycles too: ");
		vt_put_ns(s->out, told);
	} else {
		vt_sink_string(s->out, ", phases not told");
	}
	vt_sink_char(s->out, '\n');
}

static void print_heap(struct vt_summary *s)
{
	const struct vt_gc_stats *gc = &s->gc;

	if (gc->heap_most > 0) {
		vt_sink_string(s->out, "heap     used ");
		vt_put_bytes(s->out, gc->heap_least);
		vt_sink_string(s->out, "..");
		vt_put_bytes(s->out, gc->heap_most);
		vt_sink_string(s->out, ", last ");
		vt_put_bytes(s->out, gc->heap_last);
		if (gc->heap_total > 0) {
			vt_sink_string(s->out, "   total ");
			vt_put_bytes(s->out, gc->heap_total);
		}
		vt_sink_char(s->out, '\n');
	}
	if (gc->reclaiming > 0) {
		vt_sink_string(s->out, "reclaimed ");
		vt_put_bytes(s->out, gc->reclaimed);
		vt_sink_string(s->out, ", ");
		vt_put_bytes(s->out, gc->reclaimed / gc->reclaiming);
		vt_sink_string(s->out, " a cycle\n");
	}
}

static void print_bucket(struct vt_summary *s, unsigned i, uint64_t most)
{
	char text[VT_NUM_MAX];
	uint64_t bound = vt_pause_bounds[i < VT_PAUSE_BOUNDS ? i : VT_PAUSE_BOUNDS - 1];
	size_t n = (size_t)(vt_num_ns(text, bound) - text);
	uint64_t width = (uint64_t)((vt_u128)s->gc.buckets[i] * BAR_WIDTH / most);

	/* 1.00ms is the third digit too many for a bound. */
	const char *point = memchr(text, '.', n);
	if (point) {
		size_t suffix = strcspn(point, "nums");
		memmove(text + (point - text), point + suffix, n - (size_t)(point - text) - suffix);
		n -= suffix;
	}
	vt_sink_string(s->out, i < VT_PAUSE_BOUNDS ? "  < " : " >= ");
	vt_sink_blanks(s->out, n < 5 ? 5 - n : 0);
	vt_sink_bytes(s->out, text, n);
	vt_put_right(s->out, s->gc.buckets[i], 10);
	if (s->gc.buckets[i] > 0)
		vt_sink_char(s->out, ' ');
	for (width += s->gc.buckets[i] > 0 && width == 0; width > 0; width--)
		vt_sink_char(s->out, '#');
	vt_sink_char(s->out, '\n');
}

/* From the first bucket with a pause to the last: they add up to the pauses. */
static void print_buckets(struct vt_summary *s)
{
	unsigned first = 0, last = VT_PAUSE_BOUNDS;
	uint64_t most = 0;

	for (unsigned i = 0; i <= VT_PAUSE_BOUNDS; i++)
		most = s->gc.buckets[i] > most ? s->gc.buckets[i] : most;
	if (most == 0)
		return;
	while (s->gc.buckets[first] == 0)
		first++;
	while (s->gc.buckets[last] == 0)
		last--;
	for (unsigned i = first; i <= last; i++)
		print_bucket(s, i, most);
}

void vt_summary_gc(struct vt_summary *s)
{
	struct vt_sink right;
	uint64_t lost = vt_lost_of(s->in->run->lost, VT_CAT_gc);
	const struct vt_process_info *p = vt_main_process(s->in->run);
	const char *probe = p ? vt_fact_value(p, "probe") : NULL;

	if (s->gc.cycles + s->gc.open + s->gc.pauses->count + s->gc.refused == 0 ||
	    vt_sink_memory(&right))
		return;
	if (probe) {
		vt_put_name(&right, probe);
		vt_sink_string(&right, ", ");
	}
	vt_put_percent(&right, s->gc.pauses->sum, s->gc.wall);
	vt_sink_string(&right, " paused");
	vt_summary_title(s, "Garbage collector", vt_sink_text(&right));
	vt_sink_discard(&right);
	if (lost > 0) {
		vt_sink_role(s->out, VT_ROLE_BAD);
		vt_sink_string(s->out, "lost     ");
		vt_put_grouped(s->out, lost);
		vt_sink_string(s->out, " events: counts are at least these, the longest pause at least "
		                       "this");
		vt_sink_role(s->out, VT_ROLE_END);
		vt_sink_char(s->out, '\n');
	}
	print_cycles(s);
	print_pauses(s);
	print_slices(s);
	print_fallbacks(s);
	print_time(s);
	print_heap(s);
	print_buckets(s);
	if (s->gc.refused > 0) {
		vt_sink_string(s->out, "refused  ");
		vt_put_grouped(s->out, s->gc.refused);
		vt_sink_string(s->out, " collections asked for that did not happen\n");
	}
}
