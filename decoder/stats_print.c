/* stats_print.c - the rows as a table: how much first, how it is spread below. */
#include <string.h>

#include "decoder/export.h"
#include "decoder/process_text.h"
#include "decoder/stats.h"
#include "decoder/units.h"

#define NAME_WIDTH 27u
#define LINE_WIDTH 79u
#define LONGEST_NS 99999500000000u      /* more is written in days */

static const uint8_t widths[] = { 11, 9, 8, 8, 8, 8 };
static const char *const amounts[] = { "count", "rate/s", "total", "mean", "min", "max" };
static const char *const spread[] = { "timed", "p50", "p90", "p99", "p99.9" };
#define AMOUNTS (sizeof(amounts) / sizeof(*amounts))
#define SPREAD  (sizeof(spread) / sizeof(*spread))

/* ---- cells ----------------------------------------------------------------------------------- */

static void put_right(struct vt_sink *out, const char *text, size_t n, unsigned column)
{
	vt_sink_blanks(out, n < widths[column] ? widths[column] - n : 1);
	vt_sink_bytes(out, text, n);
}

static void put_none(struct vt_sink *out, unsigned column)
{
	put_right(out, "-", 1, column);
}

static void put_count(struct vt_sink *out, uint64_t v, unsigned column)
{
	char text[VT_NUM_MAX];

	put_right(out, text, (size_t)(vt_num_grouped(text, v) - text), column);
}

static void put_time(struct vt_sink *out, uint64_t ns, unsigned column)
{
	char text[VT_NUM_MAX], *p = text;

	if (ns < LONGEST_NS) {
		p = vt_num_ns(p, ns);
	} else {
		p = vt_num_u64(p, ns / 86400000000000u);
		*p++ = 'd';
	}
	put_right(out, text, (size_t)(p - text), column);
}

/*
 * Three digits where there is a fraction, else whole; from ten million on in M, then G. Nothing if
 * it is absurd.
 */
static char *rate_text(char *p, uint64_t count, uint64_t length)
{
	vt_u128 scaled = (vt_u128)count * 100000000000u + length / 2;
	vt_u128 hundredths = length > 0 ? scaled / length : 0;
	uint64_t v = (uint64_t)hundredths, whole = v / 100;
	bool giga = whole >= 1000000000000u;

	if (length == 0 || hundredths > (vt_u128)100000000000000000u)
		return p;
	if (v > 0 && v < 1000) {
		p = vt_num_u64(p, whole);
		*p++ = '.';
		return vt_num_pair(p, (unsigned)(v % 100));
	}
	if (v > 0 && v < 100000) {
		v = (v + 5) / 10;
		p = vt_num_u64(p, v / 10);
		*p++ = '.';
		*p++ = (char)('0' + v % 10);
		return p;
	}
	if (whole < 10000000)
		return vt_num_grouped(p, (v + 50) / 100);
	p = vt_num_grouped(p, giga ? (whole + 500000000) / 1000000000 : (whole + 500000) / 1000000);
	*p++ = giga ? 'G' : 'M';
	return p;
}

static void put_rate(struct vt_sink *out, uint64_t count, uint64_t length, unsigned column)
{
	char text[VT_NUM_MAX];
	size_t n = (size_t)(rate_text(text, count, length) - text);

	if (n == 0)
		put_none(out, column);
	else
		put_right(out, text, n, column);
}

/* Digits behind the point that stretches of time need to be told apart. */
static unsigned decimals_of(const struct vt_stats_plan *plan)
{
	unsigned decimals = 9;
	uint64_t unit = 10;

	while (decimals > 0 && plan->step % unit == 0 && plan->origin % unit == 0) {
		unit *= 10;
		decimals--;
	}
	return decimals;
}

static void put_value(struct vt_sink *out, const struct vt_stats_value *v)
{
	char *p = vt_sink_room(out, VT_NUM_MAX);
	double real;

	switch (v->tag) {
	case VT_STATS_ABSENT:
		vt_sink_char(out, '-');
		return;
	case VT_STATS_BOOL:
		vt_sink_string(out, v->number ? "true" : "false");
		return;
	case VT_STATS_TEXT:
		vt_sink_escaped(out, v->text, v->number, VT_ESCAPE_ALL);
		return;
	case VT_STATS_FLOAT:
		memcpy(&real, &v->number, sizeof(real));
		p = vt_num_float(p, real);
		break;
	case VT_STATS_INT:
		p = vt_num_i64(p, (int64_t)v->number);
		break;
	default:
		p = vt_num_u64(p, v->number);
	}
	/* Exact, or two values would look the same. */
	if (v->unit == VT_UNIT_NS || v->unit == VT_UNIT_BYTES) {
		memcpy(p, v->unit == VT_UNIT_NS ? "ns" : "B", 2);
		p += v->unit == VT_UNIT_NS ? 2 : 1;
	}
	vt_sink_upto(out, p);
}

