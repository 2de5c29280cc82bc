/* rule_judge.c - rules on counters: values at a moment, and over an interval between two of them. */
#include "core/rule.h"

static bool has(const struct vt_point *p, unsigned metric)
{
	return p->present[metric / 64] >> metric % 64 & 1;
}

/* Of all metrics of the rule that are there; false: none is. */
static bool top_of(const struct vt_rule *r, const struct vt_point *p, double *value)
{
	bool any = false;

	*value = 0;
	for (unsigned i = 0; i < r->metric_count; i++) {
		if (!has(p, r->metrics[i]))
			continue;
		double v = (double)p->values[r->metrics[i]] * r->scale;
		*value = !r->largest ? *value + v : v > *value ? v : *value;
		any = true;
	}
	return any;
}

void vt_rule_begin(struct vt_rule_state *s, uint64_t start)
{
	*s = (struct vt_rule_state){ .base_ns = start };
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static double over_time(const struct vt_rule *r, double grown, uint64_t ns)
{
	if (r->how == VT_HOW_RATE)
		return grown * 1e9 / (double)ns;
	/* Times of several threads, or one that began long before, may be more than there was. */
	double share = percent(grown, (double)ns);
	share = share > 100 ? 100 : share;
	return r->how == VT_HOW_REST ? 100 - share : share;
}

static void judge_interval(const struct vt_rule *r, struct vt_rule_state *s, const struct vt_point *p,
                           bool last, uint64_t least, struct vt_judgement *j)
{
	bool gated = r->how != VT_HOW_RATE && r->bottom != r->metrics[0];
	double top, bottom = has(p, r->bottom) ? (double)p->values[r->bottom] : 0;
	uint64_t from = s->base_ns;

	if (!top_of(r, p, &top) || (gated && !has(p, r->bottom)))
		return;
	j->verdict = VT_RULE_WAITS;
	if (p->ns <= from || (gated && bottom <= s->base_bottom))
		return;
	double base = s->base_top;
	if (p->ns - from < least) {
		if (!last)
			return;
		if (s->has_before) {
			from = s->before_ns;
			base = s->before_top;
		}
	}
	j->value = over_time(r, top > base ? top - base : 0, p->ns - from);
	j->from = from;
	j->fresh = p->ns - s->base_ns;
	j->verdict = VT_RULE_HOLDS;
	*s = (struct vt_rule_state){ p->ns, s->base_ns, top, s->base_top, bottom, true };
}

static void judge_moment(const struct vt_rule *r, const struct vt_point *p, struct vt_judgement *j)
{
	double top;

	if (!top_of(r, p, &top))
		return;
	if (r->how == VT_HOW_RATIO) {
		if (!has(p, r->bottom))
			return;
		double bottom = (double)p->values[r->bottom];
		/* A heap of no bytes is one whose size nobody knows; a mean of no calls is no fault. */
		if (!(bottom > 0) && r->over == VT_OVER_MOMENT)
			return;
		j->empty = !(bottom > 0);
		top = j->empty ? 0 : r->unit == VT_RULE_PERCENT ? percent(top, bottom) : top / bottom;
	}
	j->value = top;
	j->verdict = VT_RULE_HOLDS;
}

void vt_rule_judge(const struct vt_rule *r, struct vt_rule_state *s, const struct vt_point *p, bool last,
                   uint64_t least, struct vt_judgement *j)
{
	*j = (struct vt_judgement){ .verdict = VT_RULE_ABSENT, .from = p->ns, .to = p->ns };
	switch (r->over) {
	case VT_OVER_INTERVAL:
		judge_interval(r, s, p, last, least, j);
		break;
	case VT_OVER_LOSS:
		j->value = r->how == VT_HOW_LOST ? (double)p->lost :
		           percent((double)p->lost, (double)p->lost + (double)p->events);
		j->verdict = VT_RULE_HOLDS;
		break;
	case VT_OVER_EVENTS:
		break;
	default:
		judge_moment(r, p, j);
	}
	if (j->verdict == VT_RULE_HOLDS && !j->empty && vt_rule_breaks(r, j->value))
		j->verdict = VT_RULE_VIOLATED;
}
