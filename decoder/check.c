/* check.c - a pass over the counter records, one over the durations of the events that rules name. */
#include "decoder/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/why.h"

/* ---- counters -------------------------------------------------------------------------------------- */

static struct vt_rule_state *states_of(struct vt_check *c, const struct vt_process_info *p)
{
	struct vt_rule_state *states = vt_pointer_map_get(&c->processes, p);

	if (states)
		return states;
	states = calloc(c->states + 1, sizeof(*states));
	if (!states || vt_pointer_map_add(&c->processes, p, states)) {
		free(states);
		return NULL;
	}
	for (unsigned i = 0; i < c->states; i++)
		vt_rule_begin(&states[i], vt_reader_ns(c->in->reader, p->start));
	return states;
}

static void take(struct vt_finding *f, const struct vt_judgement *j, const struct vt_process_info *p)
{
	if (j->verdict != VT_RULE_HOLDS && j->verdict != VT_RULE_VIOLATED)
		return;
	if (!f->judged_any || (f->empty && !j->empty) ||
	    (!j->empty && vt_rule_worse(&f->rule, j->value, f->value))) {
		f->value = j->value;
		f->process = p ? p : f->process;
		f->empty = j->empty;
	}
	f->judged_any = true;
	f->judged++;
	if (j->verdict != VT_RULE_VIOLATED)
		return;
	f->verdict = VT_CHECK_VIOLATED;
	f->first_ns = f->violated == 0 || j->from < f->first_ns ? j->from : f->first_ns;
	f->violated++;
	f->violated_ns += j->fresh;
}

static void point_of(const struct vt_check *c, const struct vt_counters *from, struct vt_point *p)
{
	*p = (struct vt_point){ .ns = vt_reader_ns(c->in->reader, from->ticks) };
	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		p->values[i] = from->metrics[i].value;
		p->present[i / 64] |= (uint64_t)from->metrics[i].present << i % 64;
	}
}

/* One record: rules on a moment of a process, and on what happened in it since the last record. */
static int judge_record(void *user, const struct vt_counters *from)
{
	struct vt_check *c = user;
	struct vt_rule_state *states = states_of(c, from->process);
	struct vt_point point;

	if (!states)
		return c->error = -ENOMEM;
	point_of(c, from, &point);
	for (unsigned i = 0; i < c->count; i++) {
		struct vt_finding *f = &c->found[i];
		struct vt_judgement j;
		if (f->rule.over != VT_OVER_MOMENT && f->rule.over != VT_OVER_INTERVAL)
			continue;
		vt_rule_judge(&f->rule, &states[f->state], &point, from->flags & VT_COUNTERS_FINAL,
		              c->least_ns, &j);
		take(f, &j, from->process);
	}
	return 0;
}

/* Rules on the run as a whole: the last records of all processes, and the losses that the log knows. */
static void judge_totals(struct vt_check *c, int records)
{
	struct vt_rule_state none;
	struct vt_point point = { .lost = vt_lost_all(c->in->run), .events = vt_decoded_all(c->in->run) };

	for (unsigned i = 0; i < VT_MAX_METRICS; i++) {
		point.values[i] = c->metrics.values[i];
		point.present[i / 64] |= (uint64_t)c->metrics.present[i] << i % 64;
	}
	for (unsigned i = 0; i < c->count; i++) {
		struct vt_finding *f = &c->found[i];
		struct vt_judgement j;
		if (f->rule.over != VT_OVER_LOSS && (f->rule.over != VT_OVER_TOTAL || records == 0))
			continue;
		vt_rule_begin(&none, 0);
		vt_rule_judge(&f->rule, &none, &point, true, 0, &j);
		take(f, &j, NULL);
	}
}

/* ---- events ---------------------------------------------------------------------------------------- */

static bool is_type(const struct vt_finding *f, const struct vt_batch *batch, const struct vt_event_desc *desc)
{
	const char *category = batch->ring->process->schema->categories[batch->category].name;
	size_t n = category ? strlen(category) : 0;

	return category && strncmp(f->rule.event, category, n) == 0 && f->rule.event[n] == '.' &&
	       strcmp(f->rule.event + n + 1, desc->name) == 0;
}

