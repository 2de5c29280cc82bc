/* rule.c - what a rule says: its subject, its operator, its limit; and values as short text. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <valktrace/error.h>

#include "core/rule.h"

const char *const vt_rule_ops[] = { ">", ">=", "<", "<=", "==", "!=" };

static const struct subject {
	const char *name, *help;
	uint8_t over, unit, how;
	uint16_t top, bottom;
} subjects[] = {
#define VT_SUBJECT(name, over, unit, how, top, bottom, help) \
	{ name, help, VT_OVER_##over, VT_RULE_##unit, VT_HOW_##how, VT_M_##top, VT_M_##bottom },
#include "core/subjects.def"
};
enum { SUBJECTS = sizeof(subjects) / sizeof(*subjects) };

const char *vt_rule_subject(size_t i)
{
	return i < SUBJECTS ? subjects[i].name : NULL;
}

const char *vt_rule_subject_help(size_t i)
{
	return i < SUBJECTS ? subjects[i].help : NULL;
}

/* ---- subjects -------------------------------------------------------------------------------------- */

static bool named_subject(struct vt_rule *r, const struct vt_schema *schema)
{
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *s = &subjects[i];
		if (strcmp(s->name, r->name) != 0)
			continue;
		r->over = s->over;
		r->unit = s->unit;
		r->how = s->how;
		r->metrics[0] = s->top;
		r->metric_count = 1;
		r->bottom = s->bottom;
		r->source = s->over == VT_OVER_LOSS ? VT_MAX_SOURCES : schema->metrics[s->top].source;
		/* Where the longest pause was is told by its event; percentiles come from nothing else. */
		if (s->over == VT_OVER_EVENTS || s->top == VT_M_gc_pause_max)
			strcpy(r->event, "gc.pause_end");
		return true;
	}
	return false;
}

/* Of the first metric: the others of its family are alike. */
static bool take_kind(struct vt_rule *r, const struct vt_metric_desc *m, bool rate)
{
	static const struct { uint8_t unit; double scale; } units[] = {
		[VT_UNIT_NONE] = { VT_RULE_COUNT, 1 }, [VT_UNIT_NS] = { VT_RULE_NS, 1 },
		[VT_UNIT_BYTES] = { VT_RULE_BYTES, 1 }, [VT_UNIT_MILLI] = { VT_RULE_COUNT, 0.001 },
		[VT_UNIT_PPM] = { VT_RULE_PERCENT, 0.0001 },
	};
	uint8_t unit = m->unit <= VT_UNIT_LAST ? m->unit : VT_UNIT_NONE;

	r->unit = units[unit].unit;
	r->scale = units[unit].scale;
	r->source = m->source;
	r->largest = m->kind == VT_METRIC_MAX;
	r->over = m->kind == VT_METRIC_GAUGE ? VT_OVER_MOMENT : VT_OVER_TOTAL;
	r->how = VT_HOW_VALUE;
	r->bottom = r->metrics[0];
	if (!rate)
		return true;
	/* Seconds a second are a share. */
	r->over = VT_OVER_INTERVAL;
	r->how = unit == VT_UNIT_NS ? VT_HOW_SHARE : VT_HOW_RATE;
	r->unit = unit == VT_UNIT_NS ? VT_RULE_PERCENT : r->unit;
	return m->kind == VT_METRIC_COUNTER || m->kind == VT_METRIC_BUCKET;
}

/* 0: no such metric; negative: it has no rate. */
static int metric_subject(struct vt_rule *r, const struct vt_schema *schema)
{
	size_t length = strlen(r->name);
	bool rate = length > 2 && strcmp(r->name + length - 2, "/s") == 0;

	length -= rate ? 2 : 0;
	for (unsigned i = 0; i < VT_MAX_METRICS && r->metric_count < VT_RULE_METRICS; i++) {
		const struct vt_metric_desc *m = &schema->metrics[i];
		bool alone = m->name && strlen(m->name) == length && !memcmp(m->name, r->name, length);
		if (!m->name || !(alone || (m->family && strlen(m->family) == length &&
		                            !memcmp(m->family, r->name, length))))
			continue;
		r->metric_count = alone ? 0 : r->metric_count;
		r->metrics[r->metric_count++] = (uint16_t)i;
		if (r->metric_count == 1 && !take_kind(r, m, rate))
			return -1;
		if (alone)
			break;
	}
	return (int)r->metric_count;
}

