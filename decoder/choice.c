/* choice.c - filter options to a filter of the reader. */
#include "decoder/choice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <valktrace/error.h>

#include "decoder/cmd.h"
#include "decoder/names.h"
#include "decoder/out.h"
#include "decoder/process_text.h"
#include "decoder/units.h"
#include "decoder/why.h"

static int parse_ids(const struct vt_list *list, const char *option, uint32_t *ids)
{
	if (list->count > VT_MAX_IDS)
		return vt_usage("--%s: at most %u ids", option, VT_MAX_IDS);
	for (unsigned i = 0; i < list->count; i++) {
		uint64_t id;
		if (vt_parse_u64(list->items[i], &id) || id > UINT32_MAX)
			return vt_usage("--%s '%s' is not a number", option, list->items[i]);
		ids[i] = (uint32_t)id;
	}
	return VT_EXIT_OK;
}

int vt_choice_time(const struct vt_input *in, const char *option, const char *text, uint64_t *ns)
{
	uint64_t end = vt_reader_ns(in->reader, in->run->last), value;

	if (*text == '-') {
		if (vt_parse_duration(text + 1, &value) == 0) {
			*ns = value < end ? end - value : 0;
			return VT_EXIT_OK;
		}
	} else if (vt_parse_duration(text + (*text == '+'), &value) == 0) {
		*ns = value;
		return VT_EXIT_OK;
	} else if (vt_parse_utc(text, &value) == 0) {
		*ns = value > in->run->realtime ? value - in->run->realtime : 0;
		return VT_EXIT_OK;
	}
	return vt_usage("--%s '%s' is not a time such as 1.5s, -2s (before the end) or "
	                "2026-11-21T11:40:02Z", option, text);
}

int vt_choice_at(const char *text, int64_t *record)
{
	uint64_t number;

	*record = 0;
	if (*text != '#')
		return VT_EXIT_OK;
	if (vt_parse_u64(text + 1, &number))
		return vt_usage("--at '%s' is not the number of a record, such as '#1'", text);
	if (number == 0 || number > INT64_MAX)
		return vt_usage("--at: records are numbered from 1");
	*record = (int64_t)number;
	return VT_EXIT_OK;
}

/* ---- --where ------------------------------------------------------------------------------- */

static const struct vt_field_desc *find_field(const struct vt_run_info *run, const char *name)
{
	for (unsigned p = 0; p < run->process_count; p++) {
		const struct vt_schema *schema = run->processes[p]->schema;
		for (unsigned id = 0; id < schema->event_limit; id++) {
			const struct vt_event_desc *desc = schema->events[id];
			for (unsigned f = 0; desc && f < desc->count; f++)
				if (strcmp(desc->fields[f].name, name) == 0)
					return &desc->fields[f];
		}
	}
	return NULL;
}

static bool parse_number(const struct vt_field_desc *field, const char *text, int64_t *number)
{
	bool negative = *text == '-';
	uint64_t v;
	const char *digits = text + negative;

	if (field && field->kind == VT_KIND_BOOL && (!strcmp(text, "true") || !strcmp(text, "false"))) {
		*number = *text == 't';
		return true;
	}
	bool plain = vt_parse_u64(digits, &v) == 0;
	if (!plain && (field && field->unit == VT_UNIT_BYTES ? vt_parse_size(digits, &v)
	                                                     : vt_parse_duration(digits, &v)))
		return false;
	if (v > INT64_MAX)
		return false;
	*number = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

static char *strip(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* Splits 'FIELD OP VALUE' in place. */
static bool split_condition(char *text, char **field, enum vt_compare *op, char **value)
{
	static const struct { const char *text; enum vt_compare op; } ops[] = {
		{ "==", VT_EQ }, { "!=", VT_NE }, { "<=", VT_LE }, { ">=", VT_GE },
		{ "=", VT_EQ }, { "<", VT_LT }, { ">", VT_GT },
	};
	char *at = text + strcspn(text, "=!<>");

	for (unsigned i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t n = strlen(ops[i].text);
		if (strncmp(at, ops[i].text, n) != 0)
			continue;
		*op = ops[i].op;
		*value = strip(at + n);
		*at = '\0';
		*field = strip(text);
		return **field && **value;
	}
	return false;
}

/* Split once, but understood for each run: its fields tell what a value means. */
static int parse_condition(const struct vt_input *in, char *text, const char **split,
                           struct vt_condition *c)
{
	char *first, *second;

	if (!*split) {
		if (!split_condition(text, &first, &c->op, &second))
			return vt_usage("--where '%s' is not FIELD OP VALUE with OP one of = != < <= > >=",
			                text);
		c->field = first;
		*split = second;
	}
	const char *field = c->field, *value = *split;
	c->string = NULL;
	const struct vt_field_desc *desc = find_field(in->run, field);
	bool is_text = desc && (desc->kind == VT_KIND_STRING || desc->kind == VT_KIND_TEXT);
	if (!is_text && parse_number(desc, value, &c->number))
		return VT_EXIT_OK;
	if (desc && !is_text && desc->kind != VT_KIND_ENUM)
		return vt_usage("--where: '%s' is not a %s, which is what '%s' is compared with", value,
		                desc->unit == VT_UNIT_NS ? "duration (such as 1ms)"
		                : desc->unit == VT_UNIT_BYTES ? "size (such as 64K)" : "number", field);
	c->string = value;
	return VT_EXIT_OK;
}

/* ---- unknown names ------------------------------------------------------------------------- */

struct name_set {
	const char **items;
	size_t count;
	bool failed;
};

static void add_name(struct name_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i], name) == 0)
			return;
	const char **items = realloc(set->items, (set->count + 1) * sizeof(*items));
	if (!items) {
		set->failed = true;
		return;
	}
	set->items = items;
	items[set->count++] = name;
}

