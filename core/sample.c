/* sample.c - sums of cells; used by the recorder on any process and by a host on itself. */
#include <string.h>

#include "core/call_table.h"
#include "core/clock.h"
#include "core/sample.h"

static void add_slot(struct vt_counter_sample *s, const struct vt_slot *slot)
{
	for (unsigned m = 0; m < VT_MAX_CELLS; m++) {
		uint64_t value = vt_load_relaxed(&slot->cells[m]);
		if (vt_schema_builtin()->metrics[m].kind == VT_METRIC_MAX)
			s->values[m] = value > s->values[m] ? value : s->values[m];
		else
			s->values[m] += value;
	}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		s->values[VT_M_trace_events] += vt_load_relaxed(&slot->main.emitted[c]) +
		                                vt_load_relaxed(&slot->signal.emitted[c]);
		for (unsigned cause = 0; cause < VT_LOST_CAUSES; cause++)
			s->lost[c] += vt_load_relaxed(&slot->lost[cause][c]);
	}
}

/* A reset may have raised a base since the cells were read. */
static uint64_t above(uint64_t value, uint64_t base)
{
	return value > base ? value - base : 0;
}

/* What was counted before this recording began is not part of it. */
static void take_off_bases(struct vt_counter_sample *s, const struct vt_ring_file *f)
{
	for (unsigned m = 0; m < VT_MAX_CELLS; m++)
		if (vt_schema_builtin()->metrics[m].kind != VT_METRIC_MAX)
			s->values[m] = above(s->values[m], vt_load_relaxed(&f->cell_base[m]));
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		uint64_t no_ring = vt_load_relaxed(&f->no_ring[c]) - f->no_ring_base[c];
		s->lost[c] += no_ring + vt_load_relaxed(&f->overwritten[c]) - f->lost_base[c];
	}
	s->values[VT_M_trace_events] = above(s->values[VT_M_trace_events], vt_load_relaxed(&f->events_base));
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static void add_calls(struct vt_call_total *totals, const struct vt_calls *calls)
{
	for (unsigned i = 0; i < VT_MAX_CALLS; i++) {
		const struct vt_call_cell *c = &calls->cells[i];
		const struct vt_call_base *base = &calls->bases[i];
		struct vt_call_total *t = &totals[i];
		uint64_t count = vt_load_relaxed(&c->count) - base->count;
		uint64_t least = vt_load_relaxed(&c->least), most = vt_load_relaxed(&c->most);
		if (count == 0)
			continue;
		t->least = t->count == 0 || least - 1 < t->least ? least - 1 : t->least;
		t->most = most > t->most ? most : t->most;
		t->count += count;
		t->errors += vt_load_relaxed(&c->errors) - base->errors;
		t->time += vt_load_relaxed(&c->time) - base->time;
		t->error_time += vt_load_relaxed(&c->error_time) - base->error_time;
	}
}

static uint64_t to_ns(const struct vt_ring_file *f, uint64_t ticks)
{
	return f->tick_hz ? (uint64_t)((vt_u128)ticks * 1000000000u / f->tick_hz) : 0;
}

static struct vt_span name_of_call(const struct vt_ring_view *v, unsigned call)
{
	struct vt_ring_file *f = v->file;
	uint32_t id = call < VT_HOST_CALLS ? 0 : vt_load_relaxed(&f->call_names[call - VT_HOST_CALLS]);
	const uint8_t *bytes = NULL;

	if (call < VT_HOST_CALLS && vt_call_table[call].name)
		return (struct vt_span){ vt_call_table[call].name, strlen(vt_call_table[call].name) };
	if (id > 0 && id <= f->string_count)
		bytes = vt_ring_view_bytes(v, &vt_strings_of(f)[id - 1]);
	return bytes ? (struct vt_span){ (const char *)bytes, vt_strings_of(f)[id - 1].length }
	             : (struct vt_span){ "", 0 };
}

/* A live cell is read while it is written: its numbers are of moments close together. */
static void finish_total(const struct vt_ring_view *v, struct vt_call_total *t, unsigned call)
{
	t->call = (uint16_t)call;
	t->category = call < VT_HOST_CALLS ? vt_call_table[call].category : VT_CAT_syscall;
	t->name = name_of_call(v, call);
	t->errors = t->errors < t->count ? t->errors : t->count;
	t->error_time = t->error_time < t->time ? t->error_time : t->time;
	if (call < VT_HOST_CALLS) {
		t->time = to_ns(v->file, t->time);
		t->error_time = to_ns(v->file, t->error_time);
		t->least = to_ns(v->file, t->least);
		t->most = to_ns(v->file, t->most);
	}
	t->most = t->most < t->time ? t->most : t->time;
	t->least = t->least < t->most ? t->least : t->most;
}

void vt_sample_calls(struct vt_ring_view *v, struct vt_call_sample *s)
{
	const struct vt_ring_file *f = v->file;
	uint64_t used = vt_load_relaxed(&f->slots_used);

	memset(s, 0, sizeof(*s));
	s->missed = vt_load_relaxed(&f->calls_missed) - f->calls_missed_base;
	for (unsigned i = 0; i < used && i < f->slot_count; i++) {
		struct vt_slot *slot = vt_ring_view_slot(v, i);
		const struct vt_calls *calls = slot ? vt_calls_of(f, slot) : NULL;
		if (calls)
			add_calls(s->totals, calls);
	}
	for (unsigned i = 0; i < VT_MAX_CALLS; i++) {
		if (s->totals[i].count == 0)
			continue;
		struct vt_call_total t = s->totals[i];
		finish_total(v, &t, i);
		s->totals[s->count++] = t;
	}
}