static const struct { const char *name; uint8_t how; } stats[] = {
	{ "max", VT_HOW_MAX }, { "min", VT_HOW_MIN }, { "mean", VT_HOW_MEAN }, { "p50", VT_HOW_P50 },
	{ "p90", VT_HOW_P90 }, { "p99", VT_HOW_P99 }, { "p999", VT_HOW_P999 }, { "count", VT_HOW_NUMBER },
};

/* The type whose name is the rule's up to its last point. */
static const struct vt_event_desc *find_event(const struct vt_rule *r, size_t length,
                                              const struct vt_schema *schema)
{
	char name[2 * VT_MAX_NAME + 2];

	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *e = schema->events[id];
		const char *category = e && e->category < VT_MAX_CATEGORIES ?
		                       schema->categories[e->category].name : NULL;
		if (!category)
			continue;
		snprintf(name, sizeof(name), "%s.%s", category, e->name);
		if (strlen(name) != length || memcmp(name, r->name, length) != 0)
			continue;
		return e;
	}
	return NULL;
}

/* Of a span the end carries the duration. */
static const struct vt_event_desc *end_of(const struct vt_event_desc *e, const struct vt_schema *schema)
{
	const struct vt_event_desc *end = e->flags & VT_EVENT_BEGIN ? vt_schema_event(schema, e->id + 1u) : NULL;

	return end && end->flags & VT_EVENT_END && end->category == e->category ? end : e;
}

/* 0: no such event; negative: it has no duration. */
static int event_subject(struct vt_rule *r, const struct vt_schema *schema)
{
	const char *stat = strrchr(r->name, '.');

	for (size_t i = 0; stat && i < sizeof(stats) / sizeof(*stats); i++) {
		if (strcmp(stats[i].name, stat + 1) != 0)
			continue;
		const struct vt_event_desc *e = find_event(r, (size_t)(stat - r->name), schema);
		if (!e)
			return 0;
		e = stats[i].how == VT_HOW_NUMBER ? e : end_of(e, schema);
		r->over = VT_OVER_EVENTS;
		r->how = stats[i].how;
		r->unit = r->how == VT_HOW_NUMBER ? VT_RULE_COUNT : VT_RULE_NS;
		r->source = VT_MAX_SOURCES;
		snprintf(r->event, sizeof(r->event), "%s.%s", schema->categories[e->category].name, e->name);
		return e->time < 0 && r->how != VT_HOW_NUMBER ? -1 : 1;
	}
	return 0;
}

static int find_subject(struct vt_rule *r, const struct vt_schema *schema, char *problem, size_t size)
{
	r->scale = 1;
	if (named_subject(r, schema))
		return 0;
	int found = metric_subject(r, schema);
	if (found < 0)
		snprintf(problem, size, "%s: only a counter has a rate", r->name);
	if (found)
		return found < 0 ? -VT_E_OPTION : 0;
	found = event_subject(r, schema);
	if (found < 0)
		snprintf(problem, size, "%s: the event carries no duration, only its .count can be judged",
		         r->name);
	if (found)
		return found < 0 ? -VT_E_OPTION : 0;
	snprintf(problem, size, "unknown subject '%s'", r->name);
	return -VT_E_UNKNOWN_FIELD;
}

/* ---- limits ---------------------------------------------------------------------------------------- */