/* The category in front of the dot of "gc.ned", if there is one; else all of them. */
static bool is_asked(const struct vt_schema *schema, const struct vt_event_desc *desc, const char *given)
{
	const char *dot = strrchr(given, '.'), *name;
	bool known = false;

	for (unsigned id = 0; dot && id < VT_MAX_CATEGORIES; id++) {
		name = schema->categories[id].name;
		bool same = name && strlen(name) == (size_t)(dot - given) && strncmp(name, given, strlen(name)) == 0;
		known |= same;
		if (same && id == desc->category)
			return true;
	}
	return !known;
}

static void add_schema_names(struct name_set *set, const struct vt_schema *schema, int err,
                             const char *given)
{
	if (err == -VT_E_UNKNOWN_CATEGORY) {
		for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++)
			if (schema->categories[id].name)
				add_name(set, schema->categories[id].name);
		return;
	}
	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];
		if (desc && err == -VT_E_UNKNOWN_EVENT && is_asked(schema, desc, given))
			add_name(set, desc->name);
		for (unsigned f = 0; desc && err == -VT_E_UNKNOWN_FIELD && f < desc->count; f++)
			add_name(set, desc->fields[f].name);
	}
}

/* "; did you mean 'x'? valid: ..." behind what is unknown. Empties the set. */
static int suggest(struct name_set *set, const char *what, const char *given, const char *plain)
{
	const char *nearest = vt_name_nearest(plain, set->items, set->count);
	struct vt_sink line;

	if (vt_sink_memory(&line))
		return VT_EXIT_FAILURE;
	if (nearest) {
		vt_sink_string(&line, "; did you mean '");
		vt_sink_bytes(&line, given, (size_t)(plain - given));
		vt_sink_escaped(&line, nearest, strlen(nearest), VT_ESCAPE_ALL);
		vt_sink_char(&line, '\'');
		vt_sink_char(&line, '?');
	}
	vt_sink_string(&line, nearest ? " valid:" : "; valid:");
	for (size_t i = 0; i < set->count; i++) {
		vt_sink_char(&line, ' ');
		vt_sink_escaped(&line, set->items[i], strlen(set->items[i]), VT_ESCAPE_ALL);
	}
	int code = vt_usage("unknown %s '%s'%s", what, given, vt_sink_text(&line));
	vt_sink_discard(&line);
	free(set->items);
	return code;
}

static int unknown_name(const struct vt_input *in, int err, const char *given)
{
	struct name_set set = { NULL, 0, false };
	const char *what = err == -VT_E_UNKNOWN_CATEGORY ? "category"
	                   : err == -VT_E_UNKNOWN_EVENT ? "event" : "field";
	/* "gc.ned": the nearest event name is looked for behind the dot. */
	const char *dot = err == -VT_E_UNKNOWN_EVENT ? strrchr(given, '.') : NULL;

	for (unsigned i = 0; i < in->run->process_count; i++)
		add_schema_names(&set, in->run->processes[i]->schema, err, given);
	if (in->run->process_count == 0)
		add_schema_names(&set, vt_schema_builtin(), err, given);
	return suggest(&set, what, given, dot ? dot + 1 : given + (*given == '!'));
}

bool vt_choice_has_field(const struct vt_input *in, const char *name)
{
	return find_field(in->run, name) != NULL;
}

