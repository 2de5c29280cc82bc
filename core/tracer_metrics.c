/*
 * tracer_metrics.c - vt_metrics_read: a sample of all cells, for the host and, numbered, for the log; and
 * vt_reset, after which they count from 0.
 */
#include <errno.h>
#include <string.h>

#include "core/process.h"
#include "core/sample.h"
#include "core/tracer.h"

/*
 * Hands a sample to the recorder: it takes it out of the ring file in its next round. Whoever reads
 * metrics faster than that waits for a round now and then: each number that was given is in the log.
 */
static void post_snapshot(const struct vt_counter_sample *s)
{
	struct vt_snapshot *to = &vt_process.file->snapshots[s->sequence % VT_SNAPSHOTS];

	if (to->sequence > vt_tracer.snapshots_taken && vt_tracer_flush() == 0)
		vt_tracer.snapshots_taken = s->sequence - 1;
	vt_store_relaxed(&to->sequence, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	to->ticks = s->ticks;
	to->monotonic = s->monotonic;
	to->realtime = s->realtime;
	memcpy(to->present, s->present, sizeof(to->present));
	memcpy(to->values, s->values, sizeof(to->values));
	memcpy(to->lost, s->lost, sizeof(to->lost));
	to->sources_known = s->sources_known;
	to->sources_available = s->sources_available;
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		char reason[VT_MAX_STRING + 1];
		size_t n = s->reasons[i].length < VT_MAX_STRING ? s->reasons[i].length : VT_MAX_STRING;
		memcpy(reason, s->reasons[i].at ? s->reasons[i].at : "", s->reasons[i].at ? n : 0);
		reason[n] = 0;
		to->reasons[i] = n ? (uint32_t)vt_string(reason) : 0;
	}
	/* Pairs with the recorder's acquire load of sequence: the snapshot is whole. */
	vt_store_release(&to->sequence, s->sequence);
	vt_process_wake();
}

static void metrics_of(struct vt_metrics *m, const struct vt_counter_sample *s)
{
	m->sequence = s->sequence;
	m->realtime = s->realtime;
	m->monotonic = s->monotonic;
	m->uptime = s->values[VT_M_trace_uptime];
	m->enabled = s->values[VT_M_trace_enabled] != 0;
	m->buffered = s->values[VT_M_trace_events];
	m->run = vt_tracer.run;
	m->program = vt_tracer.program;
	m->version = vt_tracer.version;
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		m->present[i] = s->present[i / 64] >> i % 64 & 1;
		m->values[i] = s->values[i];
	}
	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		m->lost[c] = s->lost[c];
		m->wanted |= (uint64_t)(s->lost[c] > 0) << c;
	}
	for (unsigned i = 0; i < VT_MAX_SOURCES; i++) {
		m->sources[i].known = s->sources_known >> i & 1;
		m->sources[i].available = s->sources_available >> i & 1;
		m->sources[i].reason = s->reasons[i].at ? s->reasons[i].at : "";
	}
}

int vt_metrics_read(struct vt_metrics *m)
{
	memset(m, 0, sizeof(*m));
	m->schema = vt_schema_builtin();
	m->program = m->version = "";
	pthread_mutex_lock(&vt_tracer.lock);
	int err = vt_tracer_on() ? 0 : -ENOTCONN;
	if (!err) {
		struct vt_ring_view view;
		struct vt_counter_sample s;
		vt_ring_view_borrow(&view, vt_process.file);
		vt_sample(&view, &s);
		s.sequence = vt_add_relaxed(&vt_process.file->next_record, 1);
		post_snapshot(&s);
		metrics_of(m, &s);
	}
	pthread_mutex_unlock(&vt_tracer.lock);
	return err;
}


/* ---- reset ----------------------------------------------------------------------------------- */

/* A largest value has no base. A thread that raises it just now does so by compare-and-swap: see ring.h. */
static void clear_largest(struct vt_ring_file *f, unsigned metric)
{
	uint64_t used = vt_load_relaxed(&f->slots_used);

	vt_store_relaxed(&f->overflow[metric], 0);
	for (unsigned i = 0; i < used && i < f->slot_count; i++)
		if (vt_load_acquire(&vt_threads_of(f)[i].start) != 0)
			vt_store_relaxed(&vt_slot_of(f, i)->cells[metric], 0);
}

/* Cells stay as they are: what they hold now is the base of what they will hold. */
static void raise_bases(struct vt_ring_file *f)
{
	const struct vt_metric_desc *metrics = vt_schema_builtin()->metrics;
	struct vt_ring_view view;
	struct vt_counter_sample s;

	vt_ring_view_borrow(&view, f);
	vt_sample(&view, &s);
	for (unsigned m = 0; m < VT_METRIC_COUNT && m < VT_MAX_CELLS; m++) {
		if (!metrics[m].name || metrics[m].kind == VT_METRIC_GAUGE || s.values[m] == 0 ||
		    metrics[m].source == VT_SRC_trace)
			continue;
		vt_metric_declare((enum vt_metric_id)m);        /* 0 now, and not absent */
		if (metrics[m].kind == VT_METRIC_MAX)
			clear_largest(f, m);
		else
			vt_store_relaxed(&f->cell_base[m], f->cell_base[m] + s.values[m]);
	}
	vt_store_relaxed(&f->events_base, f->events_base + s.values[VT_M_trace_events]);
	if (vt_load_relaxed(&f->enabled_since))
		vt_store_relaxed(&f->enabled_since, s.monotonic);
	vt_store_relaxed(&f->last_session, 0);
}

void vt_reset(void)
{
	pthread_mutex_lock(&vt_tracer.lock);
	if (vt_tracer_on()) {
		raise_bases(vt_process.file);
		if (vt_process_on_reset)
			vt_process_on_reset();
		VT_EMIT(meta, reset, );
	}
	pthread_mutex_unlock(&vt_tracer.lock);
}