static const struct { const char *name; uint8_t unit; double factor; } units[] = {
	{ "%", VT_RULE_PERCENT, 1 },
	{ "ns", VT_RULE_NS, 1 }, { "us", VT_RULE_NS, 1e3 }, { "ms", VT_RULE_NS, 1e6 }, { "s", VT_RULE_NS, 1e9 },
	{ "min", VT_RULE_NS, 60e9 },
	{ "", VT_RULE_COUNT, 1 }, { "/s", VT_RULE_COUNT, 1 },
	{ "", VT_RULE_BYTES, 1 }, { "B", VT_RULE_BYTES, 1 },
	{ "K", VT_RULE_BYTES, 1024 }, { "KiB", VT_RULE_BYTES, 1024 },
	{ "M", VT_RULE_BYTES, 1048576 }, { "MiB", VT_RULE_BYTES, 1048576 },
	{ "G", VT_RULE_BYTES, 1073741824 }, { "GiB", VT_RULE_BYTES, 1073741824 },
};

static const char *const wanted_units[] = {
	[VT_RULE_COUNT] = "is a number without a unit", [VT_RULE_PERCENT] = "is a share: write it with %, as 10%",
	[VT_RULE_NS] = "is a time: write it with us, ms or s, as 16ms",
	[VT_RULE_BYTES] = "is a number of bytes: KiB, MiB or GiB, as 64MiB",
};

/*
 * Digits with at most one point, by integers and one division: the same number in every locale, and
 * rounded once. At most 15 digits, which a double holds.
 */
static const char *read_number(const char *at, uint64_t *digits, double *divisor)
{
	unsigned count = 0;
	bool point = false;

	*digits = 0;
	*divisor = 1;
	for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		*digits = 10 * *digits + (uint64_t)(*at - '0');
		*divisor *= point ? 10 : 1;
		if (++count > 15)
			return NULL;
	}
	return count > 0 ? at : NULL;
}

static int find_limit(struct vt_rule *r, const char *at, char *problem, size_t size)
{
	uint64_t digits;
	double divisor;
	const char *end = read_number(at, &digits, &divisor);

	if (!end) {
		snprintf(problem, size, "'%s' is no number of at most 15 digits; a rule is %s", at, VT_RULE_SYNTAX);
		return -VT_E_OPTION;
	}
	const char *unit = end + strspn(end, " \t");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (units[i].unit != r->unit || strcmp(units[i].name, unit) != 0)
			continue;
		r->written = units[i].factor;
		r->limit = (double)digits * r->written / divisor;
		snprintf(r->limit_text, sizeof(r->limit_text), "%.*s%s%s", (int)(end - at), at,
		         r->unit == VT_RULE_PERCENT ? " " : "", unit);
		return 0;
	}
	snprintf(problem, size, "%s %s", r->name, wanted_units[r->unit]);
	return -VT_E_OPTION;
}

/* ---- a rule ---------------------------------------------------------------------------------------- */

static const char *read_op(const char *at, uint8_t *op)
{
	static const struct { const char *text; uint8_t op; } ops[] = {
		{ ">=", VT_OP_GE }, { ">", VT_OP_GT }, { "<=", VT_OP_LE }, { "<", VT_OP_LT },
		{ "==", VT_OP_EQ }, { "!=", VT_OP_NE }, { "=", VT_OP_EQ },
	};
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t n = strlen(ops[i].text);
		if (strncmp(at, ops[i].text, n) == 0) {
			*op = ops[i].op;
			return at + n;
		}
	}
	return NULL;
}

int vt_rule_parse(struct vt_rule *r, const char *text, const struct vt_schema *schema, char *problem,
                  size_t size)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-#:/";
	char limit[48];
	const char *at = text + strspn(text, " \t");
	size_t length = strspn(at, name_bytes);

	*r = (struct vt_rule){ .source = VT_MAX_SOURCES };
	const char *op = at + length + strspn(at + length, " \t");
	const char *value = length > 0 && length < VT_RULE_TEXT / 2 ? read_op(op, &r->op) : NULL;
	value = value ? value + strspn(value, " \t") : "";
	size_t n = strlen(value);
	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		n--;
	if (n == 0 || n >= sizeof(limit)) {
		snprintf(problem, size, "'%.*s%s' is no rule: %s", 64, text, strlen(text) > 64 ? "..." : "",
		         VT_RULE_SYNTAX);
		return -VT_E_OPTION;
	}
	memcpy(r->name, at, length);
	memcpy(limit, value, n);
	limit[n] = 0;
	int err = find_subject(r, schema, problem, size);
	if (!err)
		err = find_limit(r, limit, problem, size);
	if (!err)
		snprintf(r->text, sizeof(r->text), "%.63s %s %.31s", r->name, vt_rule_ops[r->op], r->limit_text);
	return err;
}