int vt_choice_unknown_key(const struct vt_input *in, const char *given, const char *const *words)
{
	struct name_set set = { NULL, 0, false };

	for (; *words; words++)
		add_name(&set, *words);
	for (unsigned i = 0; i < in->run->process_count; i++)
		add_schema_names(&set, in->run->processes[i]->schema, -VT_E_UNKNOWN_FIELD, given);
	return suggest(&set, "key of --by", given, given);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int fill_filter(struct vt_choice *s, const struct vt_input *in)
{
	struct vt_filter *f = &s->filter;
	int code = parse_ids(&s->tids, "tid", s->ids);

	*f = (struct vt_filter){
		.size = sizeof(*f),
		.categories = (const char *const *)s->categories.items,
		.category_count = s->categories.count,
		.events = (const char *const *)s->events.items,
		.event_count = s->events.count,
		.tids = s->ids, .tid_count = s->tids.count,
		.pids = s->ids + VT_MAX_IDS, .pid_count = s->pids.count,
		.thread = s->thread,
		.since_set = s->since, .until_set = s->until,
		.min_duration_ns = s->min_duration,
		.where = s->conditions, .where_count = s->where.count,
	};
	if (!code)
		code = parse_ids(&s->pids, "pid", s->ids + VT_MAX_IDS);
	if (!code && s->since)
		code = vt_choice_time(in, "since", s->since, &f->since_ns);
	if (!code && s->until)
		code = vt_choice_time(in, "until", s->until, &f->until_ns);
	if (!code && s->where.count > VT_MOST_CONDITIONS)
		code = vt_usage("--where: at most %u conditions", VT_MOST_CONDITIONS);
	for (unsigned i = 0; !code && i < s->where.count; i++)
		code = parse_condition(in, s->where.items[i], &s->values[i], &s->conditions[i]);
	return code;
}

int vt_choice_apply_known(struct vt_choice *s, const struct vt_input *in, bool *unknown)
{
	const char *name = "";
	int code = fill_filter(s, in);

	if (code)
		return code;
	int err = vt_reader_select(in->reader, &s->filter, &name);
	bool is_name = err == -VT_E_UNKNOWN_CATEGORY || err == -VT_E_UNKNOWN_EVENT ||
	               err == -VT_E_UNKNOWN_FIELD;
	if (unknown)
		*unknown = is_name;
	if (is_name)
		return unknown ? VT_EXIT_OK : unknown_name(in, err, name);
	return err < 0 ? vt_input_failed(in, err) : VT_EXIT_OK;
}

int vt_choice_apply(struct vt_choice *s, const struct vt_input *in)
{
	return vt_choice_apply_known(s, in, NULL);
}

static void append_present(struct vt_sink *line, const struct vt_run_info *run)
{
	const char *before = " ";

	for (unsigned c = 0; c < VT_MAX_CATEGORIES; c++) {
		const char *name = run->decoded[c] ? vt_category_name(run, c) : NULL;
		if (run->decoded[c] == 0)
			continue;
		vt_sink_string(line, before);
		if (name)
			vt_sink_escaped(line, name, strlen(name), VT_ESCAPE_ALL);
		else
			vt_sink_printf(line, "#%u", c);
		vt_sink_string(line, " (");
		vt_sink_upto(line, vt_num_grouped(vt_sink_room(line, VT_NUM_MAX), run->decoded[c]));
		vt_sink_char(line, ')');
		before = ", ";
	}
	if (vt_decoded_all(run) > 0)
		return;
	const struct vt_process_info *p = vt_main_process(run);
	const char *untraced = p ? vt_fact_value(p, "untraced") : NULL;
	vt_sink_string(line, " no events at all");
	if (untraced) {
		vt_sink_string(line, ": ");
		vt_put_name(line, untraced);
	}
}

/* The categories asked for, whether by their own name or by that of an event. */
static void append_missing(struct vt_sink *line, const struct vt_list *names,
                           const struct vt_input *in)
{
	for (unsigned i = 0; i < names->count; i++) {
		const char *name = names->items[i];
		size_t n = strcspn(name, ".");
		for (unsigned c = 0; c < VT_MAX_CATEGORIES && *name != '!'; c++) {
			const char *known = vt_category_name(in->run, c);
			if (!known || strlen(known) != n || strncmp(known, name, n) != 0 ||
			    in->run->decoded[c] > 0)
				continue;
			vt_sink_string(line, "; ");
			vt_sink_escaped(line, known, strlen(known), VT_ESCAPE_ALL);
			vt_sink_string(line, ": ");
			vt_why_no_events(line, in, c);
		}
	}
}

void vt_choice_explain_nothing(const struct vt_choice *s, const struct vt_input *in)
{
	struct vt_sink line;

	if (vt_sink_memory(&line))
		return;
	append_present(&line, in->run);
	append_missing(&line, &s->categories, in);
	append_missing(&line, &s->events, in);
	vt_remark("%s%snothing matched; the log has%s", in->run_digits ? in->name : "",
	          in->run_digits ? ": " : "", vt_sink_text(&line));
	vt_sink_discard(&line);
}