static void row_name(struct vt_sink *name, const struct vt_stats_view *v,
                     const struct vt_stats_row *row)
{
	const struct vt_stats_plan *plan = v->stats->plan;

	name->used = 0;
	if (plan->step > 0) {
		vt_put_seconds(name, plan->origin + row->step * plan->step, decimals_of(plan));
		if (vt_stats_hidden(v, row->step))
			vt_sink_char(name, '*');
	}
	for (unsigned i = 0; i < plan->key_count && row->group; i++) {
		if (name->used > 0)
			vt_sink_char(name, ' ');
		put_value(name, &row->group->key[i]);
	}
	if (name->used == 0)
		vt_sink_string(name, "all");
}

/* A name that is too long stands in a line of its own. */
static void put_name(struct vt_sink *out, const struct vt_sink *name)
{
	if (name->used < NAME_WIDTH) {
		vt_sink_bytes(out, name->buffer, name->used);
		vt_sink_blanks(out, NAME_WIDTH - name->used);
		return;
	}
	vt_sink_bytes(out, name->buffer, name->used <= LINE_WIDTH ? name->used : LINE_WIDTH - 1);
	if (name->used > LINE_WIDTH)
		vt_sink_char(out, '~');
	vt_sink_char(out, '\n');
	vt_sink_blanks(out, NAME_WIDTH);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void put_amounts(struct vt_sink *out, const struct vt_stats_group *g, uint64_t length)
{
	bool timed = g && g->timed > 0, all = timed && g->sum < UINT64_MAX;

	put_count(out, g ? g->count : 0, 0);
	put_rate(out, g ? g->count : 0, length, 1);
	if (all)
		put_time(out, g->sum, 2);
	else
		put_none(out, 2);
	if (all)
		put_time(out, g->sum / g->timed, 3);
	else
		put_none(out, 3);
	for (unsigned i = 4; i < AMOUNTS; i++) {
		if (timed)
			put_time(out, i == 4 ? g->least : g->most, i);
		else
			put_none(out, i);
	}
}

static void put_spread(struct vt_sink *out, const struct vt_stats_view *v,
                       const struct vt_stats_group *g)
{
	static const uint16_t parts[] = { 500, 900, 990, 999 };

	put_count(out, g->timed, 0);
	for (unsigned i = 1; i < SPREAD; i++)
		put_time(out, vt_stats_percentile(v, g, parts[i - 1], 1000), i);
}

static void put_row(struct vt_sink *out, const struct vt_stats_view *v,
                    const struct vt_stats_row *row, struct vt_sink *name)
{
	/* What a gap hid, or what was folded away, is not nothing. */
	bool unknown = !row->group && (v->stats->ended || vt_stats_hidden(v, row->step));

	row_name(name, v, row);
	put_name(out, name);
	for (unsigned i = 0; i < AMOUNTS && unknown; i++)
		put_none(out, i);
	if (!unknown)
		put_amounts(out, row->group, vt_stats_length(v, row->step));
	vt_sink_char(out, '\n');
}

static void put_heading(struct vt_sink *out, const struct vt_sink *title,
                        const char *const *columns, size_t count)
{
	bool wide = title->used > NAME_WIDTH;

	vt_sink_char(out, '\n');
	vt_sink_role(out, VT_ROLE_HEADING);
	vt_sink_bytes(out, title->buffer, title->used <= LINE_WIDTH ? title->used : LINE_WIDTH);
	if (wide)
		vt_sink_char(out, '\n');
	vt_sink_blanks(out, wide ? NAME_WIDTH : NAME_WIDTH - title->used);
	for (unsigned i = 0; i < count; i++)
		put_right(out, columns[i], strlen(columns[i]), i);
	vt_sink_role(out, VT_ROLE_END);
	vt_sink_char(out, '\n');
}

static void put_title(struct vt_sink *title, const struct vt_stats_plan *plan)
{
	title->used = 0;
	vt_sink_string(title, "--- ");
	if (plan->step > 0 || plan->key_count > 0)
		vt_sink_string(title, "By ");
	else
		vt_sink_string(title, "All");
	if (plan->step > 0)
		vt_sink_string(title, plan->key_count > 0 ? "time, " : "time");
	for (unsigned i = 0; i < plan->key_count; i++) {
		const char *key = plan->keys[i].name;
		vt_sink_string(title, i > 0 ? ", " : "");
		vt_sink_escaped(title, key, strlen(key), VT_ESCAPE_ALL);
	}
	vt_sink_string(title, " ---");
}

static const struct vt_stats_group *timed_others(const struct vt_stats_view *v)
{
	return v->stats->others && v->stats->others->timed > 0 ? v->stats->others : NULL;
}

static void put_tables(struct vt_sink *out, const struct vt_stats_view *v, struct vt_sink *name)
{
	const struct vt_stats_group *others = v->stats->others;
	bool any = timed_others(v) != NULL;

	put_title(name, v->stats->plan);
	put_heading(out, name, amounts, AMOUNTS);
	for (size_t i = 0; i < v->row_count; i++) {
		put_row(out, v, &v->rows[i], name);
		any |= v->rows[i].group && v->rows[i].group->timed > 0;
	}
	name->used = 0;
	vt_sink_string(name, "(others)");
	if (others) {
		put_name(out, name);
		put_amounts(out, others, v->stats->plan->step > 0 ? 0 : vt_stats_length(v, 0));
		vt_sink_char(out, '\n');
	}
	if (!any)
		return;
	name->used = 0;
	vt_sink_string(name, "--- Percentiles " VT_HISTOGRAM_ERROR " ---");
	put_heading(out, name, spread, SPREAD);
	for (size_t i = 0; i < v->row_count; i++) {
		if (!v->rows[i].group || v->rows[i].group->timed == 0)
			continue;
		row_name(name, v, &v->rows[i]);
		put_name(out, name);
		put_spread(out, v, v->rows[i].group);
		vt_sink_char(out, '\n');
	}
	name->used = 0;
	vt_sink_string(name, "(others)");
	if (timed_others(v)) {
		put_name(out, name);
		put_spread(out, v, others);
		vt_sink_char(out, '\n');
	}
}

/* ---- what stands around them ----------------------------------------------------------------- */

static void put_head(struct vt_sink *out, const struct vt_stats_view *v, struct vt_sink *name)
{
	const struct vt_input *in = v->stats->plan->in;
	const char *slash = strrchr(in->name, '/');
	uint64_t length = v->until > v->from ? v->until - v->from : 0;
	char text[VT_NUM_MAX];

	name->used = 0;
	vt_run_column(name, in);
	vt_put_name(name, slash && slash[1] ? slash + 1 : in->name);
	vt_sink_string(name, "  ");
	if (name->used > 30) {
		name->used -= 2;
		vt_sink_char(name, '\n');
	}
	vt_sink_bytes(out, name->buffer, name->used);
	vt_put_grouped(out, v->stats->events);
	vt_sink_string(out, " events in ");
	vt_put_seconds(out, length, 3);
	vt_sink_string(out, " s");
	if (v->from > 0) {
		vt_sink_string(out, " from ");
		vt_put_seconds(out, v->from, 3);
	}
	char *end = rate_text(text, v->stats->events, length);
	if (end > text) {
		vt_sink_string(out, ", ");
		vt_sink_bytes(out, text, (size_t)(end - text));
		vt_sink_string(out, "/s");
	}
	vt_sink_char(out, '\n');
}

/* As many categories as the line has room for. */
static void put_lost_of(struct vt_sink *out, const struct vt_stats_view *v, size_t line,
                        struct vt_sink *one)
{
	const char *before = ": ";

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *name = vt_category_name(v->stats->plan->in->run, c);
		if (v->coverage->lost[c] == 0)
			continue;
		one->used = 0;
		if (name)
			vt_sink_escaped(one, name, strnlen(name, VT_MAX_NAME), VT_ESCAPE_ALL);
		else
			vt_sink_printf(one, "#%u", c);
		vt_sink_char(one, ' ');
		vt_put_grouped(one, v->coverage->lost[c]);
		vt_sink_string(out, before);
		if (out->used - line + one->used + strlen(", ...") > LINE_WIDTH) {
			vt_sink_string(out, "...");
			return;
		}
		vt_sink_bytes(out, one->buffer, one->used);
		before = ", ";
	}
}