/* ---- values ---------------------------------------------------------------------------------------- */

bool vt_rule_breaks(const struct vt_rule *r, double value)
{
	switch (r->op) {
	case VT_OP_GT:
		return value > r->limit;
	case VT_OP_GE:
		return value >= r->limit;
	case VT_OP_LT:
		return value < r->limit;
	case VT_OP_LE:
		return value <= r->limit;
	default:
		/* Without > and <: a compiler warns of ==, which is meant here. */
		return (value >= r->limit && value <= r->limit) == (r->op == VT_OP_EQ);
	}
}

bool vt_rule_worse(const struct vt_rule *r, double a, double b)
{
	double x = a - r->limit, y = b - r->limit;

	switch (r->op) {
	case VT_OP_GT:
	case VT_OP_GE:
		return a > b;
	case VT_OP_LT:
	case VT_OP_LE:
		return a < b;
	default:
		x = x < 0 ? -x : x;
		y = y < 0 ? -y : y;
		return r->op == VT_OP_EQ ? x < y : x > y;
	}
}

/* `places` decimals of a value that is neither negative nor beyond 2^53, by integers: no locale. */
static void put_decimals(char *to, size_t size, double v, unsigned places)
{
	static const unsigned ones[] = { 1, 10, 100, 1000 };
	uint64_t one = ones[places], n = (uint64_t)(v * (double)one + 0.5);

	if (places == 0)
		snprintf(to, size, "%llu", (unsigned long long)n);
	else
		snprintf(to, size, "%llu.%0*llu", (unsigned long long)(n / one), (int)places,
		         (unsigned long long)(n % one));
}

/* Three digits. */
static void put_three(char *to, size_t size, double v)
{
	put_decimals(to, size, v, v < 9.995 ? 2 : v < 99.95 ? 1 : 0);
}

struct step { double one; const char *suffix; };

static void put_scaled(char to[32], double v, const struct step *steps)
{
	char number[24];

	while (steps[1].suffix && v >= steps[1].one * 0.9995)
		steps++;
	put_three(number, sizeof(number), v / steps->one);
	snprintf(to, 32, "%s%s", number, steps->suffix);
}

char *vt_rule_value(const struct vt_rule *r, double value, char to[32])
{
	static const struct step times[] = { { 1e3, "us" }, { 1e6, "ms" }, { 1e9, "s" }, { 0, NULL } };
	static const struct step sizes[] = { { 1024, "KiB" }, { 1048576, "MiB" }, { 1073741824, "GiB" },
	                                     { 0, NULL } };
	char number[24];
	double v = value > 0 ? value < 9e15 ? value : 9e15 : 0;
	bool whole = v >= (double)(uint64_t)v && v <= (double)(uint64_t)v;

	if (r->unit == VT_RULE_NS && v >= 999.5) {
		put_scaled(to, v, times);
	} else if (r->unit == VT_RULE_BYTES && v >= 1024) {
		put_scaled(to, v, sizes);
	} else if (r->unit == VT_RULE_PERCENT) {
		put_decimals(number, sizeof(number), v, whole ? 0 : v < 0.1 ? 3 : 1);
		snprintf(to, 32, "%s %%", number);
	} else {
		put_decimals(number, sizeof(number), v, whole || v >= 1000 ? 0 : v < 10 ? 2 : 1);
		snprintf(to, 32, "%s%s", number, r->unit == VT_RULE_NS ? "ns" : r->unit == VT_RULE_BYTES ? "B" : "");
	}
	return to;
}
