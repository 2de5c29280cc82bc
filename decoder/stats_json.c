/*
 * stats_json.c - the rows as one line of JSON: what a script reads instead of the table. Numbers
 * are raw: ns, and a rate a second. null is what nobody knows; it is never 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/jsonw.h"
#include "decoder/stats.h"
#include "decoder/units.h"

#define JSON_VERSION 1u

static void put_value(struct vt_sink *out, const struct vt_stats_value *v)
{
	double real;

	switch (v->tag) {
	case VT_STATS_ABSENT:
		vt_sink_string(out, "null");
		break;
	case VT_STATS_BOOL:
		vt_sink_string(out, v->number ? "true" : "false");
		break;
	case VT_STATS_INT:
		vt_json_i64(out, (int64_t)v->number);
		break;
	case VT_STATS_FLOAT:
		memcpy(&real, &v->number, sizeof(real));
		vt_json_float(out, real);
		break;
	case VT_STATS_TEXT:
		vt_json_string(out, v->text, v->number);
		break;
	default:
		vt_json_u64(out, v->number);
	}
}

static void put_optional(struct vt_json *j, const char *key, bool known, uint64_t v)
{
	if (known)
		vt_json_put_u64(j, key, v);
	else
		vt_json_put_null(j, key);
}

static void put_figures(struct vt_json *j, const struct vt_stats_view *v,
                        const struct vt_stats_group *g, uint64_t length)
{
	static const struct { const char *key; uint16_t parts; } percentiles[] = {
		{ "p50_ns", 500 }, { "p90_ns", 900 }, { "p99_ns", 990 }, { "p99_9_ns", 999 },
	};
	uint64_t count = g ? g->count : 0;
	bool timed = g && g->timed > 0, whole = timed && g->sum < UINT64_MAX;

	vt_json_put_u64(j, "count", count);
	if (length > 0)
		vt_json_put_float(j, "per_second", (double)count * 1e9 / (double)length);
	else
		vt_json_put_null(j, "per_second");
	vt_json_put_u64(j, "timed", g ? g->timed : 0);
	put_optional(j, "total_ns", whole, timed ? g->sum : 0);
	put_optional(j, "mean_ns", whole, timed ? g->sum / g->timed : 0);
	put_optional(j, "min_ns", timed, timed ? g->least : 0);
	put_optional(j, "max_ns", timed, timed ? g->most : 0);
	for (unsigned i = 0; i < 4; i++)
		put_optional(j, percentiles[i].key, timed,
		             timed ? vt_stats_percentile(v, g, percentiles[i].parts, 1000) : 0);
}

static void put_row(struct vt_json *j, const struct vt_stats_view *v,
                    const struct vt_stats_row *row)
{
	const struct vt_stats_plan *plan = v->stats->plan;
	uint64_t length = vt_stats_length(v, row->step);

	vt_json_open(j, NULL, '{');
	if (plan->step > 0) {
		uint64_t from = plan->origin + row->step * plan->step;
		vt_json_put_u64(j, "from_ns", from);
		vt_json_put_u64(j, "length_ns", length);
		vt_json_put_bool(j, "lost", vt_stats_hidden(v, row->step));
	}
	/* In an object of its own: a field may have any name. */
	vt_json_open(j, "group", '{');
	for (unsigned i = 0; i < plan->key_count && row->group; i++) {
		vt_sink_string(j->out, i > 0 ? "," : "");
		vt_json_string(j->out, plan->keys[i].name, strlen(plan->keys[i].name));
		vt_sink_char(j->out, ':');
		put_value(j->out, &row->group->key[i]);
	}
	vt_json_close(j, '}');
	if (row->group || !(v->stats->ended || vt_stats_hidden(v, row->step)))
		put_figures(j, v, row->group, length);
	else
		vt_json_put_null(j, "count");
	vt_json_close(j, '}');
}

static void put_head(struct vt_json *j, const struct vt_stats_view *v)
{
	const struct vt_stats_plan *plan = v->stats->plan;
	char run[20];

	vt_json_put_u64(j, "version", JSON_VERSION);
	snprintf(run, sizeof(run), "%016" PRIx64, plan->in->run->run);
	vt_json_put_string(j, "run", run);
	vt_json_put_string(j, "file", plan->in->name);
	vt_json_put_u64(j, "from_ns", v->from);
	vt_json_put_u64(j, "length_ns", v->until > v->from ? v->until - v->from : 0);
	if (plan->step > 0)
		vt_json_put_u64(j, "step_ns", plan->step);
	vt_json_open(j, "by", '[');
	for (unsigned i = 0; i < plan->key_count; i++)
		vt_json_put_string(j, NULL, plan->keys[i].name);
	vt_json_close(j, ']');
	vt_json_put_float(j, "percentile_error", 1.0 / (2u << VT_HISTOGRAM_STEP_BITS));
	vt_json_put_u64(j, "events", v->stats->events);
	vt_json_put_u64(j, "events_without_field", v->stats->without);
}

static void put_losses(struct vt_json *j, const struct vt_stats_view *v)
{
	const struct vt_coverage *c = v->coverage;
	char number[8];

	vt_json_put_u64(j, "lost", c->lost_all);
	vt_json_open(j, "lost_by_category", '{');
	for (unsigned i = 0; i < VT_MAX_CATEGORIES; i++) {
		const char *name = vt_category_name(v->stats->plan->in->run, i);
		snprintf(number, sizeof(number), "#%u", i);
		if (c->lost[i] > 0)
			vt_json_put_u64(j, name ? name : number, c->lost[i]);
	}
	vt_json_close(j, '}');
	vt_json_put_u64(j, "lived_ns", c->lived);
	vt_json_put_u64(j, "covered_ns", c->covered);
}

static void put_spans(struct vt_json *j, const struct vt_stats *s)
{
	vt_json_open(j, "spans_not_timed", '{');
	vt_json_put_u64(j, "open", s->open);
	vt_json_put_u64(j, "gap_before_end", s->forgotten);
	vt_json_put_u64(j, "without_end", s->without_end);
	vt_json_put_u64(j, "too_deep", s->deeper);
	vt_json_put_u64(j, "without_begin", s->unmatched_ends);
	vt_json_close(j, '}');
}

void vt_stats_json(const struct vt_stats_view *v, struct vt_sink *out)
{
	struct vt_json j = { .out = out, .compact = true };
	const struct vt_stats *s = v->stats;

	vt_json_open(&j, NULL, '{');
	put_head(&j, v);
	put_losses(&j, v);
	put_spans(&j, s);
	vt_json_put_u64(&j, "groups", v->groups);
	vt_json_put_bool(&j, "groups_complete", !s->ended);
	vt_json_open(&j, "rows", '[');
	for (size_t i = 0; i < v->row_count; i++)
		put_row(&j, v, &v->rows[i]);
	vt_json_close(&j, ']');
	if (s->others) {
		vt_json_open(&j, "others", '{');
		put_figures(&j, v, s->others, s->plan->step > 0 ? 0 : vt_stats_length(v, 0));
		vt_json_close(&j, '}');
	}
	vt_json_close(&j, '}');
	vt_sink_char(out, '\n');
}