/* Where event number `row` of a type is: its time, and its cycle if it has one. */
static void locate(struct vt_check *c, struct vt_finding *f, const struct vt_batch *batch, unsigned type,
                   uint32_t row)
{
	const struct vt_event_desc *desc = batch->desc[type];
	const uint64_t *ticks = vt_batch_ticks(batch);
	const uint8_t *types = ticks ? vt_batch_types(batch) : NULL;
	uint32_t at = 0;

	f->located = types != NULL;
	f->process = batch->ring->process;
	f->cycle = 0;
	for (unsigned i = 0; types && i < batch->events; i++)
		if (types[i] == type && at++ == row)
			f->at_ns = vt_reader_ns(c->in->reader, ticks[i]);
	for (unsigned i = 0; i < desc->count; i++)
		if (strcmp(desc->fields[i].name, "cycle") == 0) {
			const uint64_t *cycles = vt_batch_column(batch, type, i);
			f->cycle = cycles ? cycles[row] : 0;
		}
}

static void add_times(struct vt_check *c, struct vt_finding *f, const struct vt_batch *batch, unsigned type)
{
	int time = batch->desc[type]->time;
	const uint64_t *column = time >= 0 ? vt_batch_column(batch, type, (unsigned)time) : NULL;
	uint32_t longest = UINT32_MAX;

	if (time < 0)
		f->times->count += batch->counts[type];
	for (uint32_t i = 0; column && i < batch->counts[type]; i++) {
		if (f->times->count == 0 || column[i] > f->times->most)
			longest = i;
		vt_histogram_add(f->times, column[i]);
	}
	if (longest != UINT32_MAX)
		locate(c, f, batch, type, longest);
}

/* The categories of the events that rules name, as far as the run has them. */
static unsigned wanted_categories(struct vt_check *c, const char *names[VT_MAX_CATEGORIES])
{
	unsigned count = 0;

	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++) {
		const char *name = vt_category_name(c->in->run, id);
		size_t n = name ? strlen(name) : 0;
		bool wanted = false;
		for (unsigned i = 0; name && i < c->count; i++) {
			struct vt_finding *f = &c->found[i];
			if (strncmp(f->rule.event, name, n) != 0 || f->rule.event[n] != '.')
				continue;
			wanted = true;
			f->decoded = c->in->run->decoded[id];
			f->lost = vt_lost_of(c->in->run->lost, id);
		}
		if (wanted)
			names[count++] = name;
	}
	return count;
}

static int collect_events(struct vt_check *c)
{
	const char *names[VT_MAX_CATEGORIES], *unknown;
	struct vt_filter filter = { .size = sizeof(filter), .categories = names };
	const struct vt_batch *batch;

	for (unsigned i = 0; i < c->count; i++)
		if (c->found[i].rule.event[0] && !(c->found[i].times = calloc(1, sizeof(*c->found[i].times))))
			return -ENOMEM;
	filter.category_count = wanted_categories(c, names);
	if (filter.category_count == 0)
		return 0;
	int err = vt_reader_select(c->in->reader, &filter, &unknown);
	while (!err && (err = vt_reader_next_batch(c->in->reader, &batch)) > 0) {
		for (unsigned type = 0; type < batch->types; type++)
			for (unsigned i = 0; i < c->count; i++)
				if (c->found[i].times && is_type(&c->found[i], batch, batch->desc[type]))
					add_times(c, &c->found[i], batch, type);
		err = 0;
	}
	/* Damage inside sections is found, and counted as loss, when they are decoded. */
	wanted_categories(c, names);
	return err;
}

static double stat_of(const struct vt_finding *f)
{
	const struct vt_histogram *h = f->times;

	switch (f->rule.how) {
	case VT_HOW_MAX:
		return (double)h->most;
	case VT_HOW_MIN:
		return (double)h->least;
	case VT_HOW_MEAN:
		return (double)h->sum / (double)h->count;
	case VT_HOW_P50:
		return (double)vt_histogram_percentile(h, 50, 100);
	case VT_HOW_P90:
		return (double)vt_histogram_percentile(h, 90, 100);
	case VT_HOW_P99:
		return (double)vt_histogram_percentile(h, 99, 100);
	case VT_HOW_P999:
		return (double)vt_histogram_percentile(h, 999, 1000);
	default:
		return (double)h->count;
	}
}

double vt_check_coverage(const struct vt_finding *f)
{
	double all = (double)f->decoded + (double)f->lost;

	return f->rule.over == VT_OVER_EVENTS && f->lost > 0 ? 100 * (double)f->decoded / all : 100;
}

