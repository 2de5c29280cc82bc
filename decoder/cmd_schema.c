/* cmd_schema.c - `valktrace schema`: categories, events, fields, metrics, built in or of a log. */
#include <stdio.h>
#include <string.h>

#include "core/collector.h"
#include "decoder/cmd.h"
#include "decoder/names.h"
#include "decoder/pages.h"
#include "decoder/process_text.h"

struct settings {
	struct vt_list categories;
	const char *output;
	bool metrics, probes, collectors;
};

static const struct vt_opt options[] = {
	{ "category", 'c', VT_OPT_LIST, "NAMES", "only the events of these categories",
	  offsetof(struct settings, categories), 0, .names = vt_names_of_categories },
	{ "metrics", 0, VT_OPT_FLAG, NULL, "only the metrics", offsetof(struct settings, metrics), 0 },
	{ "probes", 0, VT_OPT_FLAG, NULL, "only what record finds in unmodified programs",
	  offsetof(struct settings, probes), 0 },
	{ "collectors", 0, VT_OPT_FLAG, NULL, "only what record samples: --collect switches them",
	  offsetof(struct settings, collectors), 0 },
	{ "output", 'o', VT_OPT_STRING, "FILE", "write to FILE", offsetof(struct settings, output), 0 },
	VT_OPT_END
};

static const struct { const char *name, *source, *help; } probes[] = {
	{ "boehm-gc", "gc", "programs with a shared libgc 7.4 or later: Guile, Bigloo, ECL, Inkscape" },
	{ "lua", "interp", "Lua 5.4: lua5.4 and programs with liblua5.4, only with --category interp" },
	{ "libuv", "loop", "what waits by epoll: libuv, asyncio; Node.js by own counts" },
	{ "libc", "kernel", "library calls: files, processes, signals, sockets ..." },
	{ "heap", "kernel", "malloc and free, only with --category memory" },
};

static void row(struct vt_sink *out, unsigned indent, const char *name, unsigned column,
                const char *kind, unsigned column2, const char *help)
{
	size_t line = out->used;

	vt_sink_blanks(out, indent);
	vt_put_name(out, name);
	vt_sink_blanks(out, 1);
	vt_put_column(out, line, column);
	vt_put_name(out, kind);
	vt_sink_blanks(out, 1);
	vt_put_column(out, line, column2);
	vt_put_name(out, help);
	vt_sink_char(out, '\n');
}

static const char *event_kind(unsigned flags)
{
	if (flags & VT_EVENT_BEGIN)
		return flags & VT_EVENT_BULK ? "begin, bulk" : "begin";
	if (flags & VT_EVENT_END)
		return flags & VT_EVENT_BULK ? "end, bulk" : "end";
	if (flags & VT_EVENT_COMPLETE)
		return flags & VT_EVENT_BULK ? "span, bulk" : "span";
	return flags & VT_EVENT_BULK ? "instant, bulk" : "instant";
}

static const char *field_kind(const struct vt_field_desc *field)
{
	static const char *const names[] = {
		[VT_KIND_UINT] = "number", [VT_KIND_GAUGE] = "number", [VT_KIND_INT] = "signed",
		[VT_KIND_BOOL] = "bool", [VT_KIND_ENUM] = "name", [VT_KIND_STRING] = "string",
		[VT_KIND_FLOAT] = "float", [VT_KIND_TEXT] = "text",
	};
	if (field->unit == VT_UNIT_NS)
		return "ns";
	if (field->unit == VT_UNIT_BYTES)
		return "bytes";
	return field->kind < sizeof(names) / sizeof(*names) && names[field->kind] ? names[field->kind]
	                                                                        : "number";
}

static void print_labels(struct vt_sink *out, const struct vt_enum_desc *of)
{
	vt_sink_blanks(out, 31);
	for (unsigned i = 0; i < of->count; i++) {
		if (!of->labels[i])
			continue;
		vt_sink_char(out, ' ');
		vt_put_name(out, of->labels[i]);
	}
	vt_sink_char(out, '\n');
}

static void print_event(struct vt_sink *out, const struct vt_schema *schema,
                        const struct vt_event_desc *desc)
{
	struct vt_sink name;
	const char *category = schema->categories[desc->category].name;

	if (vt_sink_memory(&name))
		return;
	vt_sink_string(&name, category ? category : "");
	vt_sink_char(&name, '.');
	vt_sink_string(&name, desc->name);
	row(out, 0, vt_sink_text(&name), 22, event_kind(desc->flags), 36, desc->help);
	vt_sink_discard(&name);
	for (unsigned i = 0; i < desc->count; i++) {
		const struct vt_field_desc *field = &desc->fields[i];
		row(out, 2, field->name, 22, field_kind(field), 32, field->help);
		if (field->of)
			print_labels(out, field->of);
	}
}

static bool wanted(const struct settings *set, const char *category)
{
	for (unsigned i = 0; i < set->categories.count; i++)
		if (category && strcmp(set->categories.items[i], category) == 0)
			return true;
	return set->categories.count == 0;
}

static void print_categories(struct vt_sink *out, const struct vt_schema *schema)
{
	vt_sink_string(out, "--- Categories ---\n");
	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++) {
		char number[8];
		if (!schema->categories[id].name)
			continue;
		snprintf(number, sizeof(number), "%u", id);
		row(out, 0, schema->categories[id].name, 14, number, 18, schema->categories[id].help);
	}
	vt_sink_char(out, '\n');
}