static void put_coverage(struct vt_sink *out, const struct vt_stats_view *v, struct vt_sink *spare)
{
	const struct vt_coverage *c = v->coverage;
	const struct vt_run_info *run = v->stats->plan->in->run;
	bool bad = c->lost_all > 0 || run->damaged || run->parts_missing > 0;
	size_t line = out->used;

	line += vt_sink_role(out, bad ? VT_ROLE_BAD : VT_ROLE_GOOD);
	vt_sink_string(out, run->damaged ? "DAMAGED" : bad ? "INCOMPLETE" : "complete");
	line += vt_sink_role(out, VT_ROLE_END);
	vt_sink_string(out, ": ");
	if (run->parts_missing > 0)
		vt_sink_printf(out, "%u part%s missing, ", run->parts_missing,
		               run->parts_missing > 1 ? "s" : "");
	vt_put_grouped(out, c->lost_all);
	vt_sink_string(out, " lost, coverage ");
	if (c->lived > 0)
		vt_put_percent(out, c->covered, c->lived);
	else
		vt_sink_string(out, c->lost_all > 0 ? "0 %" : "100 %");
	put_lost_of(out, v, line, spare);
	vt_sink_char(out, '\n');
}

static void put_remark(struct vt_sink *out, const char *before, uint64_t count, const char *text)
{
	if (count == 0)
		return;
	vt_sink_string(out, before);
	vt_put_grouped(out, count);
	vt_sink_string(out, text);
}