/* A violation that more events could not take back. */
static bool is_proof(const struct vt_rule *r)
{
	bool upper = r->op == VT_OP_GT || r->op == VT_OP_GE, lower = r->op == VT_OP_LT || r->op == VT_OP_LE;

	return (upper && (r->how == VT_HOW_MAX || r->how == VT_HOW_NUMBER)) || (lower && r->how == VT_HOW_MIN);
}

static void judge_events(struct vt_check *c, struct vt_finding *f)
{
	const struct vt_rule *r = &f->rule;
	double coverage = vt_check_coverage(f);
	bool none = f->times->count == 0;

	/* No pause at all, as the counters say, or among events that were recorded: no fault. */
	bool counted = r->metric_count > 0 && c->metrics.present[r->bottom];
	if (none && !(counted ? c->metrics.values[r->bottom] == 0 : f->decoded > 0))
		return;
	f->judged_any = true;
	f->empty = none && r->how != VT_HOW_NUMBER;
	f->value = f->empty ? 0 : stat_of(f);
	if (!f->empty && vt_rule_breaks(r, f->value))
		f->verdict = VT_CHECK_VIOLATED;
	if (coverage >= c->min_coverage || (f->verdict == VT_CHECK_VIOLATED && is_proof(r)))
		return;
	f->verdict = VT_CHECK_UNKNOWN;
	/* Rounded down, or 98.99 would be 99. */
	snprintf(f->reason, sizeof(f->reason), "%llu of %llu %.*s events were lost, %u.%u %% are left",
	         (unsigned long long)f->lost, (unsigned long long)(f->decoded + f->lost),
	         (int)strcspn(r->event, "."), r->event, (unsigned)coverage, (unsigned)(coverage * 10) % 10);
}

/* ---- what could not be judged ---------------------------------------------------------------------- */

static void reason_of_source(const struct vt_check *c, struct vt_finding *f)
{
	const struct vt_metrics *m = &c->metrics;
	unsigned source = f->rule.source;
	bool known = source < VT_MAX_SOURCES && m->sources[source].known;

	if (known && !m->sources[source].available && *m->sources[source].reason)
		snprintf(f->reason, sizeof(f->reason), "%s", m->sources[source].reason);
	else if (known)
		snprintf(f->reason, sizeof(f->reason), "nothing in this run reports it");
	else
		snprintf(f->reason, sizeof(f->reason), "the log has no counters of it");
}

static void reason_of_events(const struct vt_check *c, struct vt_finding *f)
{
	struct vt_sink text;

	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++) {
		const char *name = vt_category_name(c->in->run, id);
		size_t n = name ? strlen(name) : 0;
		if (!name || strncmp(f->rule.event, name, n) != 0 || f->rule.event[n] != '.' ||
		    vt_sink_memory(&text))
			continue;
		vt_why_no_events(&text, c->in, id);
		snprintf(f->reason, sizeof(f->reason), "no %s event: %s", name, vt_sink_text(&text));
		vt_sink_discard(&text);
		return;
	}
	snprintf(f->reason, sizeof(f->reason), "the run has no such events");
}

static void explain(const struct vt_check *c, struct vt_finding *f)
{
	if (f->judged_any)
		return;
	f->verdict = VT_CHECK_UNKNOWN;
	if (f->rule.over == VT_OVER_EVENTS)
		reason_of_events(c, f);
	else
		reason_of_source(c, f);
}

int vt_check_run(struct vt_check *c)
{
	int records = vt_metrics_of_run(&c->metrics, c->in, -1);

	if (records < 0)
		return records;
	c->states = 0;
	for (unsigned i = 0; i < c->count; i++)
		if (c->found[i].rule.over == VT_OVER_INTERVAL)
			c->found[i].state = c->states++;
	int err = vt_reader_counters(c->in->reader, 0, judge_record, c);
	err = c->error ? c->error : err < 0 ? err : collect_events(c);
	if (err < 0)
		return err;
	judge_totals(c, records);
	for (unsigned i = 0; i < c->count; i++) {
		if (c->found[i].rule.over == VT_OVER_EVENTS)
			judge_events(c, &c->found[i]);
		explain(c, &c->found[i]);
	}
	return 0;
}

void vt_check_free(struct vt_check *c)
{
	vt_pointer_map_free(&c->processes, free);
	for (unsigned i = 0; i < c->count; i++)
		free(c->found[i].times);
}