static void print_events(struct vt_sink *out, const struct settings *set,
                         const struct vt_schema *schema)
{
	vt_sink_string(out, "--- Events and their fields ---\n");
	for (unsigned id = 0; id < schema->event_limit; id++) {
		const struct vt_event_desc *desc = schema->events[id];
		if (desc && wanted(set, schema->categories[desc->category % VT_MAX_CATEGORIES].name))
			print_event(out, schema, desc);
	}
}

static void print_metrics(struct vt_sink *out, const struct vt_schema *schema)
{
	static const char *const kinds[] = {
		[VT_METRIC_COUNTER] = "counter", [VT_METRIC_GAUGE] = "gauge", [VT_METRIC_MAX] = "gauge",
		[VT_METRIC_BUCKET] = "bucket",
	};

	vt_sink_string(out, "--- Metrics ---\n");
	for (unsigned id = 0; id < VT_MAX_METRICS; id++) {
		const struct vt_metric_desc *m = &schema->metrics[id];
		struct vt_sink name;
		if (!m->name || vt_sink_memory(&name))
			continue;
		vt_sink_string(&name, m->family);
		if (*m->labels)
			vt_sink_printf(&name, "{%s}", m->labels);
		row(out, 0, vt_sink_text(&name), 34, m->kind <= VT_METRIC_BUCKET && kinds[m->kind]
		    ? kinds[m->kind] : "gauge", 42, m->help);
		vt_sink_discard(&name);
	}
}

static void print_probes(struct vt_sink *out)
{
	vt_sink_string(out, "--- Probes ---\n");
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		row(out, 0, probes[i].name, 14, probes[i].source, 20, probes[i].help);
}

static void print_collectors(struct vt_sink *out)
{
	vt_sink_string(out, "--- Collectors ---\n");
	for (unsigned i = 0; vt_collectors[i]; i++)
		row(out, 0, vt_collectors[i]->name, 14, vt_collectors[i]->standard ? "on" : "off", 20,
		    vt_collectors[i]->summary);
}

static int check_categories(const struct settings *set, const struct vt_schema *schema)
{
	const char *names[VT_MAX_CATEGORIES];

	for (unsigned id = 0; id < VT_MAX_CATEGORIES; id++)
		names[id] = schema->categories[id].name;
	for (unsigned i = 0; i < set->categories.count; i++) {
		const char *given = set->categories.items[i];
		bool found = false;
		for (unsigned id = 0; id < VT_MAX_CATEGORIES && !found; id++)
			found = names[id] && strcmp(names[id], given) == 0;
		if (found)
			continue;
		const char *nearest = vt_name_nearest(given, names, VT_MAX_CATEGORIES);
		return vt_usage("unknown category '%s'%s%s%s (valktrace schema lists them)", given,
		                nearest ? ", did you mean '" : "", nearest ? nearest : "",
		                nearest ? "'?" : "");
	}
	return VT_EXIT_OK;
}

/* The parts that were asked for; without a wish all but probes and collectors. */
static int print(const struct settings *set, const struct vt_schema *schema, struct vt_sink *out)
{
	bool all = !set->metrics && !set->probes && !set->collectors, whole = all && set->categories.count == 0;
	int code = check_categories(set, schema);

	if (code)
		return code;
	if (whole)
		print_categories(out, schema);
	if (all)
		print_events(out, set, schema);
	if (whole)
		vt_sink_char(out, '\n');
	if (set->metrics || whole)
		print_metrics(out, schema);
	if (set->probes)
		print_probes(out);
	if (set->collectors)
		print_collectors(out);
	return VT_EXIT_OK;
}

static int print_run(void *user, struct vt_input *in, struct vt_sink *text)
{
	const struct vt_process_info *p = vt_main_process(in->run);

	return print(user, p ? p->schema : vt_schema_builtin(), text);
}

static int print_own(const struct settings *set, struct vt_pages *pages)
{
	struct vt_sink text;

	if (vt_pages_text(pages, &text))
		return VT_EXIT_FAILURE;
	int code = print(set, vt_schema_builtin(), &text);
	if (!code)
		return vt_pages_add(pages, &text);
	vt_sink_discard(&text);
	return code;
}

static int run(int argc, char **argv)
{
	struct settings set = { .metrics = false };
	int first = vt_opt_parse(&vt_cmd_schema, argc, argv, &set);
	int code = first == VT_OPT_USAGE ? VT_EXIT_USAGE : VT_EXIT_OK;
	struct vt_pages pages = { .path = set.output, .apart = true };

	if (first == argc)
		code = print_own(&set, &pages);
	else if (first >= 0)
		code = vt_pages_of_runs(&pages, argv + first, argc - first, print_run, &set);
	code = vt_pages_close(&pages, code);
	vt_opt_free(options, &set);
	return code;
}

const struct vt_command vt_cmd_schema = {
	.name = "schema",
	.args = "[FILE...|-]",
	.summary = "list categories, events, fields and metrics",
	.details = "Without a FILE: those that this valktrace knows; else those in the log.\n",
	.exits = vt_exits_of_readers,
	.examples = "  valktrace schema --category gc\n"
	            "  valktrace schema --probes\n"
	            "  valktrace schema --collectors\n",
	.opts = options,
	.run = run,
};
