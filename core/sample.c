/* sample.c - sums of cells; used by the recorder on any process and by a host on itself. */
#include <string.h>

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