static void set(struct vt_counter_sample *s, unsigned metric, uint64_t value)
{
	s->values[metric] = value;
	s->present[metric / 64] |= 1ull << metric % 64;
}

static bool has(const struct vt_counter_sample *s, unsigned metric)
{
	return (s->present[metric / 64] >> metric % 64 & 1) != 0;
}

/* A host that counts its own kernel is believed; else the calls of the C library stand in. */
static void stand_in(struct vt_ring_view *v, struct vt_counter_sample *s)
{
	static const struct { uint16_t metric, by; } pairs[] = {
		{ VT_M_kernel_bytes_read, VT_M_libc_read }, { VT_M_kernel_bytes_written, VT_M_libc_written },
		{ VT_M_kernel_spawned, VT_M_libc_spawned }, { VT_M_kernel_exited, VT_M_libc_reaped },
		{ VT_M_kernel_signals, VT_M_libc_signals_handled },
	};
	struct vt_call_sample calls;
	uint64_t count = 0, errors = 0;

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (has(s, pairs[i].by) && !has(s, pairs[i].metric))
			set(s, pairs[i].metric, s->values[pairs[i].by]);
	if (!has(s, VT_M_libc_read) || has(s, VT_M_kernel_syscalls))
		return;
	vt_sample_calls(v, &calls);
	for (unsigned i = 0; i < calls.count && calls.totals[i].call < VT_HOST_CALLS; i++) {
		if (vt_call_table[calls.totals[i].call].heap)
			continue;
		count += calls.totals[i].count;
		errors += calls.totals[i].errors;
	}
	set(s, VT_M_kernel_syscalls, count);
	set(s, VT_M_kernel_syscall_errors, errors);
}

/* ---- cells ----------------------------------------------------------------------------------------- */

void vt_sample(struct vt_ring_view *v, struct vt_counter_sample *s)
{
	const struct vt_ring_file *f = v->file;
	uint64_t used = vt_load_relaxed(&f->slots_used);

	memset(s, 0, sizeof(*s));
	struct vt_anchor now = vt_anchor_now();
	s->ticks = now.ticks;
	s->monotonic = now.monotonic;
	s->realtime = now.realtime;
	for (unsigned m = 0; m < VT_MAX_CELLS; m++)
		s->values[m] = vt_load_relaxed(&f->overflow[m]);
	for (unsigned i = 0; i < used && i < f->slot_count; i++) {
		const struct vt_slot *slot = vt_ring_view_slot(v, i);
		if (slot)
			add_slot(s, slot);
	}
	take_off_bases(s, f);
	for (unsigned m = 0; m < VT_MAX_METRICS; m++)
		if (m >= VT_MAX_CELLS || vt_schema_builtin()->metrics[m].kind == VT_METRIC_GAUGE)
			s->values[m] = vt_load_relaxed(&f->gauges[m]);

	uint64_t since = vt_load_relaxed(&f->enabled_since);
	s->values[VT_M_trace_enabled] = vt_load_relaxed(&f->wanted_mask) != 0;
	s->values[VT_M_trace_uptime] = since && now.monotonic > since ? now.monotonic - since :
	                               vt_load_relaxed(&f->last_session);
	memcpy(s->present, f->present, sizeof(s->present));
	s->present[VT_M_trace_events / 64] |= 7ull << VT_M_trace_events % 64;
	/* A cell that was counted has a writer, declared or not. */
	for (unsigned m = 0; m < VT_MAX_METRICS; m++)
		if (s->values[m] != 0)
			s->present[m / 64] |= 1ull << m % 64;
	stand_in(v, s);
	vt_sample_sources(v, s);
}
VT_STATIC_ASSERT(VT_M_trace_events / 64 == VT_M_trace_uptime / 64 &&
                 VT_M_trace_uptime == VT_M_trace_events + 2, "the three bits set at once");

static bool any_present(const struct vt_counter_sample *s, unsigned source)
{
	for (unsigned m = 0; m < VT_METRIC_COUNT; m++)
		if (vt_schema_builtin()->metrics[m].source == source && (s->present[m / 64] >> m % 64 & 1))
			return true;
	return false;
}

void vt_sample_sources(const struct vt_ring_view *v, struct vt_counter_sample *s)
{
	static const char silent[] = "nothing in this process reports it";
	struct vt_ring_file *f = v->file;

	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		if (!vt_schema_builtin()->sources[i].name)
			continue;
		/* Pairs with the store-release of state. */
		uint32_t state = vt_load_acquire(&f->sources[i].state);
		uint32_t reason = vt_load_relaxed(&f->sources[i].reason);
		s->sources_known |= 1u << i;
		s->reasons[i] = (struct vt_span){ "", 0 };
		if (state == 2 || any_present(s, i)) {
			s->sources_available |= 1u << i;
			continue;
		}
		s->reasons[i] = (struct vt_span){ silent, sizeof(silent) - 1 };
		if (reason > 0 && reason <= f->string_count) {
			const struct vt_table_entry *e = &vt_strings_of(f)[reason - 1];
			const uint8_t *bytes = vt_ring_view_bytes(v, e);
			if (bytes)
				s->reasons[i] = (struct vt_span){ (const char *)bytes, e->length };
		}
	}
}