static void put_without(struct vt_sink *out, const struct vt_stats *s)
{
	const struct vt_stats_plan *plan = s->plan;
	const char *before = "";

	put_remark(out, "no field  ", s->without, " without ");
	for (unsigned i = 0; i < plan->key_count && s->without > 0; i++) {
		if (plan->keys[i].by != VT_BY_FIELD)
			continue;
		vt_sink_string(out, before);
		const char *key = plan->keys[i].name;
		vt_sink_escaped(out, key, strnlen(key, 16), VT_ESCAPE_ALL);
		before = " or ";
	}
	vt_sink_string(out, s->without > 0 ? ": left out\n" : "");
}

static bool any_hidden(const struct vt_stats_view *v)
{
	for (size_t i = 0; i < v->row_count; i++)
		if (v->stats->plan->step > 0 && vt_stats_hidden(v, v->rows[i].step))
			return true;
	return false;
}

static bool any_saturated(const struct vt_stats_view *v)
{
	for (size_t i = 0; i < v->row_count; i++)
		if (v->rows[i].group && v->rows[i].group->sum == UINT64_MAX)
			return true;
	return v->stats->others && v->stats->others->sum == UINT64_MAX;
}

/* More time than there was: it is that of calls and of what they call. */
static bool any_nested(const struct vt_stats_view *v)
{
	for (size_t i = 0; i < v->row_count; i++) {
		const struct vt_stats_group *g = v->rows[i].group;
		if (v->stats->plan->paired && g && g->sum > v->coverage->lived)
			return true;
	}
	return false;
}

static const char others_text[] =
	"(others): more groups than memory is given. Those with the most events, about,\n"
	"          have rows, which are whole; filters or another --by make fewer\n";
static const char hidden_text[] =
	"*         something was lost then: the numbers are of what is left\n";
static const char nested_text[] =
	"total     counts nested spans each: see summary --functions for their own time\n";

static void put_remarks(struct vt_sink *out, const struct vt_stats_view *v)
{
	const struct vt_stats *s = v->stats;

	put_remark(out, "and ", v->groups - v->row_count, " more: --top 0 shows all\n");
	if (s->ended)
		vt_sink_string(out, others_text);
	if (any_hidden(v))
		vt_sink_string(out, hidden_text);
	if (any_saturated(v))
		vt_sink_string(out, "total     beyond 584 years: not shown, nor the mean\n");
	if (any_nested(v))
		vt_sink_string(out, nested_text);
	put_without(out, s);
	put_remark(out, "open      ", s->open, " at the end: counted, not timed\n");
	put_remark(out, "gap       ", s->forgotten,
	           " that may have ended in a gap: counted, not timed\n");
	put_remark(out, "no end    ", s->without_end, " whose end was lost: counted, not timed\n");
	put_remark(out, "too deep  ", s->deeper, " to follow: counted, not timed\n");
	put_remark(out, "no begin  ", s->unmatched_ends,
	           " whose begin was lost, or came before the log: left out\n");
}

void vt_stats_print(const struct vt_stats_view *v, struct vt_sink *out)
{
	struct vt_sink name;

	if (vt_sink_memory(&name)) {
		out->error = name.error;
		return;
	}
	put_head(out, v, &name);
	put_coverage(out, v, &name);
	if (v->row_count > 0 || v->stats->others)
		put_tables(out, v, &name);
	put_remarks(out, v);
	vt_sink_discard(&name);
}
